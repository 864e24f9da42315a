// The opened sample: its whole text, its pictures, what the model says of every label, and where it is explained.

import { byId, count, el, percent, running, scoreText, shorten, targetOf, visible } from "./base.js";
import { index } from "./run-index.js";
import { isBlurred, outcome, passage, percentOf, picture } from "./run-card.js";
import { askFor, chunkOf, columns, detailsOf, explained, holds, labels, says, splitOf, thumbOf } from "./run-data.js";

const OPENED_SIDE = 192;

// As a shell takes it; a name that could hide something is shown as it is shellName.
/** @type {(name: string) => string} */
const shellName = (name) => (/^[\w./-]+$/.test(name) ? name : `'${visible(name).replaceAll("'", "'\\''")}'`);

export class Opened {
  /** @type {number | null} */
  n = null; // the sample that is open

  /**
   * @param {HTMLDialogElement} root
   * @param {{step: (by: number) => void, close: (n: number) => void, blurred: (n: number) => void}} hears
   */
  constructor(root, { step, close, blurred }) {
    this.root = root;
    this.step = step;
    this.blurred = blurred;
    root.addEventListener("close", () => {
      const { n } = this;
      this.n = null;
      if (n !== null) close(n);
    });
    root.addEventListener("click", (event) => event.target === root && root.close()); // beside it
    root.addEventListener("keydown", (event) => {
      if (targetOf(event).closest("a, input, select") || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.step(event.key === "ArrowLeft" ? -1 : 1);
    });
  }

  /** @type {(n: number, place: number, of: number, pair: string) => Promise<void>} */
  async show(n, place, of, pair) {
    this.n = n;
    if (!this.root.open) this.root.showModal();
    this.fill(n, place, of, pair);
    const link = /** @type {HTMLElement | null} */ (this.root.querySelector("a[aria-current]"));
    if (link) link.focus();
    if (detailsOf(n)) return;
    await askFor(chunkOf(n)).catch(() => {});
    if (this.n === n) this.fill(n, place, of, pair);
  }

  /** @type {(n: number, place: number, of: number, pair: string) => void} */
  fill(n, place, of, pair) {
    const active = document.activeElement;
    const held = active && active !== this.root && this.root.contains(active) ? active.id : "";
    const right = outcome(n);
    /** @type {(id: string, text: string, go: () => void, disabled?: boolean) => HTMLElement} */
    const button = (id, text, go, disabled) => el("button", { type: "button", id, disabled, on: { click: go } }, text);
    const pictures = index.pictures.modalities.map((name, m) => thumbOf(n, m) && el("figure", {}, picture(n, m, OPENED_SIDE), el("figcaption", {}, el("bdi", {}, shorten(visible(name), 40)))));
    this.root.classList.toggle("blurred", isBlurred(n));
    this.root.replaceChildren(
      el("div", { class: "bar" },
        el("h2", { id: "sample-title" }, el("bdi", {}, shorten(visible(columns.id[n]), 120))),
        el("div", { class: "toolbar" },
          button("sample-blur", isBlurred(n) ? "Show this sample" : "Blur this sample", () => this.blurred(n)),
          button("sample-before", "‹ Previous", () => this.step(-1), place <= 0),
          el("span", { class: "hint" }, place < 0 ? "not among those found" : `${count(place + 1)} of ${count(of)}`),
          button("sample-after", "Next ›", () => this.step(1), place < 0 || place >= of - 1),
          button("sample-close", "Close", () => this.root.close()))),
      el("p", { class: `verdict ${right}` }, el("b", {}, { right: "Right", partly: "Partly right", wrong: "Wrong" }[right]), ` · split ${splitOf(n)} · confidence ${percentOf(n)}`),
      el("div", { class: "figures" }, pictures),
      el("div", { class: "passages" }, this.texts(n)),
      this.answers(n),
      ...this.explanations(n, pair),
      ...(explained.has(n) ? [] : [el("p", { class: "hint" }, "No explanation of it is on this page. With this run's folder for RUN, this makes one: ", el("code", {}, `interplay explain RUN --sample ${shellName(columns.id[n])}`))]));
    const again = held ? document.getElementById(held) : null;
    (again && !again.matches(":disabled") ? again : byId("sample-close")).focus();
  }

  /** @type {(n: number) => Child} */
  texts(n) {
    const details = detailsOf(n);
    if (!details) return index.texts.length ? el("p", { class: "hint" }, "…") : null;
    return [...details.texts].map(([name, text]) => el("section", {}, el("h3", {}, el("bdi", {}, shorten(visible(name), 40))), passage(n, text, { class: "text" })));
  }

  /** @type {(n: number) => HTMLElement} */
  answers(n) {
    const details = detailsOf(n);
    const order = labels.map((_, c) => c);
    if (details) order.sort((a, b) => details.probabilities[b] - details.probabilities[a]);
    const shown = order.filter((c, k) => k < 12 || holds(n, c) || says(n, c));
    const line = (/** @type {number} */ c) => {
      const p = details ? details.probabilities[c] : null;
      return el("li", { class: says(n, c) ? "said" : null },
        el("span", { class: "name" }, el("bdi", {}, shorten(visible(labels[c]), 60)), holds(n, c) ? el("span", { class: "tag true" }, "true") : "", says(n, c) ? el("span", { class: "tag" }, "predicted") : ""),
        el("span", { class: "track", vars: { "--share": p || 0 } }, el("span")), el("b", {}, p === null ? "…" : percent(p)));
    };
    return el("section", { class: "prediction" }, el("h3", {}, "What the model says"), el("ul", { class: "labels" }, shown.map(line)),
      shown.length < labels.length ? el("p", { class: "hint" }, `${count(labels.length - shown.length)} less probable labels are left out`) : "");
  }

  // Explanations with their strong pairs; each leads to its place in explanations.html.
  /** @type {(n: number, wanted: string) => HTMLElement[]} */
  explanations(n, wanted) {
    return (explained.get(n) || []).map((target) => {
      /** @type {(more: string) => string | null} */
      const to = (more) => (target.address === null ? null : `explanations.html#${target.address}${more}`);
      const line = (/** @type {ExplainedPair} */ pair) => {
        const address = `${pair.i}-${pair.j}`;
        const gap = pair.score === "redundancy_gap";
        const words = running(pair.words);
        const score = `${gap ? "redundancy gap" : "SII"} ${scoreText(pair)}`;
        const href = to(`&pair=${address}`);
        return el("li", {}, href ? el("a", { href, "data-pair": address, "aria-current": wanted === address ? "true" : null }, words) : words, el("span", { class: "hint" }, ` ${score}`));
      };
      return el("section", { class: "explained" },
        el("h3", {}, "Why ", el("bdi", {}, shorten(visible(target.target), 60)), el("small", {}, ` ${target.value}`)),
        el("p", { class: "says" }, `${target.claim}.`),
        target.pairs.length ? el("ul", {}, target.pairs.map(line)) : el("p", { class: "hint" }, "No pair score stands out from the noise."),
        to("") ? el("p", {}, el("a", { href: to("") }, "The whole explanation")) : "");
    });
  }
}
