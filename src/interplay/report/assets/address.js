// The address after #, of parts that Python made (report/addresses.py): the sample, then &value=, and &pin=, &pair= or &off=, so that what is looked at can be linked to.

import { index } from "./data.js";

/** @type {(text: string) => string} */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const addresses = index.samples.map(({ address }) => address);

// [which explanation, what is looked at in it, still as text]
/** @type {() => [number, Map<string, string>]} */
export function fromAddress() {
  const [wanted, ...rest] = location.hash.slice(1).split("&");
  const n = Math.max(0, addresses.findIndex((address) => address === wanted || decoded(address) === decoded(wanted)));
  return [n, new Map(rest.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]))];
}

/** @type {(opened: OpenedExplanation, look: Addressed) => string} */
export function writeLook({ tables }, { table, pinned, off }) {
  const parts = [];
  if (table > 0) parts.push(`value=${tables[table].address}`);
  if (pinned && pinned.pair) parts.push(`pair=${pinned.pair.i}-${pinned.pair.j}`);
  else if (pinned) parts.push(`pin=${pinned.at}`);
  if (off.size) parts.push(`off=${[...off].sort((a, b) => a - b).join("-")}`);
  return parts.map((part) => `&${part}`).join("");
}

// What a link asks for, as far as it is there: a link from an older page must not break this one.
/** @type {(opened: OpenedExplanation, texts: Map<string, string>) => Addressed} */
export function readLook({ tables, features }, texts) {
  const value = texts.get("value") || "";
  const table = Math.max(0, tables.findIndex(({ address }) => address === value || decoded(address) === decoded(value)));
  /** @type {(key: string) => number[]} */
  const numbers = (key) => (/^\d+(-\d+)*$/.test(texts.get(key) || "") ? (texts.get(key) || "").split("-").map(Number) : []).filter((at) => at < features.length);
  const [at] = numbers("pin");
  const [i, j] = numbers("pair");
  const pair = j === undefined ? undefined : tables[table].partnersOf(i).get(j);
  return { table, pinned: pair ? { pair } : at === undefined ? null : { at }, off: new Set(numbers("off")) };
}
