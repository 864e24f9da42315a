// One sample in the gallery, and what of it is blurred until asked for.

import { el, percent, running, shorten, visible } from "./base.js";
import { index } from "./run-index.js";
import { columns, detailsOf, explained, holds, isRight, labelled, says, thumbOf, total } from "./run-data.js";

/** @type {{all: boolean, shown: Set<number>}} */
export const blur = { all: index.blur, shown: new Set() };
/** @type {(n: number) => boolean} */
export const isBlurred = (n) => blur.all && !blur.shown.has(n);

/** @type {(n: number) => void} */
export function toggleBlur(n) {
  if (!blur.all) {
    blur.all = true;
    for (let other = 0; other < total; other += 1) blur.shown.add(other);
    blur.shown.delete(n);
  } else if (blur.shown.has(n)) blur.shown.delete(n);
  else blur.shown.add(n);
}

// A blurred text is not in the page at all: neither search, selection nor a screen reader comes upon it.
/** @type {(text: string) => string} */
const hiddenLetters = (text) => Array.from(text.slice(0, 400), (c) => (c.trim() === "" ? " " : "x")).join("");

/** @type {(n: number, text: string, attributes: Attributes, limit?: number) => HTMLElement[]} */
export function passage(n, text, attributes, limit) {
  if (!isBlurred(n)) return [el("p", { dir: "auto", ...attributes }, shorten(limit ? visible(text) : running(text), limit || 1_000_000))];
  return [el("p", { ...attributes, "aria-hidden": "true" }, hiddenLetters(shorten(text, limit || 400))), el("span", { class: "hush" }, "Text blurred")];
}

/** @type {(n: number, modality: number, size: number) => HTMLElement | null} */
export function picture(n, modality, size) {
  const src = thumbOf(n, modality);
  return src === null ? null : el("img", { src, alt: "", width: size, height: size, draggable: "false", decoding: "async" });
}

/** @type {(n: number) => string} */
export const percentOf = (n) => percent(columns.confidence[n]);

/** @type {(n: number) => { missed: number[], extra: number[] }} */
const mistakes = (n) => ({ missed: columns.truth[n].filter((c) => !says(n, c)), extra: columns.said[n].filter((c) => !holds(n, c)) });

// Of several labels some may be right: one that is missed is no reason to call the sample wrong.
/** @type {(n: number) => "right" | "partly" | "wrong"} */
export function outcome(n) {
  if (isRight(n)) return "right";
  return index.kind === "multi" && columns.said[n].some((c) => holds(n, c)) ? "partly" : "wrong";
}
const MARKS = { right: "✓", partly: "◐", wrong: "✗" };

/** @type {(n: number) => string} */
function cardName(n) {
  const right = outcome(n);
  const { missed, extra } = mistakes(n);
  if (index.kind === "multi" && right !== "right") {
    const parts = [missed.length ? `missed ${shorten(visible(labelled(missed)), 100)}` : "", extra.length ? `extra ${shorten(visible(labelled(extra)), 100)}` : ""];
    return `${shorten(visible(columns.id[n]), 60)}, ${right === "partly" ? "partly right" : "wrong"}: predicted ${shorten(visible(labelled(columns.said[n])), 100)} at ${percentOf(n)}, ${parts.filter(Boolean).join(", ")}${isBlurred(n) ? ", blurred" : ""}`;
  }
  return `${shorten(visible(columns.id[n]), 60)}, ${right}: predicted ${shorten(visible(labelled(columns.said[n])), 100)} at ${percentOf(n)}, true ${shorten(visible(labelled(columns.truth[n])), 100)}${isBlurred(n) ? ", blurred" : ""}`;
}

// A cell of the grid; texts come later if they are not there yet.
/** @type {(n: number, attributes: Attributes) => HTMLElement} */
export function card(n, attributes) {
  const right = outcome(n);
  const { missed, extra } = mistakes(n);
  const cell = el("div", { role: "gridcell", class: `one ${right}${isBlurred(n) ? " blurred" : ""}`, "data-n": n, "aria-label": cardName(n), ...attributes });
  const pictures = index.pictures.modalities.map((_, m) => picture(n, m, index.pictures.side)).filter(Boolean);
  /** @type {(word: string, places: number[]) => HTMLElement} */
  const labelLine = (word, places) => el("p", { class: "says" }, el("span", { class: "word" }, word), el("bdi", {}, shorten(visible(labelled(places)), 60)));
  cell.append(
    ...(pictures.length ? [el("div", { class: "thumbs" }, pictures)] : []),
    el("div", { class: `excerpt${pictures.length ? "" : " tall"}` }, excerpt(n)),
    el("p", { class: "outcome" }, el("b", {}, MARKS[right]), el("bdi", { class: "sure" }, shorten(visible(labelled(columns.said[n])), 40)), el("span", { class: "much" }, percentOf(n))),
    right === "right" ? el("p", { class: "says" }, el("bdi", {}, shorten(visible(columns.id[n]), 40)))
      : index.kind === "single" ? labelLine("true", columns.truth[n])
        : el("div", { class: "both" }, missed.length ? labelLine("missed", missed) : "", extra.length ? labelLine("extra", extra) : ""),
    explained.has(n) ? el("span", { class: "mark-explained", title: "Explained" }, "◆") : "");
  return cell;
}

/** @type {(n: number) => Node[]} */
export function excerpt(n) {
  const details = detailsOf(n);
  if (!details) return [el("p", { class: "text waits" }, index.texts.length ? "…" : "")];
  return [...details.texts.values()].filter((text) => text !== "").slice(0, 2).flatMap((text) => passage(n, text, { class: "text" }, 160));
}
