// The line of numbers under the stage, the legend, and the small interval plots that the table uses too.

import { count, el, MINUS, plain, plural, present, scoreText, sizeOf } from "./base.js";
import { sample } from "./marks.js";
import { KINDS } from "./model.js";

/** @type {Record<Which, string>} */
export const NAMES = { sii: "SII", gap: "redundancy gap" };

/** @type {(node: HTMLElement, opened: OpenedExplanation, table: PairTable, options: Options, look: Look) => void} */
export function fillReadout(node, opened, table, options, look) {
  if (look.pair) node.replaceChildren(...pairReadout(opened, table, look.pair));
  else if (look.at !== undefined) node.replaceChildren(...featureReadout(opened, table, options, opened.features[look.at]));
  else {
    const hint = "Point at a word, a patch or a number to see what acts with what. Click to pin it; Escape lets go.";
    node.replaceChildren(el("p", { class: "hint" }, hint));
  }
}

/** @type {(opened: OpenedExplanation, table: PairTable, pair: Pair) => HTMLElement[]} */
function pairReadout(opened, table, pair) {
  const [one, other] = [opened.features[pair.i], opened.features[pair.j]];
  /** @type {(which: Which) => HTMLElement} */
  const line = (which) =>
    el("div", { class: "score" }, el("dt", {}, NAMES[which]),
      el("dd", {}, whisker(pair[which], table.max[which], which), el("b", {}, scoreText(pair[which])), " ", verdict(pair[which])));
  return [
    el("p", { class: "who" }, one.phrase, el("span", { class: "times" }, " × "), other.phrase),
    el("dl", { class: "scores" }, line("sii"), line("gap")),
    el("p", { class: "aside" }, pair.samples ? `${plural(pair.samples, "background")}${opened.raw.estimator === "hybrid" ? " behind the gap" : ""}` : "not sampled"),
  ];
}

// The same in two lines, beside what is pointed at.
/** @type {(opened: OpenedExplanation, table: PairTable, options: Options, look: Look) => [string, string]} */
export function tooltipLines(opened, table, options, look) {
  /** @type {(pair: Pair) => string} */
  const told = (pair) => `SII ${scoreText(pair.sii)} · gap ${scoreText(pair.gap)}`;
  if (look.pair) return [`${opened.features[look.pair.i].phrase} × ${opened.features[look.pair.j].phrase}`, told(look.pair)];
  const which = options.kind === "redundancy" ? "gap" : "sii";
  const at = present(look.at);
  const [best] = ranked(table, at, which);
  const { phrase } = opened.features[at];
  if (!best) return [phrase, "no scored pairs: missing, not zero"];
  return [phrase, `most with ${opened.features[best[0]].phrase}: ${KINDS[which === "gap" ? "redundancy" : "synergy"].short} ${scoreText(best[1][which])}`];
}

// The partners of a feature with their pairs, strongest first, without those that are missing.
/** @type {(table: PairTable, at: number, which: Which) => [number, Pair][]} */
function ranked(table, at, which) {
  const pairs = [...table.partnersOf(at)].filter(([, pair]) => pair[which].value !== null);
  return pairs.sort((a, b) => sizeOf(b[1][which]) - sizeOf(a[1][which]));
}

/** @type {(s: Score) => string} */
function verdict(s) {
  if (s.value === null) return "missing";
  if (s.half === null) return "no interval";
  return s.sure ? "interval excludes 0" : "interval includes 0";
}

/** @type {(opened: OpenedExplanation, table: PairTable, options: Options, feature: Feature) => HTMLElement[]} */
function featureReadout(opened, table, options, feature) {
  const which = options.kind === "redundancy" ? "gap" : "sii";
  const pairs = ranked(table, feature.at, which);
  const sure = pairs.filter(([, pair]) => pair[which].sure).length;
  const text = pairs.length
    ? `${plural(pairs.length, "scored pair")}; ${count(sure)} with an interval that excludes 0`
    : "no scored pairs: missing, not zero";
  const top = pairs.slice(0, 3).map(([at, pair]) =>
    el("li", {}, whisker(pair[which], table.max[which], which), el("span", { class: "partner" }, opened.features[at].phrase), el("b", {}, scoreText(pair[which]))),
  );
  return [
    el("p", { class: "who" }, feature.phrase, el("small", {}, text)),
    top.length ? el("ol", { class: "partners", "aria-label": `Strongest partners by ${NAMES[which]}` }, top) : null,
    pairs.length ? scaleBar(table.max[which], which) : null,
  ].filter((node) => node !== null);
}

// The colours of the heat and the value at each end of them.
/** @type {(max: number, which: Which) => HTMLElement} */
export function scaleBar(max, which) {
  const far = plain(max);
  return el("div", { class: "scale" }, el("span", {}, `${MINUS}${far}`), el("span", { class: `ramp ${which}`, "aria-hidden": "true" }), el("span", {}, `+${far} ${NAMES[which]}`));
}

// A dot with its 95% interval on a line from -max to max; hollow where the interval includes 0 or is unknown.
/** @type {(s: Score, max: number, which: Which) => SVGElement} */
export function whisker(s, max, which) {
  const svg = el("svg:svg", { class: `whisker ${which}`, viewBox: "0 0 120 16", "aria-hidden": "true" });
  svg.append(el("svg:path", { class: "axis", d: "M60 2V14" }));
  if (s.value === null || !max) return svg;
  /** @type {(value: number) => number} */
  const x = (value) => 60 + 54 * Math.max(-1.1, Math.min(1.1, value / max));
  const sign = s.value < 0 ? "neg" : "pos";
  if (s.half !== null) svg.append(el("svg:path", { class: `reach ${sign}`, d: `M${x(s.value - s.half).toFixed(1)} 8H${x(s.value + s.half).toFixed(1)}` }));
  svg.append(el("svg:circle", { class: `${sign}${s.sure ? "" : " hollow"}`, cx: x(s.value).toFixed(1), cy: 8, r: 3.4 }));
  return svg;
}

export function legend() {
  /** @type {(mark: Node, name: string, meaning: string) => HTMLElement} */
  const entry = (mark, name, meaning) => el("li", {}, mark, el("span", {}, el("b", {}, name), ` ${meaning}`));
  /** @type {(name: string) => HTMLElement} */
  const box = (name) => el("i", { class: `key ${name}`, "aria-hidden": "true" });
  return el("ul", { class: "legend", "aria-label": "Legend" },
    entry(sample("synergy"), "Synergy", "act together for the value (solid)"),
    entry(sample("synergy against"), "Synergy against", "act together against it (solid, minus sign)"),
    entry(sample("redundancy"), "Redundancy", "back each other up (dashed)"),
    entry(box("missing"), "Missing", "pair not scored, which is not zero"),
    el("li", { class: "wordy" }, "Numbers are the score ± its 95% interval."),
  );
}
