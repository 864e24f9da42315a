// The evidence stage: panels, links, and what lights up when a word, a patch or a pair is pointed at.

import { byId, el } from "./base.js";
import { boxOfModality, pillOf, placeTooltip, toolbarOf } from "./board.js";
import { fillLens } from "./lens.js";
import { loneLink, nothingToDraw, warm } from "./marks.js";
import { columnsOf, isSplit } from "./panels.js";
import { fillReadout, legend, tooltipLines } from "./readout.js";
import { fillWhatIf } from "./whatif.js";
import { routeWires } from "./wires.js";

export class Stage {
  constructor(root, opened, options) {
    this.root = root;
    this.opened = opened;
    this.options = options; // {table, kind, links, sureOnly}; kept from one explanation to the next
    this.pinned = null; // {at} or {pair}
    this.hovered = null;
    this.off = new Set(); // features taken out
    this.asking = false; // whether a click takes out instead of pinning
    this.links = [];
    this.build();
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
    this.panels = new Map();
    this.nodes = new Map();
    const columns = columnsOf(modalities);
    const [left, right] = columns.map((own, column) =>
      el("div", { class: own.filter((m) => m.panel === "image").length > 1 ? "column several" : "column" }, own.map((modality) => this.addPanel(modality, column))),
    );
    this.gutter = el("div", { class: "gutter" });
    this.svg = el("svg:svg", { class: "wires", "aria-hidden": "true" });
    this.pills = el("ul", { class: "pills", "aria-label": "Strongest pairs" });
    this.tooltip = el("div", { class: "tooltip", "aria-hidden": "true", hidden: true });
    const alone = !columns[1].length ? " alone" : isSplit(modalities) ? "" : " even";
    this.board = el("div", { class: `board${alone}`, on: this.listeners() }, left, this.gutter, right, this.svg, this.pills, this.tooltip);
    this.readout = el("div", { class: "readout", role: "status", "aria-live": "polite" });
    this.lens = el("div", { class: "lenses", hidden: true });
    this.whatif = el("div", { class: "whatif", role: "status", "aria-live": "polite", hidden: true });
    this.empty = el("p", { class: "empty", hidden: true });
    this.root.replaceChildren(
      el("div", { class: "bar" }, el("h2", { id: "evidence-title" }, "Evidence"), this.toolbar()),
      el("div", { class: "boardbox" }, this.board),
      this.empty,
      this.whatif,
      this.readout,
      this.lens,
      legend(),
    );
  }

  addPanel(modality, column) {
    const { panel, box } = boxOfModality(modality, this.opened.whatif ? (out) => this.takeOutAll(modality, out) : null);
    for (const [at, node] of panel.nodes) this.nodes.set(at, node);
    this.panels.set(modality.name, { node: panel.node, column });
    return box;
  }

  takeOutAll(modality, out) {
    for (const f of modality.features) this.off[out ? "add" : "delete"](f.at);
    this.changed();
  }

  toolbar() {
    const ask = (event) => {
      this.asking = !this.asking;
      event.currentTarget.setAttribute("aria-pressed", String(this.asking));
      this.paint();
    };
    return toolbarOf(this.opened.tables, this.table, this.options, (change) => this.set(change), this.opened.whatif ? ask : null);
  }

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
  lookAt({ table, pinned, off }) {
    const moved = table !== this.options.table;
    if (!moved && same(pinned, this.pinned) && String([...off].sort()) === String([...this.off].sort())) return false;
    Object.assign(this, { pinned, off, hovered: null });
    this.options.table = table;
    byId("table").value = String(table);
    if (moved) this.root.dispatchEvent(new CustomEvent("table", { bubbles: true }));
    this.redraw();
    return true;
  }

  // ---- links ----

  redraw() {
    const { kind, links, sureOnly } = this.options;
    const kinds = kind === "both" ? ["synergy", "redundancy"] : [kind];
    const { at = null, pair = null } = this.pinned || {};
    this.links = kinds.flatMap((k) => this.table.strongest(k, links, sureOnly, at));
    if (pair && !this.links.some((link) => link.pair === pair)) this.links.push(...loneLink(pair, kinds));
    for (const link of this.links) {
      link.ends = [link.pair.i, link.pair.j].map((at) => {
        const { modality } = this.opened.features[at];
        const panel = this.panels.get(modality.name);
        return { at, node: this.nodes.get(at), text: modality.listed, column: panel.column, panel: panel.node };
      });
      link.pill = pillOf(link, this.opened);
      link.item = el("li", { class: link.score.sure ? "" : "unsure" }, link.pill);
    }
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
      const patch = panel.node.querySelector(".patch");
      panel.node.classList.toggle("roomy", patch !== null && patch.offsetWidth >= 54);
    }
    const dim = new Set(this.links.filter((link) => link.wire && link.wire.classList.contains("dim")));
    routeWires(this.board, this.gutter, this.svg, this.links);
    for (const link of dim) link.wire.classList.add("dim");
  }

  // ---- pointing ----

  listeners() {
    const target = (event) => {
      const pill = event.target.closest(".pill");
      if (pill) return { pair: this.links.find((link) => link.pill === pill).pair };
      const node = event.target.closest("[data-at]");
      return node && this.board.contains(node) ? { at: Number(node.dataset.at) } : null;
    };
    const enter = (event) => this.hover(target(event));
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
        } else if ((event.key === "Enter" || event.key === " ") && event.target.dataset.at) {
          event.preventDefault();
          this.pin(target(event));
        }
      },
    };
  }

  hover(what) {
    if (same(what, this.hovered)) return;
    this.hovered = what;
    this.paint();
  }

  // Pins, or lets go of what is pinned; where one asks "what if", takes a feature out or puts it back.
  pin(what) {
    if (this.asking && what && "at" in what) {
      this.off[this.off.has(what.at) ? "delete" : "add"](what.at);
      return this.changed();
    }
    const before = this.pinned;
    this.pinned = same(what, before) ? null : what;
    if (same(this.pinned, before)) return undefined;
    this.relink();
    return this.changed();
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
  focus() {
    const { pinned, hovered } = this;
    if (pinned && hovered && "at" in pinned && "at" in hovered) {
      const pair = this.table.partnersOf(pinned.at).get(hovered.at);
      if (pair) return { at: pinned.at, pair };
    }
    return hovered || pinned || {};
  }

  paint() {
    const look = this.focus();
    const pinnedAt = this.pinned && "at" in this.pinned ? this.pinned.at : -1;
    const ends = new Set(look.pair ? [look.pair.i, look.pair.j] : []);
    const pairs = look.at === undefined ? null : this.table.partnersOf(look.at);
    for (const f of this.opened.features) {
      const node = this.nodes.get(f.at);
      const on = f.at === look.at || ends.has(f.at);
      node.classList.toggle("on", on);
      const off = this.off.has(f.at);
      node.classList.toggle("off", off);
      if (node.hasAttribute("aria-pressed")) node.setAttribute("aria-pressed", String(this.asking ? off : f.at === pinnedAt));
      const others = pairs && f.at !== look.at && (pairs.has(f.at) || f.modality !== this.opened.features[look.at].modality);
      warm(node, others ? pairs.get(f.at) || null : undefined, this.table, this.options);
    }
    for (const link of this.links) {
      const { pair } = link;
      const related = look.at !== undefined ? pair.i === look.at || pair.j === look.at : !look.pair || pair === look.pair;
      link.wire.classList.toggle("dim", !related);
      link.item.classList.toggle("dim", !related);
      link.pill.setAttribute("aria-pressed", String(Boolean(this.pinned && this.pinned.pair === pair)));
      if (look.at === undefined && !look.pair) for (const end of link.ends) end.node.classList.add("linked");
    }
    fillReadout(this.readout, this.opened, this.table, this.options, look);
    this.paintBelow(pinnedAt);
    this.showTooltip(look);
  }

  // The lens and the what-if: only where they changed, for every move of the mouse comes by here.
  paintBelow(pinnedAt) {
    const { kind, sureOnly } = this.options;
    const lens = [pinnedAt, this.options.table, kind, sureOnly].join();
    if (lens !== this.lensOf) fillLens(this.lens, this.opened, this.table, this.options, pinnedAt < 0 ? null : pinnedAt);
    this.lensOf = lens;
    const gone = [this.asking, ...this.off].join();
    if (gone === this.goneOf) return;
    this.goneOf = gone;
    this.board.classList.toggle("asking", this.asking);
    for (const input of this.board.querySelectorAll("[data-all]")) {
      const { features } = this.opened.modalities.find((m) => m.name === input.dataset.all);
      input.checked = features.length > 0 && features.every((f) => this.off.has(f.at));
    }
    fillWhatIf(this.whatif, this.opened, this.off, this.asking, () => {
      this.off.clear();
      this.changed();
      byId("ask").focus();
    });
  }

  showTooltip(look) {
    const { tooltip, hovered } = this;
    tooltip.hidden = hovered === null;
    if (!hovered) return;
    const [name, told] = tooltipLines(this.opened, this.table, this.options, look);
    tooltip.replaceChildren(el("b", {}, name), told);
    const link = this.links.find((l) => hovered.pair && l.pair === hovered.pair);
    placeTooltip(tooltip, this.board, link ? link.pill : this.nodes.get(hovered.at));
  }

  // From outside: pins one pair and brings the stage into view.
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

const same = (a, b) => a === b || Boolean(a && b && a.at === b.at && a.pair === b.pair);
