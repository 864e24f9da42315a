// The samples: columns that lie in the page, and texts and probabilities that come in frames when they are needed.

import { byId, el } from "./base.js";
import { index } from "./run-index.js";

export const { columns, labels } = index;
export const total = columns.id.length;
const AT_ONCE = 4;
const PATIENCE = 5000; // ms that a frame which has loaded may take to send what it holds
/** @type {Map<number, ChunkRow[]>} */
export const arrived = new Map(); // number of a chunk -> its rows: [texts, probabilities]
/** @type {Map<number, Promise<void>>} */
const asked = new Map(); // number of a chunk -> a promise of them

/** @type {(n: number) => number} */
export const chunkOf = (n) => Math.floor(n / index.chunk);
/** @type {(n: number) => Details | null} */
export const detailsOf = (n) => {
  const rows = arrived.get(chunkOf(n));
  return rows ? { texts: new Map(Object.entries(rows[n % index.chunk][0])), probabilities: rows[n % index.chunk][1] } : null;
};

// A file beside the page cannot be fetched from disk; a sandboxed frame can load it and post what it holds.
/** @type {(chunk: number) => Promise<void>} */
export function askFor(chunk) {
  const before = asked.get(chunk);
  if (before) return before;
  /** @type {Promise<void>} */
  const coming = new Promise((resolve, reject) => {
    const frame = el("iframe", { sandbox: "allow-scripts", hidden: true, title: "Data", src: `data/${String(chunk).padStart(3, "0")}.html` });
    const end = () => {
      window.removeEventListener("message", take);
      frame.remove();
    };
    /** @type {(event: MessageEvent) => void} */
    const take = (event) => {
      if (event.source !== frame.contentWindow || !event.data || event.data.chunk !== chunk) return;
      arrived.set(chunk, event.data.rows);
      end();
      resolve();
    };
    const miss = () => {
      if (arrived.has(chunk)) return;
      end();
      reject(new Error(`data/${chunk} is missing`));
    };
    window.addEventListener("message", take);
    frame.addEventListener("load", () => setTimeout(miss, PATIENCE));
    byId("frames").append(frame);
  });
  asked.set(chunk, coming);
  return coming;
}

// All chunks of these rows, a few at a time; `tell` hears how many are there, of how many.
/** @type {(rows: number[], tell?: (there: number, of: number) => void) => Promise<void>} */
export async function askForRows(rows, tell) {
  const wanted = [...new Set(rows.map(chunkOf))];
  const next = async () => {
    for (let chunk = wanted.shift(); chunk !== undefined; chunk = wanted.shift()) {
      await askFor(chunk);
      if (tell) tell(size - wanted.length, size);
    }
  };
  const size = wanted.length;
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

// ---- what is known of a row at once ----

/** @type {(n: number) => string} */
export const splitOf = (n) => index.splits[columns.split[n]];
/** @type {(n: number, label: number) => boolean} */
export const holds = (n, label) => columns.truth[n].includes(label);
/** @type {(n: number, label: number) => boolean} */
export const says = (n, label) => columns.said[n].includes(label);
/** @type {(n: number) => boolean} */
export const isRight = (n) => columns.truth[n].length === columns.said[n].length && columns.truth[n].every((label) => says(n, label));
/** @type {(places: number[]) => string} */
export const labelled = (places) => (places.length ? places.map((c) => labels[c]).join(", ") : "none");

/** @type {Map<number, ExplainedTarget[]>} */
export const explained = new Map(Object.entries(index.explained).map(([n, told]) => [Number(n), told.explanations]));

// The strongest pair of one score over the explanations of a row, which Python chose; null where there is none.
/** @type {(n: number, score: RunScore) => ExplainedPair | null} */
export function strongestOf(n, score) {
  const told = index.explained[n];
  const at = told ? told.strongest[score] : null;
  return at ? told.explanations[at[0]].pairs[at[1]] : null;
}
/** @type {(n: number, score: RunScore) => number | null} */
export const strength = (n, score) => {
  const pair = strongestOf(n, score);
  return pair === null ? null : Math.abs(pair.value);
};

/** @type {(n: number, modality: number) => string | null} */
export function thumbOf(n, modality) {
  const { folder, kind } = index.pictures;
  const number = columns.thumbs[n][modality];
  if (number === null || number === undefined) return null;
  return `pictures/${String(Math.floor(number / folder)).padStart(3, "0")}/${String(number).padStart(5, "0")}.${kind}`;
}
