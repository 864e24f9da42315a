// What if a word or a patch were not there: the model's stored answers, and estimates where it was not asked.

import { count, el, percent, plural, quoted, shorten, visible } from "./base.js";

const EDGE = 1e-12; // an answer that is 0 or 1 to the last digit still gets a logit
/** @type {(p: number) => number} */
const logit = (p) => {
  const inside = Math.min(1 - EDGE, Math.max(EDGE, p));
  return Math.log(inside / (1 - inside));
};
/** @type {(x: number) => number} */
const probability = (x) => 1 / (1 + Math.exp(-x));
/** @type {(i: number, j: number) => string} */
const pairKey = (i, j) => (i < j ? `${i} ${j}` : `${j} ${i}`);

export class WhatIf {
  /** @param {StoredAnswers} raw @param {Feature[]} features */
  constructor(raw, features) {
    this.raw = raw;
    this.features = features;
    this.both = new Map(raw.i.map((i, n) => [pairKey(i, raw.j[n]), raw.without_both[n]]));
    this.byModality = new Map(Object.entries(raw.without_modality));
  }

  // What the target's probability is without the features of `off`: {p, exact} or {missing}, how many needed answers
  // are not stored.
  /** @type {(off: Set<number>) => Answer} */
  without(off) {
    const gone = [...off].sort((a, b) => a - b);
    const { raw, features } = this;
    if (!gone.length) return { p: raw.whole, exact: true };
    if (gone.length === features.length) return { p: raw.nothing, exact: true };
    const [{ modality }] = gone.map((at) => features[at]);
    const whole = gone.length === modality.features.length && gone.every((at) => features[at].modality === modality);
    const stored = this.byModality.get(modality.name);
    if (whole && stored !== undefined) return { p: stored, exact: true };
    if (gone.length === 1) return exactly(raw.without[gone[0]]);
    if (gone.length === 2) return exactly(this.both.get(pairKey(gone[0], gone[1])));
    return this.estimate(gone);
  }

  // First- and second-order terms (Möbius) on the logit of the probability: exact for a model without higher ones.
  /** @type {(gone: number[]) => Answer} */
  estimate(gone) {
    const { raw } = this;
    const start = logit(raw.whole);
    const alone = gone.map((at) => raw.without[at]);
    let missing = alone.filter((p) => p === null).length;
    let sum = start + alone.reduce((/** @type {number} */ total, p) => total + (p === null ? 0 : logit(p) - start), 0);
    gone.forEach((i, n) => gone.slice(n + 1).forEach((j, m) => {
      const p = this.both.get(pairKey(i, j));
      const [one, other] = [alone[n], alone[n + 1 + m]];
      if (p === undefined || one === null || other === null) missing += p === undefined ? 1 : 0;
      else sum += logit(p) - logit(one) - logit(other) + start;
    }));
    return missing ? { missing } : { p: probability(sum), exact: false, between: this.between(sum, gone) };
  }

  // About where 95 of 100 answers lie, from how far estimates for sets of so many features were off, of those with a
  // strong feature apart; null where none as large was checked.
  /** @type {(sum: number, gone: number[]) => number[] | null} */
  between(sum, gone) {
    const { off, strong, off_strong } = this.raw;
    const known = ((strong || []).some((at) => gone.includes(at)) ? off_strong : off) || {};
    const checked = Object.keys(known).map(Number).filter((n) => n >= gone.length);
    if (!checked.length) return null;
    const half = known[Math.min(...checked)];
    return [sum - half, sum + half].map(probability);
  }
}

/** @type {(p: number | null | undefined) => Answer} */
const exactly = (p) => (p === undefined || p === null ? { missing: 1 } : { p, exact: true });

// The panel under the stage; empty while everything is there and nobody asks.
/** @type {(node: HTMLElement, opened: OpenedExplanation, off: Set<number>, asking: boolean, restore: () => void) => void} */
export function fillWhatIf(node, opened, off, asking, restore) {
  const { raw, whatif } = opened;
  node.hidden = !whatif || (!asking && !off.size);
  node.replaceChildren();
  if (!whatif || (!asking && !off.size)) return;
  const found = whatif.without(off);
  const label = quoted(shorten(visible(raw.target), 60));
  /** @type {(name: string, p: number | null, kind: string) => HTMLElement} */
  const bar = (name, p, kind) =>
    el("div", { class: `outcome ${kind}` }, el("span", {}, name),
      el("span", { class: "track", "aria-hidden": "true" }, p === null ? null : el("span", { vars: { "--share": p } })),
      el("b", {}, p === null ? "not stored" : `${kind === "about" ? "about " : ""}${percent(p)}`));
  const names = [...off].sort((a, b) => a - b).map((at) => opened.features[at].phrase);
  const most = names.length > 4 ? [...names.slice(0, 3), `${count(names.length - 3)} more`] : names;
  const shown = most.length > 1 ? `${most.slice(0, -1).join(", ")} and ${most[most.length - 1]}` : most.join("");
  const kind = found.p === undefined ? "unknown" : found.exact ? "exact" : "about";
  const checked = found.p === undefined ? null : found.between;
  const how = {
    exact: "An exact answer of the model, stored with this page.",
    about: `An estimate from what single features and pairs change, on the logit; the model was not asked, and effects of three and more are left out. ${checked ? `By how far such estimates were off where they were checked, about 95 of 100 answers would lie between ${checked.map(percent).join(" and ")}.` : "How far such estimates are off was not checked for so many."}`,
    unknown: `Not stored: ${plural(found.missing || 0, "answer")} of the model that this needs ${found.missing === 1 ? "is" : "are"} not in this page.`,
  };
  node.append(
    el("h3", {}, `What if? ${label}`),
    el("div", { class: "outcomes" },
      bar("With everything", whatif.raw.whole, "exact"),
      off.size ? bar(`Without ${shown}`, found.p === undefined ? null : found.p, kind) : null),
    el("p", { class: "aside" }, off.size ? how[kind] : "Choose words and patches to take out; choose again to put them back."),
    off.size ? el("button", { type: "button", id: "restore", on: { click: restore } }, "Put everything back") : "",
  );
}
