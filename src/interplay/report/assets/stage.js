// The evidence stage: panels, links, and what lights up when a word, a patch or a pair is pointed at.

import { byId, el, present, targetOf } from "./base.js";
import { boxOfModality, drawnLink, placeTooltip, pointedAt, toolbarOf } from "./board.js";
import { fillLens } from "./lens.js";
import { loneLink, markLink, nothingToDraw, warm } from "./marks.js";
import { columnsOf, isSplit } from "./panels.js";
import { fillReadout, legend, tooltipLines } from "./readout.js";
import { fillWhatIf } from "./whatif.js";
import { routeWires } from "./wires.js";

const OF_PINNED = 4; // links of a word that is pinned where none are drawn otherwise

export class Stage {
  /** @type {Look | null} */
  pinned = null;
  /** @type {Look | null} */
  hovered = null;
  /** @type {Set<number>} */
  off = new Set(); // features taken out
  asking = false; // whether a click takes out instead of pinning
  /** @type {StageLink[]} */
  links = [];
  /** @type {Map<string, {node: HTMLElement, column: number}>} */
  panels = new Map(); // by the name of their modality
  /** @type {Map<number, HTMLElement>} */
  nodes = new Map();
  gutter = el("div", { class: "gutter" });
  svg = el("svg:svg", { class: "wires", "aria-hidden": "true" });
  pills = el("ul", { class: "pills", "aria-label": "Strongest pairs" });
  tooltip = el("div", { class: "tooltip", "aria-hidden": "true", hidden: true });
  readout = el("div", { class: "readout", role: "status", "aria-live": "polite" });
  lens = el("div", { class: "lenses", hidden: true });
  whatif = el("div", { class: "whatif", role: "status", "aria-live": "polite", hidden: true });
  empty = el("p", { class: "empty", hidden: true });
  lensOf = ""; // what the lens was drawn of
  goneOf = ""; // and the what-if

  /** @param {HTMLElement} root @param {OpenedExplanation} opened @param {Options} options kept from one to the next */
  constructor(root, opened, options) {
    this.root = root;
    this.opened = opened;
    this.options = options;
    this.board = this.build();
    this.resize = new ResizeObserver(() => this.layOut());
    this.resize.observe(this.board);
    this.redraw();
  }

  get table() {
    return this.opened.tables[Math.min(this.options.table, this.opened.tables.length - 1)];
  }

  // ---- building, once per explanation ----

  build() {
    const { modalities } = this.opened;
    const columns = columnsOf(modalities);
    const [left, right] = columns.map((own, column) =>
      el("div", { class: own.filter((m) => m.panel === "image").length > 1 ? "column several" : "column" }, own.map((modality) => this.addPanel(modality, column))),
    );
    const alone = !columns[1].length ? " alone" : isSplit(modalities) ? "" : " even";
    const board = el("div", { class: `board${alone}`, on: this.listeners() }, left, this.gutter, right, this.svg, this.pills, this.tooltip);
    this.root.replaceChildren(
      el("div", { class: "bar" }, el("h2", { id: "evidence-title" }, "Evidence"), this.toolbar()),
      el("div", { class: "boardbox" }, board),
      this.empty,
      this.whatif,
      this.readout,
      this.lens,
      legend(),
    );
    return board;
  }

  /** @type {(modality: Modality, column: number) => HTMLElement} */
  addPanel(modality, column) {
    const { panel, box } = boxOfModality(modality, this.opened.whatif ? (out) => this.takeOutAll(modality, out) : null);
    for (const [at, node] of panel.nodes) this.nodes.set(at, node);
    this.panels.set(modality.name, { node: panel.node, column });
    return box;
  }

  /** @type {(modality: Modality, out: boolean) => void} */
  takeOutAll(modality, out) {
    for (const f of modality.features) this.off[out ? "add" : "delete"](f.at);
    this.changed();
  }

  toolbar() {
    const ask = (/** @type {Event} */ event) => {
      this.asking = !this.asking;
      targetOf(event).setAttribute("aria-pressed", String(this.asking));
      this.paint();
    };
    return toolbarOf(this.opened.tables, this.table, this.options, (change) => this.set(change), this.opened.whatif ? ask : null);
  }

  /** @type {(change: Partial<Options>) => void} */
  set(change) {
    Object.assign(this.options, change);
    if ("table" in change) {
      this.pinned = this.hovered = null;
      this.root.dispatchEvent(new CustomEvent("table", { bubbles: true }));
      this.changed();
    }
    this.redraw();
  }

  // Tells that what is looked at is another: the address follows.
  changed() {
    this.paint();
    this.root.dispatchEvent(new CustomEvent("look", { bubbles: true }));
  }

  // From the address. Tells whether anything is new.
  /** @type {(look: Addressed) => boolean} */
  lookAt({ table, pinned, off }) {
    const moved = table !== this.options.table;
    if (!moved && same(pinned, this.pinned) && String([...off].sort()) === String([...this.off].sort())) return false;
    Object.assign(this, { pinned, off, hovered: null });
    this.options.table = table;
    byId("table", HTMLSelectElement).value = String(table);
    if (moved) this.root.dispatchEvent(new CustomEvent("table", { bubbles: true }));
    this.redraw();
    return true;
  }

  // ---- links ----

  redraw() {
    const { kind, links, sureOnly } = this.options;
    /** @type {Kind[]} */
    const kinds = kind === "both" ? ["synergy", "redundancy"] : [kind];
    const { at = null, pair = null } = this.pinned || {};
    const most = at === null ? links : links || OF_PINNED;
    const found = kinds.flatMap((k) => this.table.strongest(k, most, sureOnly, at));
    if (pair && !found.some((link) => link.pair === pair)) found.push(...loneLink(pair, kinds));
    this.links = found.map((link) => drawnLink(link, this.opened, this.nodes, this.panels));
    this.pills.replaceChildren(...this.links.map((link) => link.item));
    this.pills.hidden = !this.links.length; // an empty list has no items to announce
    this.empty.hidden = this.links.length > 0;
    this.empty.textContent = this.links.length ? "" : nothingToDraw(this.table, this.options, at !== null);
    this.layOut();
    this.paint();
  }

  layOut() {
    if (!this.board.isConnected) return;
    for (const panel of this.panels.values()) {
      const patch = /** @type {HTMLElement | null} */ (panel.node.querySelector(".patch"));
      panel.node.classList.toggle("roomy", patch !== null && patch.offsetWidth >= 54);
    }
    const dim = new Set(this.links.filter((link) => link.wire.classList.contains("dim")));
    routeWires(this.board, this.gutter, this.svg, this.links);
    for (const link of dim) link.wire.classList.add("dim");
  }

  // ---- pointing ----

  /** @type {() => Handlers} */
  listeners() {
    const target = (/** @type {Event} */ event) => pointedAt(event, this.board, this.links);
    const enter = (/** @type {Event} */ event) => this.hover(target(event));
    const leave = () => this.hover(null);
    return {
      pointerover: enter,
      pointerleave: leave,
      focusin: enter,
      focusout: leave,
      click: (event) => this.pin(target(event)),
      keydown: (event) => {
        if (event.key === "Escape") {
          this.hovered = null;
          this.pin(null);
        } else if ((event.key === "Enter" || event.key === " ") && targetOf(event).dataset.at) {
          event.preventDefault();
          this.pin(target(event));
        }
      },
    };
  }

  /** @type {(what: Look | null) => void} */
  hover(what) {
    if (same(what, this.hovered)) return;
    this.hovered = what;
    this.paint();
  }

  // Pins, or lets go of what is pinned; where one asks "what if", takes a feature out or puts it back.
  /** @type {(what: Look | null) => void} */
  pin(what) {
    if (this.asking && what && what.at !== undefined) {
      this.off[this.off.has(what.at) ? "delete" : "add"](what.at);
      this.changed();
      return;
    }
    const before = this.pinned;
    this.pinned = same(what, before) ? null : what;
    if (same(this.pinned, before)) return;
    this.relink();
    this.changed();
  }

  // A pinned feature shows its own links, and a pinned pair is drawn even where it is not among the strongest.
  relink() {
    const { pinned } = this;
    if (pinned && pinned.pair && this.links.some((link) => link.pair === pinned.pair)) return;
    const held = this.links.find((link) => link.pill === document.activeElement);
    this.redraw();
    const again = held && this.links.find((link) => link.pair === held.pair && link.kind === held.kind);
    if (again) again.pill.focus();
  }

  // What is looked at: a feature, a pair, or a pinned feature together with the one pointed at.
  /** @type {() => Look} */
  focus() {
    const { pinned, hovered } = this;
    if (pinned && hovered && pinned.at !== undefined && hovered.at !== undefined) {
      const pair = this.table.partnersOf(pinned.at).get(hovered.at);
      if (pair) return { at: pinned.at, pair };
    }
    return hovered || pinned || {};
  }

  paint() {
    const look = this.focus();
    const pinnedAt = this.pinned?.at ?? -1;
    const ends = new Set(look.pair ? [look.pair.i, look.pair.j] : []);
    const pairs = look.at === undefined ? null : this.table.partnersOf(look.at);
    const own = look.at === undefined ? null : this.opened.features[look.at].modality;
    for (const f of this.opened.features) {
      const node = present(this.nodes.get(f.at));
      const on = f.at === look.at || ends.has(f.at);
      node.classList.toggle("on", on);
      const off = this.off.has(f.at);
      node.classList.toggle("off", off);
      if (node.hasAttribute("aria-pressed")) node.setAttribute("aria-pressed", String(this.asking ? off : f.at === pinnedAt));
      const others = pairs && f.at !== look.at && (pairs.has(f.at) || f.modality !== own);
      warm(node, others ? pairs.get(f.at) || null : undefined, this.table, this.options);
    }
    for (const link of this.links) markLink(link, look, this.pinned);
    fillReadout(this.readout, this.opened, this.table, this.options, look);
    this.paintBelow(pinnedAt);
    this.showTooltip(look);
  }

  // The lens and the what-if: only where they changed, for every move of the mouse comes by here.
  /** @type {(pinnedAt: number) => void} */
  paintBelow(pinnedAt) {
    const { kind, sureOnly } = this.options;
    const lens = [pinnedAt, this.options.table, kind, sureOnly].join();
    if (lens !== this.lensOf) fillLens(this.lens, this.opened, this.table, this.options, pinnedAt < 0 ? null : pinnedAt);
    this.lensOf = lens;
    const gone = [this.asking, ...this.off].join();
    if (gone === this.goneOf) return;
    this.goneOf = gone;
    this.board.classList.toggle("asking", this.asking);
    for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (this.board.querySelectorAll("[data-all]"))) {
      const { features } = present(this.opened.modalities.find((m) => m.name === input.dataset.all));
      input.checked = features.length > 0 && features.every((f) => this.off.has(f.at));
    }
    fillWhatIf(this.whatif, this.opened, this.off, this.asking, () => {
      this.off.clear();
      this.changed();
      byId("ask").focus();
    });
  }

  /** @type {(look: Look) => void} */
  showTooltip(look) {
    const { tooltip, hovered } = this;
    tooltip.hidden = hovered === null;
    if (!hovered) return;
    const [name, told] = tooltipLines(this.opened, this.table, this.options, look);
    tooltip.replaceChildren(el("b", {}, name), told);
    const link = this.links.find((l) => hovered.pair && l.pair === hovered.pair);
    placeTooltip(tooltip, this.board, link ? link.pill : present(this.nodes.get(present(hovered.at))));
  }

  // From outside: pins one pair and brings the stage into view.
  /** @type {(pair: Pair) => void} */
  show(pair) {
    this.pinned = { pair };
    this.hovered = null;
    this.relink();
    this.changed();
    this.board.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.resize.disconnect();
  }
}

/** @type {(a: Look | null, b: Look | null) => boolean} */
const same = (a, b) => a === b || Boolean(a && b && a.at === b.at && a.pair === b.pair);
