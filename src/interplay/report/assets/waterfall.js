// What the target's logit adds up from, part by part: each bar begins where the one before it ends.

import { decimalsFor, el, named, percent, scoreText, signed } from "./base.js";

/** @type {(opened: OpenedExplanation, waterfall: Waterfall, nameOf: (expert: string) => string) => HTMLElement} */
export function waterfallOf({ raw, features }, { start, parts, virtual, within }, nameOf) {
  const ends = parts.reduce((sums, [, part]) => [...sums, sums[sums.length - 1] + part], [start]);
  const total = ends[ends.length - 1];
  const low = Math.min(0, ...ends);
  const span = Math.max(0, ...ends) - low || 1;
  const at = (/** @type {number} */ value) => (value - low) / span;
  const logit = (/** @type {number} */ value) => signed(value, Math.min(2, decimalsFor(value, 0)));
  // What single words and patches give to one part, or to the whole.
  /** @type {(name: string) => HTMLElement | null} */
  const givenIn = (name) => {
    const given = new Map(Object.entries(within)).get(name) || [];
    return given.length === 0 ? null : el("p", { class: "given" },
      given.flatMap(({ at: feature, value, half }, n) => [n ? "; " : "", el("bdi", {}, features[feature].phrase), ` ${scoreText({ value, half })}`]));
  };
  /** @type {(kind: string, name: string, from: number, to: number, value: string, given?: HTMLElement | null) => HTMLElement} */
  const step = (kind, name, from, to, value, given = null) =>
    el("li", { class: kind },
      el("span", { class: "name" }, el("bdi", {}, name)),
      el("span", { class: "track", "aria-hidden": "true", vars: { "--zero": at(0) } },
        el("span", { class: to < from ? "less" : "more", vars: { "--from": Math.min(at(from), at(to)), "--share": Math.abs(at(to) - at(from)) } })),
      el("b", {}, value),
      given);
  const whole = raw.prediction[raw.target];
  return el("figure", { class: "waterfall" },
    el("figcaption", {}, "How the logit of “", named(raw.target), "” adds up",
      virtual ? el("small", {}, "A split of the model's own answers with nothing, with each modality alone and with everything: what several say counts once, as redundancy; synergy is what is there only with all.") : null),
    el("ol", {},
      step("start", virtual ? "With nothing" : "Bias", 0, start, logit(start)),
      parts.map(([expert, part], n) => step("part", nameOf(expert), ends[n], ends[n + 1], logit(part), givenIn(expert))),
      step("total", "Logit", 0, total, `${logit(total)}${whole === undefined ? "" : `, ${percent(whole)}`}`, virtual ? givenIn(Object.keys(within)[0]) : null)),
    Object.values(within).some((given) => given.length) ? el("p", { class: "caption" }, "Below a part: the largest Shapley values of single features whose 95% interval excludes 0. They share out interactions equally.") : null);
}
