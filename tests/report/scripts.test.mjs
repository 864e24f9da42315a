// The pure parts of the pages' scripts. Run by test_scripts.py, which puts the modules beside this file.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decimalsFor, percent, plain, running, scoreText, shorten, signed, visible } from "./assets/base.js";
import { PairTable } from "./assets/model.js";
import { WhatIf } from "./assets/whatif.js";

test("as many decimals as the interval deserves", () => {
  assert.equal(decimalsFor(3.21, 0.4), 1);
  assert.equal(decimalsFor(3.21, 0.14), 2);
  assert.equal(decimalsFor(3.21, 0), 2);
  assert.equal(signed(3.21, 1), "+3.2");
  assert.equal(signed(-0.04, 1), "0.0");
});

test("a score is not rounded to its interval, and missing is not 0", () => {
  assert.equal(scoreText({ value: 3.2, half: 0.4 }), "+3.2 ± 0.4");
  assert.equal(scoreText({ value: 0.44, half: 0.42 }), "+0.44 ± 0.42");
  assert.equal(scoreText({ value: null, half: null }), "n/a");
  assert.equal(scoreText({ value: -1, half: null }), "−1.000 ± n/a");
});

test("never 0% or 100% of what is not quite", () => {
  assert.deepEqual([0, 1e-6, 0.0042, 0.5, 0.9996, 1].map(percent), ["0%", "<0.1%", "0.4%", "50%", ">99.9%", "100%"]);
});

test("raw scores have three figures", () => {
  assert.deepEqual([0, 0.12345, -1234.5, 1e-5].map(plain), ["0", "0.123", "−1230", "1.0e-5"]);
});

test("texts that draw nothing or turn are spelled out", () => {
  assert.equal(visible("\u200b"), "⟨U+200B⟩");
  assert.equal(visible(""), "⟨empty⟩");
  assert.equal(running("a\u202eb"), "a⟨U+202E⟩b");
  assert.equal(shorten("abcdefghijkl", 10), "abcdefg…kl");
});

const pairs = { i: [0, 0, 1], j: [2, 3, 2], sii: [1, -3, 0.1], sii_se: [0.1, 0.2, 0.1], redundancy_gap: [-1, 2, null], redundancy_gap_se: [0.1, 0.1, null], samples: [4, 4, 0] };
const ranking = { order: { sii: [0, 2], redundancy_gap: [1] }, clear: { sii: [0, 1], redundancy_gap: [0, 1] }, lead: ["redundancy_gap", 1] };
const table = () => new PairTable({ value: { expert: "mixture", on: "logit" }, pairs }, { sii: 2, redundancy_gap: 3 }, ranking, "mixture");

test("a table keeps the order that it is given", () => {
  assert.deepEqual(table().strongest("synergy", 5, false).map(({ pair }) => pair.n), [0, 2]);
  assert.deepEqual(table().strongest("synergy", 5, true).map(({ pair }) => pair.n), [0]);
  assert.deepEqual(table().strongest("synergy", 5, false, 1).map(({ pair }) => pair.n), [2]);
  assert.deepEqual(table().strongest("synergy", 1, false).map(({ pair }) => pair.n), [0]);
  assert.equal(table().lead.pair.n, 1);
  assert.equal(table().lead.kind, "redundancy");
});

test("an interval is so many standard errors wide", () => {
  const [first, , last] = table().pairs;
  assert.equal(first.sii.half, 0.2);
  assert.ok(Math.abs(first.gap.half - 0.3) < 1e-12);
  assert.equal(last.gap.half, null);
  assert.equal(table().partnersOf(2).size, 2);
});

test("what-if adds up terms of one and of two features on the logit", () => {
  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const one = { name: "text", features: [0, 1, 2] };
  const other = { name: "image", features: [3] };
  const features = [0, 1, 2, 3].map((at) => ({ at, modality: at < 3 ? one : other }));
  const single = [0.5, 0.2, 0.1, 1];
  const terms = ([i, j]) => (i === 0 && j === 3 ? 0.7 : 0);
  const all = [[0, 1], [0, 3], [1, 3]];
  const raw = {
    whole: sigmoid(2), nothing: 0.1, without_modality: { text: 0.3 }, without: single.map((x) => sigmoid(2 - x)),
    i: all.map(([i]) => i), j: all.map(([, j]) => j),
    without_both: all.map(([i, j]) => sigmoid(2 - single[i] - single[j] + terms([i, j]))), off: { 3: 0.1 },
    strong: [2], off_strong: { 4: 0.7 },
  };
  const whatif = new WhatIf(raw, features);
  assert.deepEqual(whatif.without(new Set()), { p: raw.whole, exact: true });
  assert.deepEqual(whatif.without(new Set([0, 1, 2])), { p: 0.3, exact: true });
  assert.deepEqual(whatif.without(new Set([3, 0])), { p: raw.without_both[1], exact: true });
  const found = whatif.without(new Set([0, 1, 3]));
  assert.ok(!found.exact && Math.abs(found.p - sigmoid(2 - 0.5 - 0.2 - 1 + 0.7)) < 1e-9);
  assert.ok(found.between[0] < found.p && found.p < found.between[1]);
  assert.deepEqual(whatif.without(new Set([0, 2, 3])), { missing: 2 });
  const halves = (gone) => whatif.between(0, gone).map((p) => Math.log(p / (1 - p)));
  assert.ok(Math.abs(halves([0, 1, 3])[1] - 0.1) < 1e-9 && Math.abs(halves([0, 1, 2])[1] - 0.7) < 1e-9, "strong features apart");
  assert.equal(whatif.between(0, [0, 1, 3, 4]), null, "no set as large was checked without one");
});
