// One explanation, opened: features by modality with names and places, pair tables with intervals, links.

// Veiled, no text of the sample gets into what is drawn or read out: words are numbered, and their letters replaced.
function openExplanation(block, veiled) {
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
  opened.tables = tables.map((table) => new PairTable(table, opened.features, raw.interval));
  opened.whatif = raw.whatif && raw.whatif.without.length === raw.features.length ? new WhatIf(raw.whatif, opened.features) : null;
  return opened;
}

function readModalities(opened, block) {
  const { raw } = opened;
  const inputs = new Map(Object.entries(raw.inputs));
  const pictures = new Map(Object.entries(block.pictures));
  const names = new Set([...inputs.keys(), ...raw.features.map((f) => f.modality)]);
  const byModality = new Map();
  for (const name of names) {
    const own = raw.features.filter((f) => f.modality === name);
    const input = inputs.get(name);
    const kind = input ? input.kind : own.some((f) => f.box) ? "image" : "text";
    const veiled = opened.veiled && kind !== "features";
    const characters = input && input.text !== null ? Array.from(input.text) : null; // spans count code points, as Python does
    const text = characters && veiled ? characters.map((c) => (c.trim() ? "x" : c)) : characters;
    const modality = { name, title: named(name), kind, veiled, listed: kind !== "image", text, truncated: input ? input.truncated : 0, picture: pictures.get(name) || null };
    byModality.set(name, { ...modality, features: [] });
  }
  opened.modalities = [...byModality.values()];
  const alone = (kind) => opened.modalities.filter((m) => m.kind === kind).length === 1;
  raw.features.forEach((feature, at) => {
    const modality = byModality.get(feature.modality);
    const place = block.places[at] || null;
    const f = { at, modality, box: feature.box, span: feature.span, raw: feature.text, place, order: modality.features.length };
    Object.assign(f, NAMING[modality.kind](f));
    if (!alone(modality.kind) && modality.kind !== "features") f.phrase += ` in ${apart(shorten(modality.title, 40))}`;
    modality.features.push(f);
    opened.features.push(f);
  });
}

function nameToken(f) {
  if (f.modality.veiled) return { label: `word ${f.order + 1}`, phrase: `word ${f.order + 1}` };
  const text = f.modality.text;
  const [start, end] = f.span || [0, 0];
  const cut = text && f.span && start >= 0 && end > start ? text.slice(start, end).join("") : "";
  const label = shorten(visible(cut || (f.raw === null ? `token ${f.order + 1}` : unmarked(f.raw))), 40);
  let phrase = quoted(label);
  if (cut) {
    // A piece inside a word is named with its word.
    const part = (c) => c !== undefined && /[\p{L}\p{N}\p{M}]/u.test(c);
    let from = start;
    let to = end;
    if (part(text[start])) while (from > 0 && from > start - 40 && part(text[from - 1])) from -= 1;
    if (part(text[end - 1])) while (to < text.length && to < end + 40 && part(text[to])) to += 1;
    if (from !== start || to !== end) phrase += ` (of ${quoted(shorten(visible(text.slice(from, to).join("")), 60))})`;
  }
  return { label, phrase };
}

// A feature that is neither word nor patch has a name that tells its modality too.
function nameFeature(f) {
  const label = shorten(visible(f.raw === null ? `${f.modality.name} ${f.order + 1}` : f.raw), 60);
  return { label, phrase: apart(label) };
}

function namePatch(f) {
  if (f.place) {
    const where = `row ${f.place[0]}, column ${f.place[1]}`;
    return { label: where, phrase: `the patch in ${where}` };
  }
  const name = f.raw === null || f.modality.veiled ? `patch ${f.order + 1}` : shorten(visible(f.raw), 40);
  return { label: name, phrase: f.raw === null || f.modality.veiled ? name : `the patch ${quoted(name)}` };
}

const NAMING = { text: nameToken, image: namePatch, features: nameFeature };

// A score and the half width of its interval, `width` standard errors. It stands out where the interval excludes 0.
function score(value, se, width) {
  const half = value === null || se === null ? null : width * se;
  return { value, half, sure: half !== null && Math.abs(value) > half };
}

class PairTable {
  constructor(table, features, interval) {
    const columns = table.pairs;
    this.value = table.value;
    this.features = features;
    this.width = { sii: interval.sii, gap: interval.redundancy_gap }; // in standard errors
    this.pairs = columns.i.map((i, n) => ({
      n,
      i,
      j: columns.j[n],
      sii: score(columns.sii[n], columns.sii_se[n], this.width.sii),
      gap: score(columns.redundancy_gap[n], columns.redundancy_gap_se[n], this.width.gap),
      samples: columns.samples[n],
    }));
    this.max = { sii: this.largest("sii"), gap: this.largest("gap") };
    this.partners = null;
  }

  get name() {
    const who = this.value.expert === "mixture" ? "mixture" : `${named(this.value.expert)} expert`;
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

  // The strongest pairs of one kind. A negative SII with a positive gap is a backup, so it is told as redundancy
  // only; a negative SII without one is two features acting together against the value. Those of one feature if `at`
  // is given.
  strongest(kind, limit, sureOnly, at = null) {
    const which = kind === "synergy" ? "sii" : "gap";
    const told = (pair) => {
      const { value, sure } = pair[which];
      if (value === null || (sureOnly && !sure)) return false;
      if (kind === "redundancy") return value > 0;
      return value > 0 || (value < 0 && !(pair.gap.value > 0));
    };
    const among = at === null ? this.pairs : [...this.partnersOf(at).values()];
    return among
      .filter(told)
      .sort((a, b) => Math.abs(b[which].value) - Math.abs(a[which].value))
      .slice(0, limit)
      .map((pair) => linkOf(kind, pair));
  }
}

const linkOf = (kind, pair) => ({ kind, pair, score: pair[KINDS[kind].score], against: kind === "synergy" && pair.sii.value < 0 });

const KINDS = {
  synergy: { score: "sii", short: "SII", long: "Shapley interaction index" },
  redundancy: { score: "gap", short: "gap", long: "redundancy gap" },
};

// The original JSON, with its pairs as rows again.
function originalJson(raw) {
  const rows = (columns) => columns.i.map((_, n) => Object.fromEntries(Object.keys(columns).map((k) => [k, columns[k][n]])));
  const more = raw.more_pairs.map((table) => ({ value: table.value, pairs: rows(table.pairs) }));
  return JSON.stringify({ ...raw, pairs: rows(raw.pairs), more_pairs: more }, null, 2);
}
