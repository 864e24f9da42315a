// Every pair as a sortable table, and the downloads. Rows are written a page at a time: 320 words by 196 patches
// are 62,720 rows, and no browser should lay them all out.

import { count, el, plural, present, scoreText, shorten } from "./base.js";
import { evidenceSvg, pngOf, svgText } from "./export.js";
import { originalJson } from "./model.js";
import { whisker } from "./readout.js";

const FIRST_ROWS = 12;
const MORE_ROWS = 100;

/** @typedef {{key: string, name: string, of: (pair: Pair) => number | null, size?: boolean, score?: boolean, number?: boolean}} Column */

export class PairList {
  shown = FIRST_ROWS;
  sort = { column: "sii", down: true };
  /** @type {Pair[]} */
  sorted = [];
  body = el("tbody");
  head = el("tr");
  more = el("button", { type: "button", id: "more", on: { click: () => this.showMore() } });
  told = el("p", { class: "aside", "aria-live": "polite" });

  /** @param {HTMLElement} root @param {OpenedExplanation} opened @param {Stage} stage @param {PageIndex} index */
  constructor(root, opened, stage, index) {
    this.root = root;
    this.opened = opened;
    this.stage = stage;
    this.index = index;
    this.build();
  }

  get table() {
    return this.stage.table;
  }

  // The columns of features are named by modality where all pairs are of the same two.
  /** @type {() => Column[]} */
  columns() {
    const { features } = this.opened;
    /** @type {(end: "i" | "j") => string} */
    const side = (end) => {
      const names = new Set(this.table.pairs.map((pair) => features[pair[end]].modality.name));
      return names.size === 1 ? shorten([...names][0], 40) : end === "i" ? "first feature" : "second feature";
    };
    return [
      { key: "i", name: side("i"), of: (pair) => pair.i },
      { key: "j", name: side("j"), of: (pair) => pair.j },
      { key: "sii", name: "SII", of: (pair) => pair.sii.value, size: true, score: true },
      { key: "gap", name: "Redundancy gap", of: (pair) => pair.gap.value, score: true },
      { key: "samples", name: "Backgrounds", of: (pair) => pair.samples, number: true },
    ];
  }

  build() {
    const total = this.table.pairs.length;
    /** @type {(kind: string, name: string) => HTMLElement} */
    const get = (kind, name) => el("button", { type: "button", id: `get-${kind}`, on: { click: () => this.download(kind) } }, name);
    const grid = el("div", { class: "tablebox", tabindex: 0, role: "region", "aria-label": "Pairs" },
      el("table", {}, el("caption", { class: "hush" }, "Pairs with their scores; the buttons in the header sort"), el("thead", {}, this.head), this.body));
    this.root.replaceChildren(
      el("div", { class: "bar" }, el("h2", { id: "pairs-title" }, "All pairs"),
        el("div", { class: "toolbar" }, Object.entries(DOWNLOADS).map(([kind, [name]]) => get(kind, name)))),
      total ? grid : el("p", { class: "empty" }, "No pairs were scored for this prediction."),
      total ? el("div", { class: "under-table" }, this.told, this.more) : "",
    );
    this.order();
  }

  order() {
    const { column, down } = this.sort;
    const columns = this.columns();
    const { of, size } = present(columns.find((c) => c.key === column));
    /** @type {(pair: Pair) => number | null} */
    const key = (pair) => {
      const value = of(pair);
      return value === null ? null : size && down ? Math.abs(value) : value;
    };
    // Missing comes last whichever way one sorts.
    this.sorted = this.table.pairs.map((pair) => /** @type {[number | null, Pair]} */ ([key(pair), pair])).sort(([a], [b]) => {
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return down ? b - a : a - b;
    }).map(([, pair]) => pair);
    this.head.replaceChildren(...columns.map((c) => {
      const on = c.key === column;
      const button = el("button", { type: "button", "data-sort": c.key, on: { click: () => this.sortBy(c.key) } },
        el("bdi", {}, c.name), el("span", { class: "arrow", "aria-hidden": "true" }, on ? (down ? "▾" : "▴") : ""));
      return el("th", { scope: "col", class: c.score || c.number ? "number" : null, "aria-sort": on ? (down ? "descending" : "ascending") : "none" }, button);
    }));
    this.body.replaceChildren();
    this.fill();
  }

  /** @type {(column: string) => void} */
  sortBy(column) {
    const again = this.sort.column === column;
    this.sort = { column, down: again ? !this.sort.down : column !== "i" && column !== "j" };
    this.order();
    /** @type {HTMLElement} */ (present(this.head.querySelector(`[data-sort="${column}"]`))).focus();
  }

  showMore() {
    this.shown += MORE_ROWS;
    this.fill();
  }

  fill() {
    const from = this.body.children.length;
    this.body.append(...this.sorted.slice(from, this.shown).map((pair) => this.row(pair)));
    const total = this.sorted.length;
    const now = Math.min(this.shown, total);
    this.told.textContent = `${count(now)} of ${plural(total, "pair")}, ${this.table.name}`;
    this.more.hidden = now >= total;
    this.more.textContent = `Show ${count(Math.min(MORE_ROWS, total - now))} more`;
  }

  /** @type {(pair: Pair) => HTMLElement} */
  row(pair) {
    const [one, other] = [this.opened.features[pair.i], this.opened.features[pair.j]];
    const several = this.opened.modalities.length > 2;
    /** @type {(f: Feature, child: Child) => HTMLElement} */
    const cell = (f, child) => el("td", {}, child, several ? el("small", {}, ` ${shorten(f.modality.name, 24)}`) : null);
    const show = el("button", { type: "button", class: "link", title: "Show this pair in the evidence", on: { click: () => this.stage.show(pair) } }, el("bdi", {}, one.label));
    /** @type {(which: Which) => HTMLElement} */
    const scored = (which) => el("td", { class: `number${pair[which].sure ? " sure" : ""}` }, whisker(pair[which], this.table.max[which], which), el("span", { class: "value" }, scoreText(pair[which])));
    return el("tr", {}, cell(one, show), cell(other, el("bdi", {}, other.label)), scored("sii"), scored("gap"), el("td", { class: "number" }, count(pair.samples)));
  }

  /** @type {(kind: string) => Promise<void>} */
  async download(kind) {
    const { raw } = this.opened;
    const [, type, content] = DOWNLOADS[kind];
    const address = URL.createObjectURL(new Blob([await content(this)], { type }));
    const name = raw.sample_id.replace(/[^\w.-]+/gu, "_").replace(/^[._-]+/u, "").slice(0, 80) || "sample";
    el("a", { href: address, download: `${name}.${kind}` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  picture() {
    return evidenceSvg(this.opened, this.table, this.stage.links);
  }
}

/** @type {Record<string, [name: string, type: string, content: (list: PairList) => string | Promise<Blob>]>} */
const DOWNLOADS = {
  json: ["Download JSON", "application/json", (list) => originalJson(list.opened.raw)],
  csv: ["Download CSV", "text/csv;charset=utf-8", (list) => pairsCsv(list.opened, list.index.columns)],
  svg: ["Evidence as SVG", "image/svg+xml", (list) => svgText(list.picture())],
  png: ["Evidence as PNG", "image/png", (list) => pngOf(list.picture())],
};

// The columns and cells are those of interplay.report.tables.pairs_csv; only their lines are put together here.
/** @type {(opened: OpenedExplanation, columns: string[]) => string} */
function pairsCsv({ raw, tables, csv }, columns) {
  const lines = [columns.join(",")];
  tables.forEach(({ pairs }, t) => {
    const { sii_se: errors, redundancy_gap_se: gapErrors } = (t ? raw.more_pairs[t - 1] : raw).pairs;
    for (const { n, i, j, samples, sii, gap } of pairs) {
      const numbers = [sii.value, errors[n], gap.value, gapErrors[n], samples].map((x) => (x === null ? "" : String(x)));
      lines.push([csv.heads[t], csv.features[i], csv.features[j], ...numbers].join(","));
    }
  });
  return `${lines.join("\r\n")}\r\n`;
}
