// The samples that are found, as a grid of which only what is in view is in the page.

import { el, present, targetOf } from "./base.js";
import { card, excerpt, toggleBlur } from "./run-card.js";
import { arrived, askFor, chunkOf } from "./run-data.js";

const LEAST_WIDTH = 158;
const GAP = 12;
export const ON_PAPER = 48;

export class Gallery {
  /** @type {number[]} */
  rows = [];
  at = 0; // place of the cell that Tab comes to
  across = 1;
  tall = GAP;
  /** @type {Map<number, HTMLElement>} */
  lines = new Map();
  paper = false;
  waiting = false;
  held = false; // whether the focus was in what is drawn anew

  /** @param {HTMLElement} root @param {(n: number) => void} open */
  constructor(root, open) {
    this.root = root;
    this.open = open;
    root.addEventListener("keydown", (event) => this.key(event));
    root.addEventListener("click", (event) => this.click(event));
    root.addEventListener("focusin", (event) => this.focused(targetOf(event).closest(".one")));
    window.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(root);
  }

  /** @type {(rows: number[]) => void} */
  show(rows) {
    this.rows = rows;
    this.at = 0;
    this.layOut();
  }

  layOut() {
    const width = this.root.clientWidth;
    this.across = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
    this.tall = Number.parseFloat(getComputedStyle(this.root).getPropertyValue("--tall")) + GAP;
    const lines = Math.ceil(this.rows.length / this.across);
    this.root.hidden = lines === 0;
    this.root.style.height = this.paper ? "auto" : `${lines * this.tall}px`;
    this.root.style.setProperty("--across", String(this.across));
    this.root.setAttribute("aria-rowcount", String(lines));
    this.root.setAttribute("aria-colcount", String(this.across));
    this.clear();
    this.draw();
  }

  clear() {
    const held = this.root.contains(document.activeElement);
    for (const line of this.lines.values()) line.remove();
    this.lines.clear();
    this.held = held || this.held;
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  // The lines in view, one more at either end, and the one that holds the focus.
  wanted() {
    const last = Math.ceil(this.rows.length / this.across) - 1;
    if (this.paper) return Array.from({ length: Math.min(last + 1, Math.ceil(ON_PAPER / this.across)) }, (_, line) => line);
    const top = this.root.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(-top / this.tall) - 1);
    const to = Math.min(last, Math.floor((window.innerHeight - top) / this.tall) + 1);
    const out = new Set(Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k));
    if (last >= 0) out.add(Math.floor(this.at / this.across));
    return [...out].sort((a, b) => a - b);
  }

  draw() {
    const wanted = this.wanted();
    for (const [line, node] of this.lines) {
      if (!wanted.includes(line)) {
        node.remove();
        this.lines.delete(line);
      }
    }
    for (const line of wanted) {
      if (this.lines.has(line)) continue;
      const node = this.line(line);
      const after = [...this.lines.keys()].filter((other) => other > line).sort((a, b) => a - b)[0];
      this.root.insertBefore(node, after === undefined ? null : present(this.lines.get(after)));
      this.lines.set(line, node);
    }
    if (this.held) {
      this.held = false;
      this.focus();
    }
    this.fill(wanted);
  }

  /** @type {(line: number) => HTMLElement} */
  line(line) {
    const node = el("div", { role: "row", class: "line", "aria-rowindex": line + 1, vars: { "--top": `${line * this.tall}px` } });
    for (let place = line * this.across; place < Math.min(this.rows.length, (line + 1) * this.across); place += 1) {
      node.append(this.cell(place));
    }
    return node;
  }

  /** @type {(place: number) => HTMLElement} */
  cell(place) {
    return card(this.rows[place], { tabindex: place === this.at ? 0 : -1, "aria-colindex": (place % this.across) + 1, "data-place": place });
  }

  // Texts of what is drawn, as soon as they are there.
  /** @type {(lines: number[]) => void} */
  fill(lines) {
    const drawn = lines.flatMap((line) => this.rows.slice(line * this.across, (line + 1) * this.across));
    for (const chunk of new Set(drawn.map(chunkOf))) {
      if (arrived.has(chunk)) continue;
      askFor(chunk).then(() => this.arrive(chunk), () => this.arrive(chunk));
    }
  }

  /** @type {(chunk: number) => void} */
  arrive(chunk) {
    for (const node of this.cells()) {
      const n = Number(node.dataset.n);
      if (chunkOf(n) !== chunk) continue;
      const box = present(node.querySelector(".excerpt"));
      box.replaceChildren(...(arrived.has(chunk) ? excerpt(n) : [el("p", { class: "text waits" }, "The text could not be read.")]));
    }
  }

  // A card whose blur has changed, or all of them.
  /** @type {(n?: number) => void} */
  redraw(n) {
    for (const node of this.cells()) {
      if (n !== undefined && Number(node.dataset.n) !== n) continue;
      const held = node === document.activeElement;
      const fresh = this.cell(Number(node.dataset.place));
      node.replaceWith(fresh);
      if (held) fresh.focus({ preventScroll: true });
    }
  }

  /** @type {() => NodeListOf<HTMLElement>} */
  cells() {
    return this.root.querySelectorAll(".one");
  }

  // ---- moving ----

  /** @type {(cell: HTMLElement | null) => void} */
  focused(cell) {
    if (!cell || Number(cell.dataset.place) === this.at) return;
    this.reach(Number(cell.dataset.place));
  }

  /** @type {(place: number) => void} */
  reach(place) {
    const before = /** @type {HTMLElement | null} */ (this.root.querySelector("[tabindex='0']"));
    if (before) before.tabIndex = -1;
    this.at = place;
    const now = this.cellAt(place);
    if (now) now.tabIndex = 0;
  }

  /** @type {(place: number) => void} */
  go(place) {
    this.reach(Math.min(this.rows.length - 1, Math.max(0, place)));
    const top = this.root.getBoundingClientRect().top + Math.floor(this.at / this.across) * this.tall;
    if (top < 0) window.scrollBy(0, top - GAP);
    else if (top + this.tall > window.innerHeight) window.scrollBy(0, top + this.tall - window.innerHeight);
    this.draw();
    this.reach(this.at);
    this.focus();
  }

  /** @type {(place: number) => HTMLElement | null} */
  cellAt(place) {
    return this.root.querySelector(`[data-place="${place}"]`);
  }

  focus() {
    const cell = this.cellAt(this.at);
    if (cell) cell.focus({ preventScroll: true });
  }

  /** @type {(event: KeyboardEvent) => void} */
  key(event) {
    if (!targetOf(event).classList.contains("one") || event.altKey || event.metaKey) return;
    const { across, at } = this;
    const screen = across * Math.max(1, Math.floor(window.innerHeight / this.tall) - 1);
    const far = event.ctrlKey;
    /** @type {Record<string, number>} */
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, PageDown: at + screen, PageUp: at - screen,
      Home: far ? 0 : at - (at % across), End: far ? this.rows.length - 1 : at - (at % across) + across - 1,
    };
    if (Object.hasOwn(to, event.key)) this.go(to[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.open(this.rows[at]);
    else if (event.key === "b" || event.key === "B") {
      toggleBlur(this.rows[at]);
      this.root.dispatchEvent(new CustomEvent("blurred", { bubbles: true, detail: this.rows[at] }));
    } else return;
    event.preventDefault();
  }

  /** @type {(event: MouseEvent) => void} */
  click(event) {
    const cell = /** @type {HTMLElement | null} */ (targetOf(event).closest(".one"));
    if (!cell) return;
    this.reach(Number(cell.dataset.place));
    this.open(Number(cell.dataset.n));
  }
}
