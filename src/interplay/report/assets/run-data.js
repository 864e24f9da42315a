// The samples: columns that lie in the page, and texts and probabilities that come in frames when they are needed.

import { byId, el } from "./base.js";
import { index } from "./data.js";

export const { columns, labels } = index;
export const total = columns.id.length;
const AT_ONCE = 4;
const PATIENCE = 5000; // ms that a frame which has loaded may take to send what it holds
export const arrived = new Map(); // number of a chunk -> its rows: [texts, probabilities]
const asked = new Map(); // number of a chunk -> a promise of them

export const chunkOf = (n) => Math.floor(n / index.chunk);
export const detailsOf = (n) => {
  const rows = arrived.get(chunkOf(n));
  return rows ? { texts: new Map(Object.entries(rows[n % index.chunk][0])), probabilities: rows[n % index.chunk][1] } : null;
};

// A file beside the page cannot be fetched from disk; a sandboxed frame can load it and post what it holds.
export function askFor(chunk) {
  if (!asked.has(chunk)) {
    asked.set(chunk, new Promise((resolve, reject) => {
      const frame = el("iframe", { sandbox: "allow-scripts", hidden: true, title: "Data", src: `data/${String(chunk).padStart(3, "0")}.html` });
      const end = (settle, value) => {
        window.removeEventListener("message", take);
        frame.remove();
        settle(value);
      };
      const take = (event) => {
        if (event.source !== frame.contentWindow || !event.data || event.data.chunk !== chunk) return;
        arrived.set(chunk, event.data.rows);
        end(resolve);
      };
      window.addEventListener("message", take);
      frame.addEventListener("load", () => setTimeout(() => arrived.has(chunk) || end(reject, new Error(`data/${chunk} is missing`)), PATIENCE));
      byId("frames").append(frame);
    }));
  }
  return asked.get(chunk);
}

// All chunks of these rows, a few at a time; `tell` hears how many are there, of how many.
export async function askForRows(rows, tell) {
  const wanted = [...new Set(rows.map(chunkOf))];
  const next = async () => {
    while (wanted.length) {
      await askFor(wanted.shift());
      if (tell) tell(size - wanted.length, size);
    }
  };
  const size = wanted.length;
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

// ---- what is known of a row at once ----

export const splitOf = (n) => index.splits[columns.split[n]];
export const holds = (n, label) => columns.truth[n].includes(label);
export const says = (n, label) => columns.said[n].includes(label);
export const isRight = (n) => columns.truth[n].length === columns.said[n].length && columns.truth[n].every((label) => says(n, label));
export const labelled = (places) => (places.length ? places.map((c) => labels[c]).join(", ") : "none");

export const explained = new Map(Object.entries(index.explained).map(([n, told]) => [Number(n), told.explanations]));

// The strongest pair of one score over the explanations of a row, which Python chose; null where there is none.
export function strongestOf(n, score) {
  const told = index.explained[n];
  const at = told ? told.strongest[score] : null;
  return at ? told.explanations[at[0]].pairs[at[1]] : null;
}
export const strength = (n, score) => {
  const pair = strongestOf(n, score);
  return pair === null ? null : Math.abs(pair.value);
};

export function thumbOf(n, modality) {
  const { folder, kind } = index.pictures;
  const number = columns.thumbs[n][modality];
  if (number === null || number === undefined) return null;
  return `pictures/${String(Math.floor(number / folder)).padStart(3, "0")}/${String(number).padStart(5, "0")}.${kind}`;
}
