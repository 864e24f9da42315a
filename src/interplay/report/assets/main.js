// Opens an explanation, keeps the address in step with it, and minds the printer.

import { addresses, fromAddress, readLook, writeLook } from "./address.js";
import { byId, el, shorten, visible } from "./base.js";
import { Beside } from "./beside.js";
import { index } from "./data.js";
import { Experts } from "./experts.js";
import { openExplanation } from "./model.js";
import { fillHero, fillNotes, fillProvenance, fillReading } from "./notes.js";
import { Stage } from "./stage.js";
import { PairList } from "./table.js";
import { setTheme } from "./theme.js";

const options = { table: 0, kind: "both", links: 4, sureOnly: true, method: null };
let current = null; // the explanation on show
let stage = null;
let beside = null;
let shown = -1;
let veiled = index.blur; // until asked for; the page forgets it when it is closed

function open(n) {
  if (n === shown) return;
  shown = n;
  const opened = openExplanation(JSON.parse(byId(`data-${n}`).textContent), veiled);
  if (stage) stage.close();
  options.table = 0;
  if (window.innerWidth < 640) options.links = Math.min(options.links, 3);
  stage = new Stage(byId("evidence"), opened, options);
  new Experts(byId("experts"), opened, options);
  fillNotes(byId("notes"), opened.raw);
  current = opened;
  const another = (other) => (other === n ? opened : openExplanation(JSON.parse(byId(`data-${other}`).textContent), veiled));
  beside = new Beside(byId("beside"), n, options, another, (other) => {
    location.hash = addresses[other];
    byId("evidence").focus(); // the button goes; what it opened is looked at
  });
  onTable();
  drawPicker();
}

// Opens what the address names, and looks at it as it says.
function go() {
  const [n, texts] = fromAddress();
  open(n);
  const look = readLook(current, texts);
  if (stage.lookAt(look) && (look.pinned || look.off.size)) byId("evidence").scrollIntoView({ block: "nearest" });
  lookBeside();
}

function lookBeside() {
  beside.look(stage.pinned && stage.pinned.pair ? stage.pinned.pair : null, stage.table.value);
}

// What a person chose goes into the address, one step back for each choice.
byId("evidence").addEventListener("look", () => {
  lookBeside();
  location.hash = addresses[shown] + writeLook(current, { table: options.table, pinned: stage.pinned, off: stage.off });
});

// What depends on the chosen value: the headline, the table and the notes.
function onTable() {
  fillHero(byId("hero"), current, stage.table);
  new PairList(byId("pairs"), current, stage, index);
  fillReading(byId("reading"), current, stage.table);
  fillProvenance(byId("provenance"), current, stage.table, index.details);
}
byId("evidence").addEventListener("table", onTable);
byId("evidence").addEventListener("table", lookBeside);
byId("experts").addEventListener("method", () => beside.draw());

// ---- which explanation ----

function drawPicker() {
  const nav = byId("picker");
  nav.hidden = index.samples.length < 2;
  if (nav.hidden) return;
  const go = (n) => () => {
    location.hash = addresses[n];
  };
  const step = (n, name, text) => el("button", { type: "button", class: "quiet", id: name, "aria-label": `${name} explanation`, disabled: n < 0 || n >= addresses.length, on: { click: go(n) } }, text);
  const twice = (id) => index.samples.filter((other) => other.id === id).length > 1;
  const choices = index.samples.map(({ id, target, by }, n) => el("option", { value: n, selected: n === shown }, [id, target, ...(twice(id) ? [by] : [])].map((text) => shorten(visible(text), 50)).join(" · ")));
  const pick = el("select", { id: "sample", "aria-label": "Sample", on: { change: (event) => go(Number(event.target.value))() } }, choices);
  const held = nav.contains(document.activeElement) ? document.activeElement.id : null;
  nav.replaceChildren(step(shown - 1, "previous", ["‹", el("span", { class: "word" }, " Previous")]), pick, el("span", { class: "of" }, `${shown + 1} of ${addresses.length}`), step(shown + 1, "next", [el("span", { class: "word" }, "Next "), "›"]));
  if (held && byId(held)) byId(held).focus();
}

// ---- printing: the stage is laid out anew for the width of paper, or its links would miss their words ----

window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("paper");
  stage.layOut();
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("paper");
  stage.layOut();
});

document.querySelector("[data-skip]").addEventListener("click", (event) => {
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
