// The marks of links and of heat, and what is said where there is none.

import { decimalsFor, el, signed, sizeOf } from "./base.js";
import { linkOf } from "./model.js";
import { FAINT } from "./panels.js";

// The link of a pinned pair that is not among the strongest: as what it is more of, or not at all if it is missing.
/** @type {(pair: Pair, kinds: Kind[]) => Link[]} */
export function loneLink(pair, kinds) {
  const links = kinds.map((kind) => linkOf(kind, pair)).filter((link) => link.score.value !== null);
  /** @type {(link: Link) => number} */
  const size = ({ kind, score }) => (kind === "redundancy" && (score.value ?? 0) < 0 ? -1 : sizeOf(score));
  return links.sort((a, b) => size(b) - size(a)).slice(0, 1);
}

// A short stretch of the kind's line: solid for synergy, dashed for redundancy.
/** @type {(kind: string) => SVGElement} */
export function sample(kind) {
  return el("svg:svg", { class: `sample ${kind}`, viewBox: "0 0 22 8", "aria-hidden": "true" }, el("svg:path", { d: "M1 4H21" }));
}

// Heat of one feature: undefined takes it away, null marks a pair that is missing.
/** @type {(node: HTMLElement, pair: Pair | null | undefined, table: PairTable, options: Options) => void} */
export function warm(node, pair, table, options) {
  node.classList.remove("pos", "neg", "missing", "weak", "faint", "backup", "by-gap", "linked");
  delete node.dataset.value;
  if (pair === undefined) return;
  const which = options.kind === "redundancy" ? "gap" : "sii";
  const s = pair === null ? null : pair[which];
  if (pair === null || s === null || s.value === null) {
    node.classList.add("missing");
    return;
  }
  const heat = Math.abs(s.value) / (table.max[which] || 1);
  node.classList.add(s.value < 0 ? "neg" : "pos");
  node.classList.toggle("by-gap", which === "gap");
  node.classList.toggle("faint", heat < FAINT);
  node.style.setProperty("--heat", heat.toFixed(3));
  if (options.sureOnly && !s.sure) node.classList.add("weak");
  else node.dataset.value = signed(s.value, decimalsFor(s.value, s.half || 0));
  if (options.kind === "both" && pair.gap.sure && (pair.gap.value ?? 0) > 0) node.classList.add("backup");
}

// Dims a link that has nothing to do with what is looked at, and marks its pill as pressed if its pair is pinned.
/** @type {(link: StageLink, look: Look, pinned: Look | null) => void} */
export function markLink({ pair, wire, item, pill, ends }, look, pinned) {
  const related = look.at !== undefined ? pair.i === look.at || pair.j === look.at : !look.pair || pair === look.pair;
  wire.classList.toggle("dim", !related);
  item.classList.toggle("dim", !related);
  pill.setAttribute("aria-pressed", String(Boolean(pinned && pinned.pair === pair)));
  if (look.at === undefined && !look.pair) for (const end of ends) end.node.classList.add("linked");
}

/** @type {(table: PairTable, options: Options, ofPinned: boolean) => string} */
export function nothingToDraw(table, { kind, links, sureOnly }, ofPinned) {
  if (!table.pairs.length) return "No pairs were scored under this value.";
  if (!links && !ofPinned) return "No links are drawn. “Links” draws the strongest pair scores.";
  const what = `${kind === "both" ? "pair" : `${kind} pair`}${ofPinned ? " of what is pinned" : ""}`;
  return sureOnly ? `No ${what} has an interval that excludes 0 under this value.` : `No ${what} to draw under this value.`;
}
