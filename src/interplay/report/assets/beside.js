// The same sample as every explanation of it on this page sees it: what each model says, where it looks, which pairs
// stand out, and what each makes of the pair that is looked at.

import { el, named, plural, present, scoreText } from "./base.js";
import { index } from "./data.js";
import { attributionsOf, miniOf } from "./experts.js";
import { KINDS } from "./model.js";
import { claimOf } from "./notes.js";

/** @typedef {{n: number, by: string, opened: OpenedExplanation, at: Map<string, number>, here: boolean}} Side */

// Explanations name a feature by its place in their own lists; the same one elsewhere has its modality, span and box.
/** @type {(f: Feature) => string} */
const keyOf = (f) => JSON.stringify([f.modality.name, f.span, f.box, f.box || f.span ? null : f.raw]);

export class Beside {
  /**
   * @param {HTMLElement} root
   * @param {number} shown which explanation is open
   * @param {Options} options
   * @param {(n: number) => OpenedExplanation} open gives the nth, opened
   * @param {(n: number) => void} go shows the nth
   */
  constructor(root, shown, options, open, go) {
    this.root = root;
    this.options = options;
    this.go = go;
    /** @type {Side[]} */
    this.sides = [];
    /** @type {Pair | null} */
    this.pair = null;
    /** @type {ValueFunction | null} */
    this.value = null;
    this.body = el("div", { class: "sides" });
    const { id, target } = index.samples[shown];
    const all = index.samples.map((one, n) => ({ ...one, n })).filter((one) => one.id === id && one.target === target);
    root.hidden = new Set(all.map(({ by }) => by)).size < 2;
    if (root.hidden) {
      root.replaceChildren();
      return;
    }
    this.sides = all.map(({ n, by }) => {
      const opened = open(n);
      return { n, by, opened, at: new Map(opened.features.map((f) => [keyOf(f), f.at])), here: n === shown };
    });
    root.replaceChildren(
      el("h2", { id: "beside-title" }, "Side by side"),
      el("p", { class: "lede" }, `The same sample and label, explained ${plural(this.sides.length, "time")}. Where models that are equally right look elsewhere, the evidence is not the data's alone.`),
      this.body,
      el("p", { class: "caption" }, "Shading as under Experts, each on its own scale. Logits of two models are not on one scale, so compare signs, order and intervals rather than sizes."));
    this.draw();
  }

  // Looks at a pair, by its features as the open explanation counts them, and at a value; null lets go of the pair.
  /** @type {(pair: Pair | null, value: ValueFunction) => void} */
  look(pair, value) {
    if (this.root.hidden) return;
    this.pair = pair;
    this.value = value;
    this.draw();
  }

  draw() {
    if (this.root.hidden) return;
    this.body.replaceChildren(...this.sides.map((side) => this.side(side)));
  }

  /** @type {(side: Side) => HTMLElement} */
  side({ n, by, opened, at, here }) {
    const { raw } = opened;
    const attributions = attributionsOf(opened, this.options);
    const scores = attributions.get("mixture") || [...attributions.values()][0];
    const usable = scores && scores.length === opened.features.length;
    const looks = opened.modalities.map((modality) => (usable ? miniOf(opened, modality, scores) : null));
    const table = opened.tables.find((one) => one.value.expert === this.value?.expert && one.value.on === this.value.on) || opened.tables[0];
    const best = /** @type {Kind[]} */ (["synergy", "redundancy"]).map((kind) => /** @type {[Kind, Link | undefined]} */ ([kind, table.strongest(kind, 1, true)[0]]));
    const open = here ? el("span", { class: "tag" }, "on show") : el("button", { type: "button", class: "quiet", on: { click: () => this.go(n) } }, "Look at it");
    return el("article", { class: "side", "aria-label": named(by) },
      el("div", { class: "bar" }, el("h3", {}, el("bdi", {}, named(by)), el("small", {}, table.name)), open),
      el("p", { class: "claim" }, claimOf(opened.prediction, raw.label_kind, raw.written)),
      el("div", { class: "looks" }, looks),
      el("dl", { class: "found" },
        best.map(([kind, link]) => [el("dt", {}, kind === "synergy" ? "Strongest together" : "Strongest backup"), el("dd", {}, link ? linkText(opened, link) : "none stands out")]),
        this.pair ? this.pairLine(opened, at, table) : null));
  }

  /** @type {(opened: OpenedExplanation, at: Map<string, number>, table: PairTable) => HTMLElement[]} */
  pairLine(opened, at, table) {
    const { opened: from } = present(this.sides.find((side) => side.here));
    const looked = present(this.pair);
    const [i, j] = [looked.i, looked.j].map((feature) => at.get(keyOf(from.features[feature])));
    const pair = i === undefined || j === undefined ? undefined : table.partnersOf(i).get(j);
    const told = pair ? [`SII ${scoreText(pair.sii)}`, el("br"), `gap ${scoreText(pair.gap)}`] : "not scored here: missing, not zero";
    return [el("dt", {}, "The pair looked at"), el("dd", { class: "looked" }, told)];
  }
}

/** @type {(opened: OpenedExplanation, link: Link) => Child[]} */
const linkText = ({ features }, link) => [`${features[link.pair.i].phrase} × ${features[link.pair.j].phrase}: `, el("b", {}, `${KINDS[link.kind].short} ${scoreText(link.score)}`)];
