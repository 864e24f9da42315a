// Opens an explanation, keeps the address in step with it, and minds the printer.

import { addresses, fromAddress, readLook, writeLook } from "./address.js";
import { byId, el, present, shorten, targetOf, visible } from "./base.js";
import { Beside } from "./beside.js";
import { index } from "./data.js";
import { Experts } from "./experts.js";
import { openExplanation } from "./model.js";
import { fillHero, fillNotes, fillProvenance, fillReading } from "./notes.js";
import { Stage } from "./stage.js";
import { PairList } from "./table.js";
import { setTheme } from "./theme.js";

/** @type {Options} */
const options = { table: 0, kind: "both", links: 4, chosen: false, sureOnly: true, method: null };
/** @type {{opened: OpenedExplanation, stage: Stage, beside: Beside} | null} */
let current = null; // the explanation on show; one is from the first `go` on
let shown = -1;
let veiled = index.blur; // until asked for; the page forgets it when it is closed

/** @type {(n: number) => void} */
function open(n) {
  if (n === shown) return;
  shown = n;
  const opened = openExplanation(JSON.parse(byId(`data-${n}`).textContent), veiled);
  if (current) current.stage.close();
  options.table = 0;
  if (!options.chosen) Object.assign(options, opened.firstLook); // until a person chooses, what the headline says
  if (window.innerWidth < 640) options.links = Math.min(options.links, 3);
  const stage = new Stage(byId("evidence"), opened, options);
  new Experts(byId("experts"), opened, options);
  fillNotes(byId("notes"), opened.raw);
  /** @type {(other: number) => OpenedExplanation} */
  const another = (other) => (other === n ? opened : openExplanation(JSON.parse(byId(`data-${other}`).textContent), veiled));
  const beside = new Beside(byId("beside"), n, options, another, (other) => {
    location.hash = addresses[other];
    byId("evidence").focus(); // the button goes; what it opened is looked at
  });
  current = { opened, stage, beside };
  onTable();
  drawPicker();
}

// Opens what the address names, and looks at it as it says.
function go() {
  const [n, texts] = fromAddress();
  open(n);
  const { opened, stage } = present(current);
  const look = readLook(opened, texts);
  if (stage.lookAt(look) && (look.pinned || look.off.size)) byId("evidence").scrollIntoView({ block: "nearest" });
  lookBeside();
}

function lookBeside() {
  const { stage, beside } = present(current);
  beside.look(stage.pinned && stage.pinned.pair ? stage.pinned.pair : null, stage.table.value);
}

// What a person chose goes into the address, one step back for each choice.
byId("evidence").addEventListener("look", () => {
  lookBeside();
  const { opened, stage } = present(current);
  location.hash = addresses[shown] + writeLook(opened, { table: options.table, pinned: stage.pinned, off: stage.off });
});

// What depends on the chosen value: the headline, the table and the notes.
function onTable() {
  const { opened, stage } = present(current);
  fillHero(byId("hero"), opened, stage.table);
  new PairList(byId("pairs"), opened, stage, index);
  fillReading(byId("reading"), opened, stage.table);
  fillProvenance(byId("provenance"), opened, stage.table, index.details);
}
byId("evidence").addEventListener("table", onTable);
byId("evidence").addEventListener("table", lookBeside);
byId("experts").addEventListener("method", () => present(current).beside.draw());

// ---- which explanation ----

function drawPicker() {
  const nav = byId("picker");
  nav.hidden = index.samples.length < 2;
  if (nav.hidden) return;
  const go = (/** @type {number} */ n) => () => {
    location.hash = addresses[n];
  };
  /** @type {(n: number, name: string, text: Child) => HTMLElement} */
  const step = (n, name, text) => el("button", { type: "button", class: "quiet", id: name, "aria-label": `${name} explanation`, disabled: n < 0 || n >= addresses.length, on: { click: go(n) } }, text);
  /** @type {(id: string) => boolean} */
  const twice = (id) => index.samples.filter((other) => other.id === id).length > 1;
  const choices = index.samples.map(({ id, target, by }, n) => el("option", { value: n, selected: n === shown }, [id, target, ...(twice(id) ? [by] : [])].map((text) => shorten(visible(text), 50)).join(" · ")));
  const pick = el("select", { id: "sample", "aria-label": "Sample", on: { change: (event) => go(Number(targetOf(event, HTMLSelectElement).value))() } }, choices);
  const held = nav.contains(document.activeElement) ? document.activeElement?.id : null;
  nav.replaceChildren(step(shown - 1, "previous", ["‹", el("span", { class: "word" }, " Previous")]), pick, el("span", { class: "of" }, `${shown + 1} of ${addresses.length}`), step(shown + 1, "next", [el("span", { class: "word" }, "Next "), "›"]));
  if (held) document.getElementById(held)?.focus();
}

// ---- printing: the stage is laid out anew for the width of paper, or its links would miss their words ----

window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  present(current).stage.layOut();
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  present(current).stage.layOut();
});

document.querySelector("[data-skip]")?.addEventListener("click", (event) => {
  event.preventDefault();
  byId("evidence").focus();
  byId("evidence").scrollIntoView();
});

// ---- what may offend ----

function drawVeil() {
  const aside = byId("veil");
  aside.hidden = !index.blur;
  const told = veiled ? "Pictures and text of this data may offend. They are hidden until asked for." : "Pictures and text of this data are shown, and may offend.";
  const toggle = () => {
    veiled = !veiled;
    shown = -1;
    drawVeil();
    go();
    byId("unveil").focus();
  };
  aside.replaceChildren(el("p", {}, told), el("button", { type: "button", id: "unveil", on: { click: toggle } }, `${veiled ? "Show" : "Hide"} pictures and text`));
}

window.addEventListener("hashchange", go);
setTheme(0);
drawVeil();
go();
