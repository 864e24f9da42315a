// One row per expert: its role, what it adds or its routing weight, and where it looks, by the chosen attribution method.

import { apart, decimalsFor, el, named, percent, plain, present, shorten, signed, targetOf, visible } from "./base.js";
import { FAINT, panelOf } from "./panels.js";
import { waterfallOf } from "./waterfall.js";

/** @type {Record<string, string>} */
const METHODS = {
  integrated_gradients: "Integrated gradients",
  grad_rollout: "Grad × rollout",
  attention_rollout: "Attention rollout",
  random: "Random (control)",
};

/** @type {(method: string) => string} */
const methodName = (method) => (Object.hasOwn(METHODS, method) ? METHODS[method] : named(method.slice(0, 200).replaceAll("_", " ")));

/** @type {(expert: string, adds: boolean, routed: boolean) => [string, string]} */
function roleOf(expert, adds, routed) {
  if (expert === "mixture") return ["Mixture", `${adds ? "What all experts add, and a bias" : routed ? "All experts added up by their routing weights" : "All experts together"}: the model's own answer`];
  if (expert === "synergy") return ["Synergy", "Evidence that is there only when modalities are taken together"];
  if (expert === "redundancy") return ["Redundancy", "Evidence that the modalities each carry, and that counts once"];
  if (expert.startsWith("unique_")) {
    const who = shorten(visible(expert.slice("unique_".length)), 40);
    return [`Unique: ${who}`, `Evidence of the ${apart(who)} by itself, whatever the rest says`];
  }
  if (expert === "fusion" || expert === "dense") return ["Fusion", "One fusion of all modalities, not split into roles"];
  return [shorten(visible(expert), 60), "An expert without a named role"];
}

// What is true of the experts: by construction of what they cannot say, by losses of what training asked.
/** @type {(opened: OpenedExplanation, names: Iterable<string>) => string} */
function ledeOf({ contributions }, names) {
  if (contributions) {
    return "What each expert adds to the logit of the explained label, and where it looks. By construction a unique expert reads its own modality alone, synergy adds 0 unless it sees two modalities or more, and all that is added, with a bias, is the logit. What several modalities say may count once or add up: redundancy holds what counts once, the uniques the rest. That the split is right is what training asks for, not a proof.";
  }
  const roles = Array.from(names).some((name) => name === "synergy" || name === "redundancy" || name.startsWith("unique_"));
  return `What each expert is asked to find, how much the model relies on it here, and where it looks.${roles ? " A role is what training asks for, not a proof." : ""}`;
}

export class Experts {
  /** @param {HTMLElement} root @param {OpenedExplanation} opened @param {Options} options */
  constructor(root, opened, options) {
    this.root = root;
    this.opened = opened;
    this.options = options;
    const order = ["integrated_gradients", "grad_rollout", "attention_rollout"];
    const have = [...opened.attributions.keys()];
    this.methods = [...order.filter((m) => have.includes(m)), ...have.filter((m) => !order.includes(m) && m !== "random"), ...have.filter((m) => m === "random")];
    if (options.method === null || !this.methods.includes(options.method)) options.method = this.methods[0] ?? null;
    this.rows = el("div", { class: "experts" });
    const radios = this.methods.map((method) =>
      el("label", {},
        el("input", { type: "radio", name: "method", value: method, checked: options.method === method, on: { change: () => this.choose(method) } }),
        el("span", {}, methodName(method))),
    );
    root.replaceChildren(
      el("div", { class: "bar" }, el("h2", { id: "experts-title" }, "Experts"),
        radios.length ? el("fieldset", { class: "segments" }, el("legend", { class: "hush" }, "Attribution method"), radios) : null),
      el("p", { class: "lede" }, ledeOf(opened, this.names())),
      ...(opened.waterfall ? [waterfallOf(opened, opened.waterfall, (expert) => roleOf(expert, true, false)[0])] : []),
      this.rows,
      el("p", { class: "caption" }, "Scores keep their raw scale. Shading is scaled within each expert and modality, for drawing only: from the lowest to the highest score, or, where scores change sign, symmetrically about 0, with what counts against hatched and dotted. Shades cannot be compared between rows; the numbers can."),
    );
    this.draw();
  }

  /** @type {(method: string) => void} */
  choose(method) {
    this.options.method = method;
    this.draw();
    this.root.dispatchEvent(new Event("method"));
  }

  names() {
    const { routing, contributions, attributions } = this.opened;
    const all = new Set([...(contributions || routing).keys(), ...[...attributions.values()].flatMap((m) => [...m.keys()])]);
    all.delete("mixture");
    return all;
  }

  draw() {
    const by = attributionsOf(this.opened, this.options);
    const several = (this.opened.contributions || this.opened.routing).size > 1;
    const experts = several || by.has("mixture") ? ["mixture", ...this.names()] : [...this.names()];
    const none = el("p", { class: "empty" }, "This model has no experts and cannot be looked into, so there are no attributions.");
    this.rows.replaceChildren(...(experts.length ? experts.map((expert) => this.row(expert, by.get(expert))) : [none]));
  }

  /** @type {(expert: string, scores: number[] | undefined) => HTMLElement} */
  row(expert, scores) {
    const [name, role] = roleOf(expert, this.opened.contributions !== null, this.opened.routing.size > 0);
    const bar = this.opened.contributions ? addsOf(this.opened, this.opened.contributions, expert) : weightOf(this.opened.routing.get(expert));
    const usable = scores && scores.length === this.opened.features.length;
    const panels = usable ? this.opened.modalities.map((modality) => miniOf(this.opened, modality, scores))
      : el("p", { class: "empty" }, this.methods.length ? `${methodName(this.options.method || "")} was not computed for this expert.` : "No attributions were computed.");
    return el("article", { class: "expert", "data-expert": expert },
      el("div", { class: "about" }, el("h3", {}, el("bdi", {}, name)), el("p", {}, role), bar),
      el("div", { class: "looks" }, panels));
  }
}

/** @type {(weight: number | undefined) => HTMLElement | null} */
const weightOf = (weight) => weight === undefined ? null
  : el("div", { class: "weight" }, el("span", { class: "track", "aria-hidden": "true" }, el("span", { vars: { "--share": weight } })), el("b", {}, percent(weight)), el("small", {}, "routing weight"));

// What one expert adds to the target's logit, its bar from 0 to either side against the largest of all; of the mixture
// the sum.
/** @type {(opened: OpenedExplanation, contributions: Map<string, number>, expert: string) => HTMLElement | null} */
function addsOf({ raw }, contributions, expert) {
  const all = [...contributions.values()];
  const bias = raw.bias ?? 0;
  const logit = (/** @type {number} */ value) => signed(value, Math.min(2, decimalsFor(value, 0)));
  if (expert === "mixture") {
    const sum = all.reduce((a, b) => a + b, bias);
    return el("p", { class: "sum" }, "adds up to ", el("b", {}, logit(sum)), ` on the logit, with a bias of ${logit(bias)}`);
  }
  const own = contributions.get(expert);
  if (own === undefined) return null;
  const most = all.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const side = own < 0 ? "less" : "more";
  return el("div", { class: "adds" },
    el("span", { class: `track ${side}`, "aria-hidden": "true" }, el("span", { vars: { "--share": most > 0 ? Math.abs(own) / most : 0 } })),
    el("span", {}, "adds ", el("b", {}, logit(own)), " to the logit"));
}

// The scores by the chosen method, of each expert it was computed for.
/** @type {(opened: OpenedExplanation, options: Options) => Map<string, number[]>} */
export const attributionsOf = (opened, { method }) => (method === null ? undefined : opened.attributions.get(method)) || new Map();

// A modality small and still, shaded by scores of all features.
/** @type {(opened: OpenedExplanation, modality: Modality, scores: number[]) => HTMLElement} */
export function miniOf(opened, modality, scores) {
  const panel = panelOf(modality, false);
  const own = modality.features.map((f) => scores[f.at]);
  const scale = scaleFor(own);
  modality.features.forEach((f, n) => {
    const node = present(panel.nodes.get(f.at));
    node.classList.add(scale.signed ? (own[n] < 0 ? "neg" : "pos") : "seq");
    node.classList.toggle("faint", scale.of(own[n]) < FAINT);
    node.style.setProperty("--heat", scale.of(own[n]).toFixed(3));
  });
  const note = el("figcaption", {});
  const rest = topFeatures(modality, own);
  note.replaceChildren(...rest);
  /** @type {(event: Event) => void} */
  const point = (event) => {
    const node = /** @type {HTMLElement | null} */ (targetOf(event).closest("[data-at]"));
    const f = node && opened.features[Number(node.dataset.at)];
    note.replaceChildren(...(f ? [el("span", { class: "best" }, f.phrase, " ", el("b", {}, plain(scores[f.at]))), " raw score"] : rest));
  };
  const on = { pointerover: point, pointerleave: () => note.replaceChildren(...rest) };
  return el("figure", { class: `look of-${modality.panel}`, "aria-label": `${modality.title}: attribution`, on }, panel.node, note);
}

// For drawing only: 0 to 1 from lowest to highest, or the size against the largest where scores change sign.
/** @type {(own: number[]) => {signed: boolean, of: (value: number) => number}} */
function scaleFor(own) {
  const low = own.reduce((a, b) => Math.min(a, b), Infinity);
  const high = own.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low < 0) {
    const most = Math.max(high, -low);
    return { signed: true, of: (v) => Math.abs(v) / most };
  }
  return { signed: false, of: (v) => (high > low ? (v - low) / (high - low) : 0) };
}

/** @type {(modality: Modality, own: number[]) => HTMLElement[]} */
function topFeatures(modality, own) {
  const order = own.map((_, n) => n).sort((a, b) => Math.abs(own[b]) - Math.abs(own[a])).slice(0, 3);
  return order.map((n) => el("span", { class: "best" }, el("bdi", {}, modality.features[n].label), " ", el("b", {}, plain(own[n]))));
}
