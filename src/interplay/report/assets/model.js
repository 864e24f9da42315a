// One explanation, opened: features by modality with names and places, pair tables with intervals, links.

import { named } from "./base.js";
import { WhatIf } from "./whatif.js";

// Veiled, no text of the sample gets into what is drawn or read out: words are numbered, and their letters replaced.
export function openExplanation(block, veiled) {
  const raw = block.explanation;
  const opened = {
    raw,
    veiled,
    value: raw.value,
    prediction: Object.entries(raw.prediction).sort((a, b) => b[1] - a[1]),
    routing: new Map(Object.entries(raw.routing)),
    attributions: new Map(Object.entries(raw.attributions).map(([m, by]) => [m, new Map(Object.entries(by))])),
    modalities: [],
    features: [],
  };
  readModalities(opened, block);
  const tables = [{ value: raw.value, pairs: raw.pairs }, ...raw.more_pairs];
  opened.tables = tables.map((table, n) => new PairTable(table, raw.interval, block.rankings[n], block.addresses[n]));
  opened.csv = block.csv;
  opened.whatif = raw.whatif && raw.whatif.without.length === raw.features.length ? new WhatIf(raw.whatif, opened.features) : null;
  return opened;
}

function readModalities(opened, block) {
  const { raw } = opened;
  const inputs = new Map(Object.entries(raw.inputs));
  const pictures = new Map(Object.entries(block.pictures));
  const panels = new Map(Object.entries(block.panels));
  const names = new Set([...inputs.keys(), ...raw.features.map((f) => f.modality)]);
  const byModality = new Map();
  for (const name of names) {
    const input = inputs.get(name);
    const panel = panels.get(name); // how it is drawn: "text", "image" or "features", whatever kind it is
    const veiled = opened.veiled && panel !== "features";
    const characters = input && input.text !== null ? Array.from(input.text) : null; // spans count code points, as Python does
    const text = characters && veiled ? characters.map((c) => (c.trim() ? "x" : c)) : characters;
    const modality = { name, title: named(name), panel, veiled, listed: panel !== "image", text, truncated: input ? input.truncated : 0, picture: pictures.get(name) || null };
    byModality.set(name, { ...modality, features: [] });
  }
  opened.modalities = [...byModality.values()];
  const given = opened.veiled ? block.veiled_names : block.names; // of each feature [label, phrase], made by report/names.py
  raw.features.forEach((feature, at) => {
    const modality = byModality.get(feature.modality);
    const place = block.places[at] || null;
    const [label, phrase] = given[at];
    const f = { at, modality, box: feature.box, span: feature.span, raw: feature.text, place, order: modality.features.length, label, phrase };
    modality.features.push(f);
    opened.features.push(f);
  });
}

// A score and the half width of its interval, `width` standard errors; whether it is clear of 0 Python says.
function score(value, se, width, sure) {
  return { value, half: value === null || se === null ? null : width * se, sure };
}

// The pairs of one value function, with their order and what is clear of 0 as report/ranking.py has them.
export class PairTable {
  constructor(table, interval, ranking, address) {
    const columns = table.pairs;
    this.value = table.value;
    this.address = address;
    this.width = { sii: interval.sii, gap: interval.redundancy_gap }; // in standard errors
    const clear = { sii: new Set(ranking.clear.sii), gap: new Set(ranking.clear.redundancy_gap) };
    this.pairs = columns.i.map((i, n) => ({
      n,
      i,
      j: columns.j[n],
      sii: score(columns.sii[n], columns.sii_se[n], this.width.sii, clear.sii.has(n)),
      gap: score(columns.redundancy_gap[n], columns.redundancy_gap_se[n], this.width.gap, clear.gap.has(n)),
      samples: columns.samples[n],
    }));
    this.max = { sii: this.largest("sii"), gap: this.largest("gap") };
    this.order = { synergy: ranking.order.sii, redundancy: ranking.order.redundancy_gap };
    this.lead = ranking.lead && linkOf(ranking.lead[0] === "sii" ? "synergy" : "redundancy", this.pairs[ranking.lead[1]]);
    this.partners = null;
  }

  get name() {
    const who = isWhole(this.value.expert) ? this.value.expert : `${named(this.value.expert)} expert`;
    return `${who}, ${this.value.on}`;
  }

  largest(which) {
    return this.pairs.reduce((most, pair) => Math.max(most, Math.abs(pair[which].value || 0)), 0);
  }

  // Feature -> its pairs by partner; built when first asked for, since it is large for 320 words and 196 patches.
  partnersOf(at) {
    if (!this.partners) {
      this.partners = new Map();
      const of = (x) => this.partners.get(x) || this.partners.set(x, new Map()).get(x);
      for (const pair of this.pairs) {
        of(pair.i).set(pair.j, pair);
        of(pair.j).set(pair.i, pair);
      }
    }
    return this.partners.get(at) || new Map();
  }

  // The strongest pairs of one kind, in the given order; those of one feature if `at` is given.
  strongest(kind, limit, sureOnly, at = null) {
    const found = [];
    for (const n of this.order[kind]) {
      const link = linkOf(kind, this.pairs[n]);
      if ((!sureOnly || link.score.sure) && (at === null || link.pair.i === at || link.pair.j === at)) found.push(link);
      if (found.length === limit) break;
    }
    return found;
  }
}

// The answer of the whole model, which is no expert's: of experts together, or of one that has none.
export const isWhole = (name) => name === "mixture" || name === "model";

export const linkOf = (kind, pair) => ({ kind, pair, score: pair[KINDS[kind].score], against: kind === "synergy" && pair.sii.value < 0 });

export const KINDS = {
  synergy: { score: "sii", short: "SII", long: "Shapley interaction index" },
  redundancy: { score: "gap", short: "gap", long: "redundancy gap" },
};

// The original JSON, with its pairs as rows again.
export function originalJson(raw) {
  const rows = (columns) => columns.i.map((_, n) => Object.fromEntries(Object.keys(columns).map((k) => [k, columns[k][n]])));
  const more = raw.more_pairs.map((table) => ({ value: table.value, pairs: rows(table.pairs) }));
  return JSON.stringify({ ...raw, pairs: rows(raw.pairs), more_pairs: more }, null, 2);
}
