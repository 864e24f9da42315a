// The lens of one pinned feature: its synergy and its redundancy with all others, as two heat maps side by side.

import { count, el, plural } from "./base.js";
import { sample, warm } from "./marks.js";
import { KINDS } from "./model.js";
import { panelOf } from "./panels.js";
import { NAMES, scaleBar } from "./readout.js";

export function fillLens(node, opened, table, options, at) {
  const pairs = at === null ? new Map() : table.partnersOf(at);
  node.hidden = !pairs.size;
  if (node.hidden) return node.replaceChildren();
  const { phrase } = opened.features[at];
  const partners = opened.modalities.filter((m) => m.features.some((f) => pairs.has(f.at)));
  return node.replaceChildren(...Object.keys(KINDS).map((kind) => lensMap(kind, phrase, partners, pairs, table, options)));
}

function lensMap(kind, phrase, partners, pairs, table, options) {
  const which = KINDS[kind].score;
  const panels = partners.map((modality) => {
    const panel = panelOf(modality, false);
    for (const f of modality.features) {
      const cell = panel.nodes.get(f.at);
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
