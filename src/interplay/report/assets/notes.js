// The headline sentence, whether the prediction is right, how to read the numbers, and where they come from.

import { apart, count, el, named, percent, plural, quoted, running, scoreText, shorten, sizeOf, visible } from "./base.js";
import { KINDS, isWhole } from "./model.js";

// ---- the headline: what the prediction rests on; below it, as a score and no claim, the strongest pair ----

// The strongest pair that stands out and its score; or that none does. Returns nodes.
/** @type {(opened: OpenedExplanation, table: PairTable) => Child[]} */
function summary(opened, table) {
  const { pairs } = table;
  if (!pairs.length) return ["No pairs were scored for this prediction."];
  const found = table.lead;
  if (!found) {
    const told = pairs.some((pair) => pair.sii.half !== null || pair.gap.half !== null);
    const why = told ? "every 95% interval includes 0 or is missing" : "no pair has an interval";
    return [`No pair score stands out at this budget of ${plural(opened.raw.evaluations, "evaluation")}: ${why}.`];
  }
  const value = `on the ${table.value.on} of ${quoted(shorten(visible(opened.raw.target), 60))}`;
  return [
    `Strongest pair score: ${opened.features[found.pair.i].phrase} and ${opened.features[found.pair.j].phrase}, `,
    el("em", { class: `${found.kind}${found.against ? " against" : ""}` }, `${found.kind === "redundancy" ? "redundancy gap" : "SII"} ${scoreText(found.score)}`),
    ` ${value}${isWhole(table.value.expert) ? "" : ` of the ${named(table.value.expert)} expert`}.`,
  ];
}

// Among very many pairs one that excludes 0 is no surprise: says so unless the strongest one would still be there
// after Bonferroni's correction. The tail of the normal law is at most sqrt(2 / pi) / z exp(-z^2 / 2) on both sides.
/** @type {(table: PairTable) => HTMLElement | null} */
function chance(table) {
  const found = table.lead;
  if (!found || !found.score.half) return null;
  const z = (table.width[KINDS[found.kind].score] * sizeOf(found.score)) / found.score.half;
  const expected = ((table.pairs.length * Math.sqrt(2 / Math.PI)) / z) * Math.exp((-z * z) / 2);
  return expected < 0.05 ? null : el("b", { class: "doubt" }, `Among ${plural(table.pairs.length, "pair")} an interval this clear can arise by chance. `);
}

/** @type {(raw: RawExplanation) => string} */
function spent(raw) {
  const { budget } = raw.provenance.settings;
  return `${plural(raw.evaluations, "evaluation")}${typeof budget === "number" && Number.isInteger(budget) && budget >= raw.evaluations ? ` of ${count(budget)}` : ""} spent`;
}

/** @type {(text: string) => string} */
const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// ---- prediction and truth ----

// The likeliest label where exactly one holds; otherwise every label at one half or more, which may be none.
/** @type {(prediction: Prediction, kind: LabelKind) => string[]} */
function predictedLabels(prediction, kind) {
  const said = kind === "single" ? prediction.slice(0, 1) : prediction.filter(([, p]) => p >= 0.5);
  return said.map(([label]) => label);
}

/** @type {(prediction: Prediction, truth: string[] | null, kind: LabelKind) => {mark: string, word: string, text: string}} */
function verdictOf(prediction, truth, kind) {
  if (truth === null) return { mark: "", word: "Truth not known", text: "" };
  const said = predictedLabels(prediction, kind);
  const list = (/** @type {string[]} */ labels) => (labels.length ? labels.map((l) => quoted(shorten(visible(l), 40))).join(", ") : "no label");
  const hit = said.filter((label) => truth.includes(label));
  if (hit.length === said.length && hit.length === truth.length) return { mark: "right", word: "Right", text: `the truth is ${list(truth)}` };
  if (!hit.length) return { mark: "wrong", word: "Wrong", text: `the truth is ${list(truth)}` };
  return { mark: "partly", word: "Partly right", text: `the truth is ${list(truth)}` };
}

// How sure a sentence may sound: never surer than the number beside it.
const SAYS = 0.9; // "says" at this probability or more, and says no at 1 - SAYS or less
const LEANS = 0.6; // "leans to" from here to SAYS; between 1 - LEANS and LEANS a label of several is undecided

/** @type {(prediction: Prediction, kind: LabelKind, written?: boolean) => string} */
export function claimOf(prediction, kind, written = false) {
  const named = (/** @type {[string, number]} */ [label, p]) => `${quoted(shorten(visible(label), 40))} (${percent(p)})`;
  const list = (/** @type {Prediction} */ found) => found.slice(0, 3).map(named).join(", ") + (found.length > 3 ? ` and ${count(found.length - 3)} more` : "");
  if (!prediction.length) return "";
  const [best, second] = prediction;
  if (written) return `Writes ${named(best)}.`;
  if (kind === "single") {
    if (best[1] >= SAYS) return `Says ${named(best)}.`;
    if (best[1] >= LEANS || !second) return `Leans to ${named(best)}.`;
    return `Undecided: ${named(best)} before ${named(second)}.`;
  }
  /** @type {(low: number, high: number) => string} */
  const between = (low, high) => list(prediction.filter(([, p]) => p >= low && p < high));
  const parts = [["says", between(SAYS, Infinity)], ["leans to", between(LEANS, SAYS)], ["undecided on", between(1 - LEANS, LEANS)]];
  const told = parts.filter(([, text]) => text).map(([verb, text]) => `${verb} ${text}`);
  if (told.length) return `${upper(told.join("; "))}.`;
  if (!second) return `${best[1] <= 1 - SAYS ? "Says that it is not" : "Leans to its not being"} ${named(best)}.`;
  return `${best[1] <= 1 - SAYS ? "Says that no label holds" : "Leans to no label"}; the likeliest is ${named(best)}.`;
}

/** @type {(opened: OpenedExplanation) => HTMLElement} */
function predictionBox(opened) {
  const { raw, prediction } = opened;
  const said = predictedLabels(prediction, raw.label_kind);
  const rows = prediction.map(([label, p]) => {
    const tags = [];
    if (label === raw.target) tags.push(el("span", { class: "tag" }, "explained"));
    if (raw.truth && raw.truth.includes(label)) tags.push(el("span", { class: "tag true" }, "true label"));
    return el("li", { class: said.includes(label) ? "said" : "" },
      el("span", { class: "name" }, el("bdi", {}, shorten(visible(label), 60)), tags),
      el("span", { class: "track", "aria-hidden": "true" }, el("span", { vars: { "--share": p } })),
      el("b", {}, percent(p)));
  });
  const verdict = verdictOf(prediction, raw.truth, raw.label_kind);
  const few = rows.slice(0, 5);
  const rest = rows.slice(5);
  return el("div", { class: "prediction" },
    el("h2", {}, "Prediction"),
    el("p", { class: "claim" }, claimOf(prediction, raw.label_kind, raw.written)),
    el("ul", { class: "labels" }, few),
    rest.length ? el("details", {}, el("summary", {}, `${count(rest.length)} more labels`), el("ul", { class: "labels" }, rest)) : null,
    el("p", { class: `verdict ${verdict.mark}` }, el("b", {}, verdict.word), verdict.text ? `: ${verdict.text}` : ""));
}

/** @type {(root: HTMLElement, opened: OpenedExplanation, table: PairTable) => void} */
export function fillHero(root, opened, table) {
  const { raw } = opened;
  root.replaceChildren(
    el("div", { class: "headline" },
      el("p", { class: "eyebrow" }, el("span", {}, "Sample "), el("bdi", {}, shorten(visible(raw.sample_id), 80))),
      el("h1", { id: "summary" }, `${upper(opened.headline)}.`),
      el("p", { class: "reach" }, `${opened.besideClaim} Percentages are exact: this model was asked again with those parts removed. `, opened.agreement ? el("b", {}, `${upper(opened.agreement)}.`) : "Trained again, a model may decide by other parts: no other training was compared."),
      el("details", { class: "scores" },
        el("summary", {}, "Pair scores"),
        el("p", { class: "strongest", id: "strongest" }, summary(opened, table)),
        el("p", { class: "basis" }, chance(table), `${upper(table.name)} · ${plural(table.pairs.length, "pair")} scored · ${spent(raw)}`))),
    predictionBox(opened));
}

/** @type {(root: HTMLElement, raw: RawExplanation) => void} */
export function fillNotes(root, raw) {
  root.hidden = raw.notes.length === 0;
  root.replaceChildren(el("h2", {}, "Know before reading"), el("ul", {}, raw.notes.map((note) => el("li", { dir: "auto" }, shorten(running(note), 2000)))));
}

// ---- how to read ----

const FILLS = {
  mean: "A removed feature is replaced by the training set's mean token",
  zero: "A removed feature is replaced by zeros",
  attention: "A removed feature is dropped from attention and pooling",
  input: "A removed word is left out of the text, a removed patch is painted over",
};
const LEVELS = {
  feature: "Features are removed behind the frozen encoders: this explains the fusion. A token that was encoded in its whole text or picture still carries something of the rest",
  input: "Words and pixels are removed before the encoders: this explains the whole model",
};

/** @type {(width: {sii: number, gap: number}) => string} */
const widths = ({ sii, gap }) => (sii === gap ? sii.toFixed(2) : `${sii.toFixed(2)} (SII) or ${gap.toFixed(2)} (gap)`);

/** @type {(root: HTMLElement, opened: OpenedExplanation, table: PairTable) => void} */
export function fillReading(root, opened, table) {
  const { value, pairs } = table;
  const chance = Math.round(pairs.length * 0.05);
  /** @type {(title: string, ...text: string[]) => HTMLElement} */
  const card = (title, ...text) => el("div", { class: "tip" }, el("h3", {}, title), text.map((t) => el("p", {}, t)));
  root.replaceChildren(
    el("h2", { id: "reading-title" }, "How to read this"),
    el("div", { class: "tips" },
      card("Acting together: SII", `The Shapley interaction index asks how much more two features move the ${value.on} together than each does alone, averaged over backgrounds of the other features. Above 0 they need each other; below 0 they do less together than apart, or act together against the label.`),
      card("Backing each other up: redundancy gap", "Above 0 where each feature alone moves the value the same way, the joint effect is less than the sum, and removing both hurts: each is a spare for the other. Below 0 the pair works only together. A pair with a negative SII and a positive gap is drawn as redundancy only."),
      card("The interval", `± is ${widths(table.width)} standard errors: a ${100 * opened.raw.interval.level}% interval for one pair taken alone.${chance ? ` Of ${count(pairs.length)} pairs about ${count(chance)} would exclude 0 by chance, so trust wide margins more than narrow ones.` : ""} n/a is missing, never 0. ± 0 means that all samples agreed, or that the score is exact.`),
      card("What the model was asked", `The ${value.on} of ${quoted(shorten(visible(opened.raw.target), 60))} from the ${value.expert === "mixture" ? "mixture of experts" : isWhole(value.expert) ? "model" : `${apart(shorten(value.expert, 60))} expert`}. ${FILLS[value.fill]}. ${LEVELS[value.level]}.`)));
}

// ---- provenance ----

/** @type {(root: HTMLElement, opened: OpenedExplanation, table: PairTable, details: Record<string, string>) => void} */
export function fillProvenance(root, opened, table, details) {
  const { raw } = opened;
  const from = raw.provenance;
  /** @type {(object: Settings) => string} */
  const pairs = (object) => Object.entries(object).map(([k, v]) => `${k} ${v === null ? "none" : v}`).join(" · ");
  const value = table.value;
  const lines = [
    ...Object.entries(details),
    ["Sample", raw.sample_id],
    ["Value", `${value.on} of ${value.expert}, fill ${value.fill}, ${value.level} level`],
    ["Evaluations", count(raw.evaluations)],
    ["Estimator", raw.estimator],
    ["Seed", String(from.seed)],
    ["Run", from.run],
    ["Data", from.data],
    ["Model", from.model],
    ["Encoders", pairs(from.encoders)],
    ["Settings", pairs(from.settings)],
    ["Versions", pairs(from.versions)],
    ["Schema", raw.schema],
  ];
  root.replaceChildren(el("h2", { id: "provenance-title" }, "Where this comes from"),
    el("dl", {}, lines.filter(([, text]) => text !== "").map(([name, text]) => el("div", {}, el("dt", {}, shorten(visible(name), 60)), el("dd", { dir: "auto" }, shorten(running(text), 2000))))));
}
