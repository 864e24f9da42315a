// What is asked of the gallery: filters, order, the opened sample. The part of the address after # holds all of it.

import { present } from "./base.js";
import { columns, detailsOf, explained, holds, isRight, labelled, labels, says, splitOf, strength, total } from "./run-data.js";

export const NONE = "!none"; // no label
/** @type {Filter} */
export const EMPTY = { split: "", true: "", said: "", error: "", pairs: "", strength: "", min: "", max: "", text: "", sort: "order", down: "" };
const FILTERS = /** @type {(keyof Filter)[]} */ (Object.keys(EMPTY));
/** @type {(keyof Filter)[]} */
const NUMBERS = ["min", "max", "strength"];
/** @type {{filter: Filter, sample: string, pair: string}} */
export const state = { filter: { ...EMPTY }, sample: "", pair: "" };

/** @type {Record<string, [string, (n: number) => string | number | null]>} */
export const SORTS = {
  order: ["file order", (n) => n],
  id: ["id", (n) => columns.id[n]],
  true: ["true label", (n) => labelled(columns.truth[n])],
  said: ["predicted label", (n) => labelled(columns.said[n])],
  confidence: ["confidence", (n) => columns.confidence[n]],
  mistake: ["how wrong", (n) => columns.mistake[n]],
  sii: ["strongest SII", (n) => strength(n, "sii")],
  gap: ["strongest redundancy gap", (n) => strength(n, "redundancy_gap")],
};

/** @type {(name: string) => number} */
const placeOf = (name) => (name === NONE ? -1 : labels.indexOf(name));

// A test of rows for every filter that is set; a text filter needs the texts to be there.
/** @type {(filter: Filter) => ((n: number) => boolean)[]} */
function tests(filter) {
  /** @type {((n: number) => boolean)[]} */
  const out = [];
  /** @type {(places: number[], name: string) => boolean} */
  const labelled = (places, name) => (places.length === 0 ? name === NONE : places.includes(placeOf(name)));
  if (filter.split) out.push((n) => splitOf(n) === filter.split);
  if (filter.true) out.push((n) => labelled(columns.truth[n], filter.true));
  if (filter.said) out.push((n) => labelled(columns.said[n], filter.said));
  if (filter.error === "right") out.push(isRight);
  if (filter.error === "wrong") out.push((n) => !isRight(n));
  const [, kind, name] = /^(fp|fn):(.*)$/su.exec(filter.error) || [];
  if (kind === "fp") out.push((n) => says(n, placeOf(name)) && !holds(n, placeOf(name)));
  if (kind === "fn") out.push((n) => holds(n, placeOf(name)) && !says(n, placeOf(name)));
  if (filter.pairs) out.push((n) => explained.has(n));
  if (filter.pairs === "sii" || filter.pairs === "gap") {
    const score = filter.pairs === "sii" ? "sii" : "redundancy_gap";
    const least = Number(filter.strength) || 0;
    out.push((n) => (strength(n, score) ?? -Infinity) >= least);
  }
  if (filter.min !== "") out.push((n) => 100 * columns.confidence[n] >= Number(filter.min));
  if (filter.max !== "") out.push((n) => 100 * columns.confidence[n] <= Number(filter.max));
  if (filter.text) {
    const wanted = filter.text.toLowerCase();
    /** @type {(text: string) => boolean} */
    const within = (text) => text.toLowerCase().includes(wanted);
    out.push((n) => within(columns.id[n]) || [...present(detailsOf(n)).texts.values()].some(within));
  }
  return out;
}

// The numbers of the rows that pass, in order. What is missing comes last whichever way one sorts.
/** @type {(filter: Filter) => number[]} */
export function findRows(filter) {
  const all = tests(filter);
  const rows = [];
  for (let n = 0; n < total; n += 1) if (all.every((test) => test(n))) rows.push(n);
  const key = (SORTS[filter.sort] || SORTS.order)[1];
  const keys = new Map(rows.map((n) => [n, key(n)]));
  const sign = filter.down ? -1 : 1;
  return rows.sort((a, b) => {
    const [x, y] = [keys.get(a) ?? null, keys.get(b) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    return sign * (typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en")) || a - b;
  });
}

// ---- the address ----

function toAddress() {
  const out = new URLSearchParams();
  for (const name of FILTERS) if (state.filter[name] !== EMPTY[name]) out.set(name, state.filter[name]);
  if (state.sample) out.set("sample", state.sample);
  if (state.sample && state.pair) out.set("pair", state.pair);
  return `#${out}`;
}

export function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of FILTERS) state.filter[name] = given.get(name) ?? EMPTY[name];
  const { filter } = state;
  for (const name of NUMBERS) if (!Number.isFinite(Number(filter[name]))) filter[name] = "";
  if (!Object.hasOwn(SORTS, filter.sort)) filter.sort = EMPTY.sort;
  state.sample = given.get("sample") || "";
  state.pair = given.get("pair") || "";
}

// A step that Back undoes, or not.
/** @type {(step: boolean) => void} */
export function keepAddress(step) {
  const address = toAddress();
  if (address === location.hash || (address === "#" && !location.hash)) return;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
