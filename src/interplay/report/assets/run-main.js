// Puts the page together: what is asked, what is found, what is opened.

import { byId, count, el, plural, targetOf } from "./base.js";
import { index } from "./run-index.js";
import { offer } from "./downloads.js";
import { blur, toggleBlur } from "./run-card.js";
import { buildControls, fillControls, rowsCsv, rowsJson } from "./run-controls.js";
import { arrived, askForRows, columns, total } from "./run-data.js";
import { findRows, fromAddress, keepAddress, state } from "./run-filter.js";
import { Gallery, ON_PAPER } from "./run-gallery.js";
import { Opened } from "./run-sample.js";
import { fillFacts, fillMetrics, fillTables, fillTraining } from "./run-summary.js";
import { setTheme } from "./theme.js";

/** @type {RunSummary} */
const summary = JSON.parse(byId("summary").textContent);
const form = byId("filters");
const told = byId("told");
let turn = 0; // of several searches the last one asked counts
/** @type {number[]} */
let found = [];

const opened = new Opened(byId("sample", HTMLDialogElement), {
  step: (by) => {
    const place = opened.n === null ? -1 : found.indexOf(opened.n);
    const to = found[place + by];
    if (place >= 0 && to !== undefined) openSample(to, "", false);
  },
  close: (n) => {
    if (found.includes(n)) gallery.go(found.indexOf(n));
    if (!state.sample) return;
    state.sample = "";
    state.pair = "";
    keepAddress(true);
  },
  blurred: (n) => {
    toggleBlur(n);
    afterBlur(n);
  },
});
const gallery = new Gallery(byId("gallery"), (n) => openSample(n, "", true));

/** @type {(n: number, pair: string, step: boolean) => void} */
function openSample(n, pair, step) {
  state.sample = columns.id[n];
  state.pair = pair;
  const place = found.indexOf(n);
  if (place >= 0) gallery.reach(place);
  keepAddress(step);
  opened.show(n, place, found.length, pair);
}

// ---- what is found ----

async function search() {
  turn += 1;
  const mine = turn;
  if (state.filter.text && arrived.size < Math.ceil(total / index.chunk)) {
    told.textContent = "Reading the texts …";
    const readable = await askForRows(columns.id.map((_, n) => n)).then(() => true, () => false);
    if (mine !== turn) return;
    if (!readable) {
      told.textContent = "Some texts beside this page could not be read, so they cannot be searched.";
      return;
    }
  }
  found = findRows(state.filter);
  gallery.show(found);
  told.textContent = found.length === total ? plural(total, "sample") : `${count(found.length)} of ${plural(total, "sample")}`;
  byId("none").hidden = found.length > 0;
  byId("none").textContent = "No sample is so. Clear a filter to see more.";
  for (const id of ["get-csv", "get-json"]) byId(id, HTMLButtonElement).disabled = found.length === 0;
}

async function changed() {
  fillControls(form);
  keepAddress(false);
  await search();
}

// From the address: filters first, then the sample that is open in it.
/** @type {(jump?: "first") => Promise<void>} */
async function follow(jump) {
  const before = JSON.stringify(state.filter);
  fromAddress();
  fillControls(form);
  if (jump === "first" || JSON.stringify(state.filter) !== before) await search();
  const n = state.sample ? columns.id.indexOf(state.sample) : -1;
  if (n >= 0) openSample(n, state.pair, false);
  else {
    state.sample = "";
    if (opened.root.open) opened.root.close();
  }
}

// ---- blur, downloads, printing ----

/** @type {(n?: number) => void} */
function afterBlur(n) {
  byId("blur").setAttribute("aria-pressed", blur.all && blur.shown.size === 0 ? "true" : "false");
  gallery.redraw(n);
  if (opened.n !== null) opened.fill(opened.n, found.indexOf(opened.n), found.length, state.pair);
}

/** @type {(kind: "csv" | "json") => Promise<void>} */
async function download(kind) {
  const rows = found;
  told.textContent = "Reading the texts …";
  try {
    await askForRows(rows);
    offer(kind === "csv" ? rowsCsv(rows) : rowsJson(rows), "samples", kind);
    told.textContent = `${plural(rows.length, "sample")} in samples.${kind}`;
  } catch {
    told.textContent = "Some texts beside this page could not be read, so there is nothing whole to save.";
  }
}

byId("actions").append(
  el("button", { type: "button", id: "blur", "aria-pressed": "false", on: { click: () => {
    const all = byId("blur").getAttribute("aria-pressed") !== "true";
    blur.all = all;
    blur.shown.clear();
    afterBlur();
  } } }, "Blur pictures and texts"),
  el("button", { type: "button", id: "get-csv", on: { click: () => download("csv") } }, "Download CSV"),
  el("button", { type: "button", id: "get-json", on: { click: () => download("json") } }, "Download JSON"));

byId("gallery").addEventListener("blurred", (event) => afterBlur(/** @type {CustomEvent<number>} */ (event).detail));

for (const paper of [true, false]) {
  window.addEventListener(paper ? "beforeprint" : "afterprint", () => {
    gallery.paper = paper;
    document.documentElement.classList.toggle("paper", paper);
    byId("told").dataset.paper = found.length > ON_PAPER ? `, the first ${ON_PAPER} of which are here` : "";
    gallery.layOut();
  });
}

function toSamples() {
  byId("samples").focus();
  byId("samples").scrollIntoView();
}
document.querySelector("[data-skip]")?.addEventListener("click", (event) => {
  event.preventDefault();
  toSamples();
});
document.addEventListener("click", (event) => {
  const link = targetOf(event).closest("#metrics a");
  if (link) byId("samples").scrollIntoView();
});

window.addEventListener("hashchange", () => follow());
setTheme(0);
fillFacts(summary, toSamples);
fillMetrics(summary);
fillTraining(summary);
fillTables(summary);
buildControls(form, changed);
afterBlur();
follow("first");
