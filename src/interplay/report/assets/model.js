// One explanation, opened: features by modality with names and places, pair tables with intervals, links.

import { named } from "./base.js";
import { WhatIf } from "./whatif.js";

// Veiled, no text of the sample gets into what is drawn or read out: words are numbered, and their letters replaced.
/** @type {(block: Block, veiled: boolean) => OpenedExplanation} */
export function openExplanation(block, veiled) {
  const raw = block.explanation;
  const modalities = readModalities(block, veiled);
  const features = readFeatures(block, veiled, modalities);
  const tables = [{ value: raw.value, pairs: raw.pairs }, ...raw.more_pairs];
  return {
    raw,
    headline: (veiled && block.veiled_headline) || block.headline, // what is said of it Python decides: report/claims.py
    firstLook: block.first_look,
    agreement: block.agreement,
    besideClaim: block.beside_claim,
    waterfall: block.waterfall,
    prediction: Object.entries(raw.prediction).sort((a, b) => b[1] - a[1]),
    routing: new Map(Object.entries(raw.routing)),
    contributions: raw.contributions ? new Map(Object.entries(raw.contributions)) : null,
    attributions: new Map(Object.entries(raw.attributions).map(([m, by]) => [m, new Map(Object.entries(by))])),
    modalities: [...modalities.values()],
    features,
    tables: tables.map((table, n) => new PairTable(table, raw.interval, block.rankings[n], block.addresses[n])),
    csv: block.csv,
    whatif: raw.whatif && raw.whatif.without.length === raw.features.length ? new WhatIf(raw.whatif, features) : null,
  };
}

// How each is drawn, whatever kind it is, Python says: its panel.
/** @type {(block: Block, veiled: boolean) => Map<string, Modality>} */
function readModalities(block, veiled) {
  const inputs = new Map(Object.entries(block.explanation.inputs));
  const pictures = new Map(Object.entries(block.pictures));
  const panels = new Map(Object.entries(block.panels));
  const names = new Set([...inputs.keys(), ...block.explanation.features.map((f) => f.modality)]);
  return new Map(Array.from(names, (name) => {
    const input = inputs.get(name);
    const panel = panels.get(name) || "features";
    const hidden = veiled && panel !== "features";
    const characters = input && input.text !== null ? Array.from(input.text) : null; // spans count code points, as Python does
    const text = characters && hidden ? characters.map((c) => (c.trim() ? "x" : c)) : characters;
    return [name, {
      name, title: named(name), panel, veiled: hidden, listed: panel !== "image", text,
      truncated: input ? input.truncated : 0, picture: pictures.get(name) || null, features: [],
    }];
  }));
}

// Their features too: each goes to its modality's own.
/** @type {(block: Block, veiled: boolean, modalities: Map<string, Modality>) => Feature[]} */
function readFeatures(block, veiled, modalities) {
  const given = (veiled && block.veiled_names) || block.names; // of each feature [label, phrase], made by report/names.py
  const claimed = new Set(block.claimed);
  return block.explanation.features.map((feature, at) => {
    const modality = /** @type {Modality} */ (modalities.get(feature.modality));
    const place = block.places[at] || null;
    const [label, phrase] = given[at];
    const f = { at, modality, box: feature.box, span: feature.span, raw: feature.text, place, order: modality.features.length, claimed: claimed.has(at), label, phrase };
    modality.features.push(f);
    return f;
  });
}

// A score and the half width of its interval, `width` standard errors; whether it is clear of 0 Python says.
/** @type {(value: number | null, se: number | null, width: number, sure: boolean) => Score} */
function score(value, se, width, sure) {
  return { value, half: value === null || se === null ? null : width * se, sure };
}

// The pairs of one value function, with their order and what is clear of 0 as report/ranking.py has them.
export class PairTable {
  /** @param {Table} table @param {Interval} interval @param {Ranking} ranking @param {string} address */
  constructor(table, interval, ranking, address) {
    const columns = table.pairs;
    this.value = table.value;
    this.address = address;
    this.width = { sii: interval.sii, gap: interval.redundancy_gap }; // in standard errors
    const clear = { sii: new Set(ranking.clear.sii), gap: new Set(ranking.clear.redundancy_gap) };
    /** @type {Pair[]} */
    this.pairs = columns.i.map((i, n) => ({
      n,
      i,
      j: columns.j[n],
      sii: score(columns.sii[n], columns.sii_se[n], this.width.sii, clear.sii.has(n)),
      gap: score(columns.redundancy_gap[n], columns.redundancy_gap_se[n], this.width.gap, clear.gap.has(n)),
      samples: columns.samples[n],
    }));
    this.max = { sii: this.largest("sii"), gap: this.largest("gap") };
    /** @type {Record<Kind, number[]>} */
    this.order = { synergy: ranking.order.sii, redundancy: ranking.order.redundancy_gap };
    this.lead = ranking.lead && linkOf(ranking.lead[0] === "sii" ? "synergy" : "redundancy", this.pairs[ranking.lead[1]]);
    /** @type {Map<number, Map<number, Pair>> | null} */
    this.partners = null;
  }

  get name() {
    const who = isWhole(this.value.expert) ? this.value.expert : `${named(this.value.expert)} expert`;
    return `${who}, ${this.value.on}`;
  }

  /** @type {(which: Which) => number} */
  largest(which) {
    return this.pairs.reduce((most, pair) => Math.max(most, Math.abs(pair[which].value || 0)), 0);
  }

  // Feature -> its pairs by partner; built when first asked for, since it is large for 320 words and 196 patches.
  /** @type {(at: number) => Map<number, Pair>} */
  partnersOf(at) {
    if (!this.partners) {
      const partners = new Map();
      const add = (/** @type {number} */ one, /** @type {number} */ other, /** @type {Pair} */ pair) => {
        if (!partners.has(one)) partners.set(one, new Map());
        partners.get(one).set(other, pair);
      };
      for (const pair of this.pairs) {
        add(pair.i, pair.j, pair);
        add(pair.j, pair.i, pair);
      }
      this.partners = partners;
    }
    return this.partners.get(at) || new Map();
  }

  // The strongest pairs of one kind, in the given order; those of one feature if `at` is given.
  /** @type {(kind: Kind, limit: number, sureOnly: boolean, at?: number | null) => Link[]} */
  strongest(kind, limit, sureOnly, at = null) {
    const found = [];
    for (const n of this.order[kind]) {
      if (found.length === limit) break;
      const link = linkOf(kind, this.pairs[n]);
      if ((!sureOnly || link.score.sure) && (at === null || link.pair.i === at || link.pair.j === at)) found.push(link);
    }
    return found;
  }
}

// The answer of the whole model, which is no expert's: of experts together, or of one that has none.
/** @type {(name: string) => boolean} */
export const isWhole = (name) => name === "mixture" || name === "model";

/** @type {(kind: Kind, pair: Pair) => Link} */
export const linkOf = (kind, pair) => ({ kind, pair, score: pair[KINDS[kind].score], against: kind === "synergy" && (pair.sii.value ?? 0) < 0 });

/** @type {Record<Kind, {score: Which, short: string, long: string}>} */
export const KINDS = {
  synergy: { score: "sii", short: "SII", long: "Shapley interaction index" },
  redundancy: { score: "gap", short: "gap", long: "redundancy gap" },
};

// The original JSON, with its pairs as rows again.
/** @type {(raw: RawExplanation) => string} */
export function originalJson(raw) {
  /** @type {(columns: PairColumns) => object[]} */
  const rows = (columns) => columns.i.map((_, n) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[n]])));
  const more = raw.more_pairs.map((table) => ({ value: table.value, pairs: rows(table.pairs) }));
  return JSON.stringify({ ...raw, pairs: rows(raw.pairs), more_pairs: more }, null, 2);
}
