// What the run is and how well it does: facts, metrics, training curves, tables of other reports.

import { byId, count, el, plain, plural, running, shorten } from "./base.js";
import { index } from "./run-index.js";
import { total } from "./run-data.js";

/** @type {Record<string, string>} */
const METRICS = {
  accuracy: "accuracy", exact_match: "every label right", macro_f1: "macro F1", weighted_f1: "weighted F1", micro_f1: "micro F1",
  samples_f1: "F1 of samples", auroc: "AUROC", map: "mAP", loss: "loss", best_f1: "best F1 over thresholds", best_balanced_accuracy: "best balanced accuracy",
};
// First what a model is judged by, then what is known by more people: where labels are rare, "no" is accurate.
const TILES = { single: ["macro_f1", "accuracy", "auroc", "map"], multi: ["map", "macro_f1", "auroc", "accuracy"] };

/** @type {(value: number | null | undefined) => string} */
const figure3 = (value) => (value === null || value === undefined ? "–" : value.toFixed(3));

/** @type {(caption: string, head: Child[], rows: Child[][], numbersFrom: number) => HTMLElement} */
function plainTable(caption, head, rows, numbersFrom) {
  /** @type {(tag: "th" | "td", k: number, child: Child) => HTMLElement} */
  const cell = (tag, k, child) => el(tag, { class: k >= numbersFrom ? "number" : null, scope: tag === "th" ? "col" : null }, typeof child === "string" ? el("bdi", {}, shorten(running(child), 300)) : child);
  return el("div", { class: "tablebox", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "hush" }, caption), el("thead", {}, el("tr", {}, head.map((name, k) => cell("th", k, name)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((child, k) => cell("td", k, child)))))));
}

/** @type {(summary: RunSummary, toSamples: () => void) => void} */
export function fillFacts({ facts, metrics, notes, against }, toSamples) {
  const judged = "test" in metrics ? "test" : Object.keys(metrics)[0];
  const reached = judged === undefined ? {} : metrics[judged];
  const tiles = TILES[index.kind === "multi" ? "multi" : "single"].filter((name) => typeof reached[name] === "number");
  byId("tiles").append(el("dl", { class: "tiles" }, tiles.map((name) => el("div", {}, el("dt", {}, `${METRICS[name]} on ${judged}`), el("dd", {}, figure3(reached[name]))))),
    el("button", { type: "button", id: "browse", on: { click: toSamples } }, `Browse ${plural(total, "sample")} ↓`));
  byId("facts").append(
    ...against.map((sentence) => el("p", { class: "against" }, `${sentence}.`)),
    el("dl", { class: "facts" }, facts.map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", { dir: "auto" }, shorten(running(text), 2000))))),
    ...(notes.length ? [el("ul", { class: "notes" }, [...new Set(notes)].map((note) => el("li", { dir: "auto" }, shorten(running(note), 600))))] : []));
}

// The address of the gallery's samples that a number of the table counts.
/** @type {(filter: Partial<Filter>) => string} */
const those = (filter) => `#${new URLSearchParams(filter)}`;

/** @type {(summary: RunSummary) => void} */
export function fillMetrics({ metrics, beside, perLabel }) {
  const splits = Object.keys(metrics);
  const columns = { ...metrics, ...beside };
  const names = [...new Set(splits.flatMap((split) => Object.keys(metrics[split])))].filter((name) => !name.includes("/"));
  /** @type {(number: number, filter: Partial<Filter>, meaning: string) => Child} */
  const counted = (number, filter, meaning) => (number > 0 ? el("a", { href: those(filter), "aria-label": `${count(number)} ${meaning}` }, count(number)) : "0");
  const each = perLabel.map(([split, name, truth, given, both, precision, recall, f1]) => {
    const multi = index.kind === "multi";
    /** @type {(kind: "fp" | "fn") => Partial<Filter>} */
    const wrong = (kind) => (multi ? { split, error: `${kind}:${name}` } : { split, error: "wrong", [kind === "fp" ? "said" : "true"]: name });
    return [split, name, counted(truth, { split, true: name }, "samples in which it is true"), counted(given, { split, said: name }, "predicted"),
      counted(given - both, wrong("fp"), "predicted but not true"), counted(truth - both, wrong("fn"), "true but not predicted"),
      figure3(precision), figure3(recall), figure3(f1), ...(multi ? [figure3(metrics[split] && metrics[split][`accuracy/${name}`])] : [])];
  });
  const head = ["split", "label", "true", "predicted", "false +", "false −", "precision", "recall", "F1", ...(index.kind === "multi" ? ["accuracy"] : [])];
  byId("metrics").append(
    el("h2", { id: "metrics-title" }, "How well it does"),
    el("div", { class: "sides" },
      plainTable("Metrics of each split", ["metric", ...Object.keys(columns)], names.map((name) => [METRICS[name] || name, ...Object.values(columns).map((each) => figure3(each[name]))]), 1),
      plainTable("Of each label; numbers lead to their samples", head, each, 2)),
    el("p", { class: "caption" }, `– is undefined there, never 0. Numbers that are links show their samples below.${Object.keys(beside).length ? " Columns beside the splits are of test: labels from the thresholds that are best on val, and what has to be beaten." : ""}`));
}

/** @type {(value: number | undefined) => string} */
const plainOr = (value) => (value === undefined ? "–" : plain(value));

// ---- training curves ----

const WIDE = 380;
const HIGH = 190;
const INSET = { left: 48, right: 10, top: 10, bottom: 26 };

/** @type {(chart: Chart, best: number | null) => HTMLElement} */
function chart({ title, series }, best) {
  const points = series.flatMap((one) => one.points);
  /** @type {(k: 0 | 1) => [number, number]} */
  const range = (k) => [Math.min(...points.map((p) => p[k])), Math.max(...points.map((p) => p[k]))];
  const [[first, last], [low, high]] = [range(0), range(1)];
  /** @type {(epoch: number) => number} */
  const x = (epoch) => INSET.left + ((epoch - first) / (last - first || 1)) * (WIDE - INSET.left - INSET.right);
  /** @type {(value: number) => number} */
  const y = (value) => HIGH - INSET.bottom - ((value - low) / (high - low || 1)) * (HIGH - INSET.top - INSET.bottom);
  /** @type {(at: [number, number], text: string, up?: boolean) => SVGElement} */
  const mark = (at, text, up) => el("svg:text", { x: at[0], y: at[1], "text-anchor": up ? "end" : "middle", class: "tick" }, text);
  const said = series.map((one) => `${one.name} from ${plain(one.points[0][1])} to ${plain(one.points[one.points.length - 1][1])}`).join("; ");
  const drawing = el("svg:svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${title} by epoch: ${said}`, class: "curves" },
    el("svg:path", { class: "axis", d: `M${INSET.left} ${INSET.top}V${HIGH - INSET.bottom}H${WIDE - INSET.right}` }),
    best !== null && best >= first && best <= last ? el("svg:path", { class: "best", d: `M${x(best)} ${INSET.top}V${HIGH - INSET.bottom}` }) : null,
    series.map((one, k) => el("svg:path", { class: `curve c${k % 4}`, d: one.points.map(([epoch, value], n) => `${n ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("") })),
    series.map((one, k) => one.points.length === 1 ? el("svg:circle", { class: `dot c${k % 4}`, cx: x(one.points[0][0]), cy: y(one.points[0][1]), r: 3 }) : null),
    mark([INSET.left - 6, y(high) + 4], plain(high), true), high > low ? mark([INSET.left - 6, y(low)], plain(low), true) : null,
    mark([x(first), HIGH - 8], String(first)), last > first ? mark([x(last) - 6, HIGH - 8], String(last)) : null, mark([(INSET.left + WIDE) / 2, HIGH - 8], "epoch"));
  /** @type {(one: {name: string}, k: number) => HTMLElement} */
  const key = (one, k) => el("li", {}, el("svg:svg", { viewBox: "0 0 24 8", class: "key", "aria-hidden": "true" }, el("svg:path", { class: `curve c${k % 4}`, d: "M1 4H23" })), one.name);
  return el("figure", {}, el("h3", {}, title), drawing, el("ul", { class: "legend" }, series.map(key)));
}

/** @type {(summary: RunSummary) => void} */
export function fillTraining({ charts, bestEpoch }) {
  if (!charts.length) return;
  const epochs = [...new Set(charts.flatMap((c) => c.series.flatMap((s) => s.points.map((p) => p[0]))))].sort((a, b) => a - b);
  const all = charts.flatMap((c) => c.series).map((s) => ({ name: s.name, at: new Map(s.points) }));
  const rows = epochs.map((epoch) => [String(epoch), ...all.map((s) => plainOr(s.at.get(epoch)))]);
  byId("training").hidden = false;
  byId("training").append(el("h2", { id: "training-title" }, "How it was trained"),
    el("div", { class: "charts" }, charts.map((one) => chart(one, bestEpoch))),
    bestEpoch === null ? "" : el("p", { class: "caption" }, `The dotted line marks epoch ${bestEpoch}, whose weights were kept.`),
    el("details", {}, el("summary", {}, "The same as numbers"), plainTable("Training by epoch", ["epoch", ...all.map((s) => s.name)], rows, 0)));
}

const atHand = location.protocol === "file:"; // served, what lies outside the report's folder is not there

/** @type {(summary: RunSummary) => void} */
export function fillTables({ tables }) {
  byId("tables").append(...tables.map((table, k) => el("section", { "aria-labelledby": `table-${k}` },
    el("h2", { id: `table-${k}` }, table.title),
    table.about ? el("p", { class: "caption" }, shorten(running(table.about), 4000)) : "",
    table.rows.length ? plainTable(table.title, table.header, table.rows, 2) : "",
    table.link && (atHand || !table.link.includes("../")) ? el("p", {}, el("a", { href: table.link }, `Open ${table.link.split("/").at(-1)}`)) : "")));
}
