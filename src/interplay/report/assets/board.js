// What the evidence stage is built of: the box of each modality, the toolbar, pills and the tooltip's place.

import { el, plural, present, scoreText, targetOf } from "./base.js";
import { sample } from "./marks.js";
import { KINDS } from "./model.js";
import { panelOf, rove, VEILED } from "./panels.js";
import { endOf } from "./wires.js";

// What a feature is called by the panel that draws it, one and many.
/** @type {Record<Panel, [string, string?]>} */
const COUNTED = { text: ["token"], image: ["patch", "patches"], features: ["feature"] };

// A modality under its name. `takeOut` hears whether all its features are to be out; null where nobody can ask.
/** @type {(modality: Modality, takeOut: ((out: boolean) => void) | null) => {panel: DrawnPanel, box: HTMLElement}} */
export function boxOfModality(modality, takeOut) {
  const panel = panelOf(modality, true);
  rove(panel, modality);
  const [one, many] = COUNTED[modality.panel];
  const what = plural(modality.features.length, one, many);
  const cut = modality.truncated ? `, ${plural(modality.truncated, `more ${one}`)} not read by the encoder` : "";
  const blank = modality.panel === "image" && !modality.picture ? ", picture not supplied" : "";
  const hidden = modality.veiled ? `, ${VEILED}` : "";
  const head = el("h3", {}, el("bdi", {}, modality.title), el("small", {}, `${what}${cut}${blank}${hidden}`), takeOut ? takeOutBox(modality, takeOut) : null);
  const label = `${modality.title}: arrow keys move, Enter pins, Escape lets go`;
  const box = el("div", { class: `panel of-${modality.panel}`, role: "group", "aria-label": label, vars: { "--ratio": panel.ratio || 1 } }, head, panel.node);
  return { panel, box };
}

/** @type {(modality: Modality, takeOut: (out: boolean) => void) => HTMLElement} */
function takeOutBox(modality, takeOut) {
  const box = el("input", { type: "checkbox", "data-all": modality.name, on: { change: (event) => takeOut(targetOf(event, HTMLInputElement).checked) } });
  return el("label", { class: "all" }, box, el("span", {}, "Take out all"));
}

// `set` takes what is chosen otherwise; `ask` begins or ends the what-if, null where nobody can ask.
/** @type {(tables: PairTable[], shown: PairTable, options: Options, set: (change: Partial<Options>) => void, ask: ((event: MouseEvent) => void) | null) => HTMLElement} */
export function toolbarOf(tables, shown, options, set, ask) {
  /** @type {[Options["kind"], string][]} */
  const kinds = [["synergy", "Synergy"], ["redundancy", "Redundancy"], ["both", "Both"]];
  const radios = kinds.map(([value, name]) =>
    el("label", {},
      el("input", { type: "radio", name: "kind", value, checked: options.kind === value, on: { change: () => set({ kind: value, chosen: true }) } }),
      el("span", {}, value === "both" ? null : sample(value), name)),
  );
  const number = el("output", {}, String(options.links));
  const onLinks = (/** @type {Event} */ event) => {
    number.textContent = targetOf(event, HTMLInputElement).value;
    set({ links: Number(number.textContent), chosen: true });
  };
  const choices = tables.map((table, n) => el("option", { value: n, selected: table === shown }, table.name));
  const pick = el("select", { id: "table", on: { change: (event) => set({ table: Number(targetOf(event, HTMLSelectElement).value) }) } }, choices);
  return el("div", { class: "toolbar" },
    el("fieldset", { class: "segments" }, el("legend", { class: "hush" }, "Kind of pair"), radios),
    el("label", { class: "field" }, "Links",
      el("input", { id: "links", type: "range", min: 0, max: 10, value: options.links, on: { input: onLinks } }), number),
    el("label", { class: "field" },
      el("input", { id: "sure", type: "checkbox", checked: options.sureOnly, on: { change: (event) => set({ sureOnly: targetOf(event, HTMLInputElement).checked }) } }),
      "Only intervals that exclude 0"),
    el("label", { class: "field" }, "Value", pick),
    ask ? el("button", { type: "button", id: "ask", "aria-pressed": "false", on: { click: ask } }, "What if…") : null,
  );
}

// The button of a link, with its number.
/** @type {(link: Link, opened: OpenedExplanation) => HTMLElement} */
function pillOf({ kind, against, pair, score }, { features }) {
  const name = KINDS[kind].short;
  const phrase = `${features[pair.i].phrase} and ${features[pair.j].phrase}`;
  const label = `${kind}${against ? " against" : ""}: ${phrase}: ${name} ${scoreText(score)}`;
  return el("button", { type: "button", class: `pill ${kind}${against ? " against" : ""}`, "aria-label": label, "aria-pressed": "false" },
    sample(against ? "synergy against" : kind), el("span", { class: "what" }, name), el("span", {}, scoreText(score)));
}

// A link with its number, and between which words and patches it runs.
/** @type {(link: Link, opened: OpenedExplanation, nodes: Map<number, HTMLElement>, panels: Map<string, {node: HTMLElement, column: number}>) => StageLink} */
export function drawnLink(link, opened, nodes, panels) {
  const ends = [link.pair.i, link.pair.j].map((at) => {
    const { modality } = opened.features[at];
    const { node, column } = present(panels.get(modality.name));
    const end = endOf(at, modality.listed, column);
    return { ...end, node: present(nodes.get(at)), panel: node, area: end.box };
  });
  const pill = pillOf(link, opened);
  return { ...link, ends, pill, item: el("li", { class: link.score.sure ? "" : "unsure" }, pill), wire: el("svg:g") };
}

// The feature or the pair that an event points at, if any.
/** @type {(event: Event, board: HTMLElement, links: StageLink[]) => Look | null} */
export function pointedAt(event, board, links) {
  const from = targetOf(event);
  const pill = from.closest(".pill");
  if (pill) return { pair: present(links.find((link) => link.pill === pill)).pair };
  const node = /** @type {HTMLElement | null} */ (from.closest("[data-at]"));
  return node && board.contains(node) ? { at: Number(node.dataset.at) } : null;
}

// Beside what is pointed at, above it where there is room, and never outside the stage.
/** @type {(tooltip: HTMLElement, board: HTMLElement, node: HTMLElement) => void} */
export function placeTooltip(tooltip, board, node) {
  const target = node.getBoundingClientRect();
  const origin = board.getBoundingClientRect();
  const middle = target.left + target.width / 2 - origin.left - tooltip.offsetWidth / 2;
  const above = target.top - origin.top - tooltip.offsetHeight - 10;
  const fits = above + origin.top > 0;
  tooltip.style.left = `${Math.max(0, Math.min(board.clientWidth - tooltip.offsetWidth, middle))}px`;
  tooltip.style.top = `${fits ? above : target.bottom - origin.top + 10}px`;
}
