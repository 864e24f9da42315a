// The filters above the gallery. They read and write `state.filter`; the page does the rest.

import { byId, el, shorten, visible } from "./base.js";
import { index } from "./data.js";
import { csvCell } from "./downloads.js";
import { columns, detailsOf, explained, isRight, labels, splitOf, strongestOf } from "./run-data.js";
import { EMPTY, NONE, SORTS, state } from "./run-filter.js";

export function buildControls(root, changed) {
  const option = (value, text) => el("option", { value }, text);
  const label = (name) => shorten(visible(name), 40);
  const field = (id, name, control) => el("label", { class: "field" }, el("span", {}, name), Object.assign(control, { id: `by-${id}`, name: id }));
  const select = (id, name, ...options) => field(id, name, el("select", {}, options));
  const number = (id, name, hint) => field(id, name, el("input", { type: "number", min: 0, step: "any", placeholder: hint, inputmode: "decimal" }));
  const anyLabel = [option("", "any"), ...labels.map((name) => option(name, label(name))), option(NONE, "none of them")];
  const copy = (options) => options.map((node) => node.cloneNode(true));
  const group = (kind, title) => el("optgroup", { label: title }, labels.map((name) => option(`${kind}:${name}`, label(name))));
  const several = index.kind === "multi" ? [group("fp", "Predicted, but not true"), group("fn", "True, but not predicted")] : [];
  root.append(
    field("text", "Search", el("input", { type: "search", placeholder: "id or text", autocomplete: "off", spellcheck: "false" })),
    index.splits.length > 1 ? select("split", "Split", option("", "all"), index.splits.map((name) => option(name, name))) : "",
    select("true", "True", copy(index.kind === "multi" ? anyLabel : anyLabel.slice(0, -1))),
    select("said", "Predicted", copy(index.kind === "multi" ? anyLabel : anyLabel.slice(0, -1))),
    select("error", "Result", option("", "any"), option("right", index.kind === "multi" ? "every label right" : "right"), option("wrong", index.kind === "multi" ? "any label wrong" : "wrong"), several),
    el("fieldset", { class: "field" }, el("legend", { class: "hush" }, "Confidence in percent"), el("span", { "aria-hidden": "true" }, "Confidence"), number("min", el("span", { class: "hush" }, "Confidence at least, percent"), "0"), el("span", { "aria-hidden": "true" }, "to"), number("max", el("span", { class: "hush" }, "Confidence at most, percent"), "100"), el("span", { "aria-hidden": "true" }, "%")),
    explained.size ? select("pairs", "Explained", option("", "or not"), option("any", "yes"), option("sii", "a pair acts together (SII)"), option("gap", "a pair backs up (gap)")) : "",
    explained.size ? number("strength", "at least", "0") : "",
    select("sort", "Sort by", Object.entries(SORTS).filter(([key]) => explained.size || (key !== "sii" && key !== "gap")).map(([key, [name]]) => option(key, name))),
    el("button", { type: "button", id: "by-down", "aria-pressed": "false" }, "Descending"),
    el("button", { type: "button", id: "clear" }, "Clear"),
  );
  const take = () => {
    for (const control of root.querySelectorAll("[name]")) state.filter[control.name] = control.value;
    changed();
  };
  let later = 0;
  root.addEventListener("input", (event) => {
    clearTimeout(later);
    if (event.target.matches("input")) later = setTimeout(take, 200);
    else take();
  });
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    take();
  });
  byId("by-down").addEventListener("click", () => {
    state.filter.down = state.filter.down ? "" : "1";
    changed();
  });
  byId("clear").addEventListener("click", () => {
    state.filter = { ...EMPTY };
    changed();
  });
}

// Controls as the address has them. What is being typed is left alone.
export function fillControls(root) {
  for (const control of root.querySelectorAll("[name]")) {
    if (control.value !== state.filter[control.name]) control.value = state.filter[control.name];
  }
  byId("by-down").setAttribute("aria-pressed", state.filter.down ? "true" : "false");
  const strengthBox = byId("by-strength");
  if (strengthBox) strengthBox.parentElement.hidden = !["sii", "gap"].includes(state.filter.pairs);
}

// ---- downloads: every row that is found, with all that is known of it ----

function record(n) {
  const { texts, probabilities } = detailsOf(n);
  const score = (kind) => {
    const pair = strongestOf(n, kind);
    return pair && { value: pair.value, half: pair.half, i: pair.i, j: pair.j, words: pair.words };
  };
  return {
    id: columns.id[n], split: splitOf(n), true: columns.truth[n].map((c) => labels[c]), predicted: columns.said[n].map((c) => labels[c]),
    right: isRight(n), confidence: columns.confidence[n], mistake: columns.mistake[n], sii: score("sii"), redundancy_gap: score("redundancy_gap"),
    probabilities: labels.map((name, c) => [name, probabilities[c]]), texts: [...texts],
  };
}

export function rowsCsv(rows) {
  const head = ["id", "split", "true", "predicted", "right", "confidence", "mistake", "sii", "redundancy_gap", ...labels.map((name) => `p(${name})`), ...index.texts];
  const lines = rows.map(record).map((r) => {
    const texts = new Map(r.texts);
    return [r.id, r.split, r.true.join("|"), r.predicted.join("|"), String(r.right), r.confidence, r.mistake, r.sii && r.sii.value, r.redundancy_gap && r.redundancy_gap.value, ...r.probabilities.map(([, p]) => p), ...index.texts.map((name) => texts.get(name))];
  });
  return `${[head, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n")}\r\n`;
}

// Label and modality names may be anything, `__proto__` too: objects are made from entries.
export function rowsJson(rows) {
  const plainRecord = (n) => {
    const r = record(n);
    return { ...r, probabilities: Object.fromEntries(r.probabilities), texts: Object.fromEntries(r.texts) };
  };
  return `${JSON.stringify(rows.map(plainRecord), null, 1)}\n`;
}
