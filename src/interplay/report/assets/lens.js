// The lens of one pinned feature: its synergy and its redundancy with all others, as two heat maps side by side.

import { count, el, plural, present } from "./base.js";
import { sample, warm } from "./marks.js";
import { KINDS } from "./model.js";
import { panelOf } from "./panels.js";
import { NAMES, scaleBar } from "./readout.js";

/** @type {Kind[]} */
const LENSES = ["synergy", "redundancy"];

/** @type {(node: HTMLElement, opened: OpenedExplanation, table: PairTable, options: Options, at: number | null) => void} */
export function fillLens(node, opened, table, options, at) {
  const pairs = at === null ? null : table.partnersOf(at);
  node.hidden = !pairs || !pairs.size;
  node.replaceChildren();
  if (at === null || !pairs || !pairs.size) return;
  const { phrase } = opened.features[at];
  const partners = opened.modalities.filter((m) => m.features.some((f) => pairs.has(f.at)));
  node.append(...LENSES.map((kind) => lensMap(kind, phrase, partners, pairs, table, options)));
}

/** @type {(kind: Kind, phrase: string, partners: Modality[], pairs: Map<number, Pair>, table: PairTable, options: Options) => HTMLElement} */
function lensMap(kind, phrase, partners, pairs, table, options) {
  const which = KINDS[kind].score;
  const panels = partners.map((modality) => {
    const panel = panelOf(modality, false);
    for (const f of modality.features) {
      const cell = present(panel.nodes.get(f.at));
      cell.removeAttribute("data-at"); // only the stage's own can be pointed at
      warm(cell, pairs.get(f.at) || null, table, { ...options, kind });
    }
    return el("div", { class: `look of-${modality.panel}` }, panel.node);
  });
  const clear = [...pairs.values()].filter((pair) => pair[which].sure).length;
  return el("figure", { class: `looks lens ${kind}`, role: "group", "aria-label": `${NAMES[which]} of ${phrase}` },
    el("figcaption", {}, sample(kind), el("b", {}, kind === "synergy" ? "Synergy" : "Redundancy"),
      ` of ${phrase}: ${count(clear)} of ${plural(pairs.size, "interval")} exclude 0`),
    panels, scaleBar(table.max[which], which));
}
