// The filters above the gallery. They read and write `state.filter`; the page does the rest.

import { byId, el, present, shorten, targetOf, visible } from "./base.js";
import { index } from "./run-index.js";
import { csvCell } from "./downloads.js";
import { columns, detailsOf, explained, isRight, labels, splitOf, strongestOf } from "./run-data.js";
import { EMPTY, NONE, SORTS, state } from "./run-filter.js";

/** @type {(root: HTMLElement, changed: () => void) => void} */
export function buildControls(root, changed) {
  /** @type {(value: string, text: string) => HTMLElement} */
  const option = (value, text) => el("option", { value }, text);
  /** @type {(name: string) => string} */
  const label = (name) => shorten(visible(name), 40);
  /** @type {(id: string, name: Child, control: HTMLElement) => HTMLElement} */
  const field = (id, name, control) => el("label", { class: "field" }, el("span", {}, name), Object.assign(control, { id: `by-${id}`, name: id }));
  /** @type {(id: string, name: Child, ...options: Child[]) => HTMLElement} */
  const select = (id, name, ...options) => field(id, name, el("select", {}, options));
  /** @type {(id: string, name: Child, hint: string) => HTMLElement} */
  const number = (id, name, hint) => field(id, name, el("input", { type: "number", min: 0, step: "any", placeholder: hint, inputmode: "decimal" }));
  const anyLabel = [option("", "any"), ...labels.map((name) => option(name, label(name))), option(NONE, "none of them")];
  /** @type {(options: HTMLElement[]) => Node[]} */
  const copy = (options) => options.map((node) => node.cloneNode(true));
  /** @type {(kind: string, title: string) => HTMLElement} */
  const group = (kind, title) => el("optgroup", { label: title }, labels.map((name) => option(`${kind}:${name}`, label(name))));
  const several = index.kind === "multi" ? [group("fp", "Predicted, but not true"), group("fn", "True, but not predicted")] : [];
  root.append(
    field("text", "Search", el("input", { type: "search", placeholder: "id or text", autocomplete: "off", spellcheck: "false" })),
    index.splits.length > 1 ? select("split", "Split", option("", "all"), index.splits.map((name) => option(name, name))) : "",
    select("true", "True", copy(index.kind === "multi" ? anyLabel : anyLabel.slice(0, -1))),
    select("said", "Predicted", copy(index.kind === "multi" ? anyLabel : anyLabel.slice(0, -1))),
    select("error", "Result", option("", "any"), option("right", index.kind === "multi" ? "every label right" : "right"), option("wrong", index.kind === "multi" ? "any label wrong" : "wrong"), several),
    el("fieldset", { class: "field" }, el("legend", { class: "hush" }, "Confidence in percent"), el("span", { "aria-hidden": "true" }, "Confidence"), number("min", el("span", { class: "hush" }, "Confidence at least, percent"), "0"), el("span", { "aria-hidden": "true" }, "to"), number("max", el("span", { class: "hush" }, "Confidence at most, percent"), "100"), el("span", { "aria-hidden": "true" }, "%")),
    explained.size ? select("pairs", "Explained", option("", "or not"), option("any", "yes"), option("sii", "a pair acts together (SII)"), option("gap", "a pair backs up (gap)")) : "",
    explained.size ? number("strength", "at least", "0") : "",
    select("sort", "Sort by", Object.entries(SORTS).filter(([key]) => explained.size || (key !== "sii" && key !== "gap")).map(([key, [name]]) => option(key, name))),
    el("button", { type: "button", id: "by-down", "aria-pressed": "false" }, "Descending"),
    el("button", { type: "button", id: "clear" }, "Clear"),
  );
  const take = () => {
    for (const control of controlsOf(root)) state.filter[nameOf(control)] = control.value;
    changed();
  };
  let later = 0;
  root.addEventListener("input", (event) => {
    clearTimeout(later);
    if (targetOf(event).matches("input")) later = setTimeout(take, 200);
    else take();
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    take();
  });
  byId("by-down").addEventListener("click", () => {
    state.filter.down = state.filter.down ? "" : "1";
    changed();
  });
  byId("clear").addEventListener("click", () => {
    state.filter = { ...EMPTY };
    changed();
  });
}

/** @type {(root: HTMLElement) => NodeListOf<HTMLInputElement | HTMLSelectElement>} */
const controlsOf = (root) => root.querySelectorAll("[name]");

// A control has the name of the filter that it sets.
/** @type {(control: HTMLInputElement | HTMLSelectElement) => keyof Filter} */
const nameOf = (control) => /** @type {keyof Filter} */ (control.name);

// Controls as the address has them. What is being typed is left alone.
/** @type {(root: HTMLElement) => void} */
export function fillControls(root) {
  for (const control of controlsOf(root)) {
    const wanted = state.filter[nameOf(control)];
    if (control.value !== wanted) control.value = wanted;
  }
  byId("by-down").setAttribute("aria-pressed", state.filter.down ? "true" : "false");
  const strengthBox = document.getElementById("by-strength")?.parentElement;
  if (strengthBox) strengthBox.hidden = !["sii", "gap"].includes(state.filter.pairs);
}

// ---- downloads: every row that is found, with all that is known of it ----

function record(/** @type {number} */ n) {
  const { texts, probabilities } = present(detailsOf(n));
  const score = (/** @type {RunScore} */ kind) => {
    const pair = strongestOf(n, kind);
    return pair && { value: pair.value, half: pair.half, i: pair.i, j: pair.j, words: pair.words };
  };
  return {
    id: columns.id[n], split: splitOf(n), true: columns.truth[n].map((c) => labels[c]), predicted: columns.said[n].map((c) => labels[c]),
    right: isRight(n), confidence: columns.confidence[n], mistake: columns.mistake[n], sii: score("sii"), redundancy_gap: score("redundancy_gap"),
    probabilities: labels.map((name, c) => /** @type {[string, number]} */ ([name, probabilities[c]])), texts: [...texts],
  };
}

/** @type {(rows: number[]) => string} */
export function rowsCsv(rows) {
  const head = ["id", "split", "true", "predicted", "right", "confidence", "mistake", "sii", "redundancy_gap", ...labels.map((name) => `p(${name})`), ...index.texts];
  const lines = rows.map(record).map((r) => {
    const texts = new Map(r.texts);
    return [r.id, r.split, r.true.join("|"), r.predicted.join("|"), String(r.right), r.confidence, r.mistake, r.sii && r.sii.value, r.redundancy_gap && r.redundancy_gap.value, ...r.probabilities.map(([, p]) => p), ...index.texts.map((name) => texts.get(name))];
  });
  return `${[head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n")}\r\n`;
}

// Label and modality names may be anything, `__proto__` too: objects are made from entries.
/** @type {(rows: number[]) => string} */
export function rowsJson(rows) {
  /** @type {(n: number) => object} */
  const plainRecord = (n) => {
    const r = record(n);
    return { ...r, probabilities: Object.fromEntries(r.probabilities), texts: Object.fromEntries(r.texts) };
  };
  return `${JSON.stringify(rows.map(plainRecord), null, 1)}\n`;
}
