// Opens an explanation, keeps the address in step with it, and minds the printer.

const index = JSON.parse(byId("index").textContent);
const options = { table: 0, kind: "both", links: 4, sureOnly: true, method: null };
let current = null; // the explanation on show
let stage = null;
let shown = -1;

// The part of the address after #: the sample id; a second explanation of the same sample adds ~2.
const addresses = (() => {
  const seen = new Map();
  return index.samples.map(({ id }) => {
    const times = (seen.get(id) || 0) + 1;
    seen.set(id, times);
    return encodeURIComponent(shortId(id)) + (times > 1 ? `~${times}` : "");
  });
})();

// Long ids are cut; halves of characters, which an address cannot hold, are left out.
function shortId(id) {
  return Array.from(id.slice(0, 200)).filter((c) => !/^[\ud800-\udfff]$/.test(c)).join("");
}

function open(n) {
  if (n === shown) return;
  shown = n;
  const opened = openExplanation(JSON.parse(byId(`data-${n}`).textContent));
  if (stage) stage.close();
  options.table = 0;
  if (window.innerWidth < 640) options.links = Math.min(options.links, 3);
  stage = new Stage(byId("evidence"), opened, options);
  new Experts(byId("experts"), opened, options);
  fillNotes(byId("notes"), opened.raw);
  current = opened;
  onTable();
  drawPicker();
}

// What depends on the chosen value: the headline, the table and the notes.
function onTable() {
  fillHero(byId("hero"), current, stage.table);
  new PairList(byId("pairs"), current, stage, index);
  fillReading(byId("reading"), current, stage.table);
  fillProvenance(byId("provenance"), current, stage.table, index.details);
}
byId("evidence").addEventListener("table", onTable);

// ---- which explanation ----

function drawPicker() {
  const nav = byId("picker");
  nav.hidden = index.samples.length < 2;
  if (nav.hidden) return;
  const go = (n) => () => {
    location.hash = addresses[n];
  };
  const step = (n, name, text) => el("button", { type: "button", class: "quiet", id: name, "aria-label": `${name} explanation`, disabled: n < 0 || n >= addresses.length, on: { click: go(n) } }, text);
  const choices = index.samples.map(({ id, target }, n) => el("option", { value: n, selected: n === shown }, `${shorten(visible(id), 50)} · ${shorten(visible(target), 30)}`));
  const pick = el("select", { id: "sample", "aria-label": "Sample", on: { change: (event) => go(Number(event.target.value))() } }, choices);
  const held = nav.contains(document.activeElement) ? document.activeElement.id : null;
  nav.replaceChildren(step(shown - 1, "previous", ["‹", el("span", { class: "word" }, " Previous")]), pick, el("span", { class: "of" }, `${shown + 1} of ${addresses.length}`), step(shown + 1, "next", [el("span", { class: "word" }, "Next "), "›"]));
  if (held && byId(held)) byId(held).focus();
}

function fromAddress() {
  const wanted = location.hash.slice(1).split("&")[0];
  const decode = (text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return Math.max(0, addresses.findIndex((address) => address === wanted || decode(address) === decode(wanted)));
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

// #SAMPLE opens a sample, #SAMPLE&pair=3-21 pins a pair of its features as well.
function follow() {
  open(fromAddress());
  const [, i, j] = /&pair=(\d+)-(\d+)$/u.exec(location.hash) || [];
  const pair = stage.table.pairs.find((p) => p.i === Number(i) && p.j === Number(j));
  if (pair) stage.show(pair);
}

window.addEventListener("hashchange", follow);
setTheme(0);
follow();
