// The links between words and patches. A word's link leaves along the gap under its line, so it never crosses the
// text; it runs into a pill that carries the number, and from there on to the patch.

import { el } from "./base.js";

const LANE = 4.5; // between two links under one line of text
const PILL_GAP = 7;

// Sets the pills' places and draws the paths. `links` carry {pill, ends: [{at, node, text, column, panel}, ...]}.
/** @type {(board: HTMLElement, gutter: HTMLElement, svg: SVGElement, links: StageLink[]) => void} */
export function routeWires(board, gutter, svg, links) {
  const origin = board.getBoundingClientRect();
  /** @type {(node: Element) => Rect} */
  const boxOf = (node) => {
    const r = node.getBoundingClientRect();
    return box(r.left - origin.left, r.top - origin.top, r.right - origin.left, r.bottom - origin.top);
  };
  gutter.style.minHeight = "";
  const columns = Array.from(board.querySelectorAll(".column"), boxOf);
  const wide = columns.every((column) => column.bottom > boxOf(gutter).top && column.top < boxOf(gutter).bottom);
  for (const link of links) {
    for (const end of link.ends) measureEnd(end, boxOf, origin);
    link.ends.sort((one, other) => one.column - other.column);
  }
  const route = wide ? routeWide : routeStacked;
  spreadInPatches(links, wide);
  assignLanes(links, wide, board.clientWidth);
  const shapes = route(links, gutter, boxOf);
  svg.setAttribute("viewBox", `0 0 ${board.clientWidth} ${board.clientHeight}`);
  svg.replaceChildren(...shapes.map((shape, n) => drawWire(links[n], shape)));
}

/** @type {(left: number, top: number, right: number, bottom: number) => Rect} */
export function box(left, top, right, bottom) {
  return { left, top, right, bottom, width: right - left, height: bottom - top, x: (left + right) / 2, y: (top + bottom) / 2 };
}

const NOWHERE = box(0, 0, 0, 0);

// The end of a link before its place is worked out.
/** @type {(at: number, text: boolean, column: number, box?: Rect) => End} */
export const endOf = (at, text, column, own = NOWHERE) => ({ at, text, column, box: own, kind: "synergy", point: NOWHERE, side: 1, lane: 0, twin: 0 });

/** @type {(end: StageEnd, boxOf: (node: Element) => Rect, origin: DOMRect) => void} */
function measureEnd(end, boxOf, origin) {
  end.box = boxOf(end.node);
  end.area = boxOf(end.panel);
  if (!end.text) return;
  // A word broken over lines is left from its last piece.
  const rects = end.node.getClientRects();
  const r = rects[rects.length - 1];
  if (r) end.box = box(r.left - origin.left, r.top - origin.top, r.right - origin.left, r.bottom - origin.top);
}

// Several links into one patch end side by side.
/** @type {(links: RoutedLink[], wide: boolean) => void} */
export function spreadInPatches(links, wide) {
  const groups = groupBy(links.flatMap((link) => link.ends.filter((end) => !end.text)), (end) => end.at);
  for (const group of groups.values()) {
    const room = wide ? group[0].box.height : group[0].box.width;
    const step = Math.min(13, room / (group.length + 0.5));
    group.forEach((end, n) => {
      const off = (n - (group.length - 1) / 2) * step;
      end.point = wide ? { x: end.box.x, y: end.box.y + off } : { x: end.box.x + off, y: end.box.y };
    });
  }
}

// Under each line the word nearest the exit takes the highest lane, so that lanes never cross.
/** @type {(links: RoutedLink[], wide: boolean, width: number) => void} */
export function assignLanes(links, wide, width) {
  const ends = links.flatMap((link) => link.ends.filter((end) => end.text).map((end) => Object.assign(end, { kind: link.kind })));
  for (const end of ends) end.side = wide ? (end.column === 0 ? 1 : -1) : end.box.x > width / 2 ? 1 : -1;
  for (const line of groupBy(ends, (end) => `${Math.round(end.box.bottom)} ${end.side} ${end.column}`).values()) {
    const side = line[0].side;
    /** @type {(end: End) => number} */
    const reach = (end) => side * (side > 0 ? end.box.right : end.box.left);
    const trunks = [...groupBy(line, (end) => `${end.at} ${end.kind}`).values()].sort((a, b) => reach(b[0]) - reach(a[0]));
    trunks.forEach((trunk, lane) => {
      const twins = trunks.slice(0, lane).filter((other) => other[0].at === trunk[0].at).length;
      for (const end of trunk) Object.assign(end, { lane: lane % 5, twin: twins });
    });
  }
}

/**
 * @template T, K
 * @param {T[]} items
 * @param {(item: T) => K} key
 * @returns {Map<K, T[]>}
 */
function groupBy(items, key) {
  /** @type {Map<K, T[]>} */
  const groups = new Map();
  for (const item of items) {
    const k = key(item);
    const group = groups.get(k);
    if (group) group.push(item);
    else groups.set(k, [item]);
  }
  return groups;
}

// From the word's underline down into its lane and along it, to x.
/** @type {(end: End, x: number) => {underline: string, path: string, y: number}} */
function alongLane(end, x) {
  const { box: b, side } = end;
  const under = b.bottom + 1.5 + 4 * end.twin;
  const y = b.bottom + 8 + LANE * end.lane;
  const from = side > 0 ? b.right : b.left;
  const turn = Math.min(18, Math.max(4, Math.abs(x - from)));
  return {
    underline: `M${b.left} ${under}H${b.right}`,
    path: `M${from} ${under}c${(side * turn) / 2} 0 ${(side * turn) / 2} ${y - under} ${side * turn} ${y - under}H${x}`,
    y,
  };
}

// A link from its end on: of a word along its lane to x, of a patch from where it is.
/** @type {(end: End, x: number) => Leg} */
export const legOf = (end, x) => (end.text ? { x, ...alongLane(end, x) } : { ...end.point, path: "" });

/** @type {(x0: number, y0: number, x1: number, y1: number) => string} */
export const sweep = (x0, y0, x1, y1) => `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;
/** @type {(x0: number, y0: number, x1: number, y1: number) => string} */
const drop = (x0, y0, x1, y1) => `M${x0} ${y0}C${x0} ${(y0 + y1) / 2} ${x1} ${(y0 + y1) / 2} ${x1} ${y1}`;

// Side by side: pills stand in the gutter, each as near as it can to the middle of its two ends.
/** @type {(links: StageLink[], gutter: HTMLElement, boxOf: (node: Element) => Rect) => Wire[]} */
function routeWide(links, gutter, boxOf) {
  const g = boxOf(gutter);
  const legs = links.map((link) =>
    link.ends.map((end) => legOf(end, end.column === 0 ? Math.max(g.left, end.box.right + 14) : Math.min(g.right, end.box.left - 14))),
  );
  const wish = legs.map(([one, other]) => (one.y + other.y) / 2);
  const heights = links.map((link) => link.pill.offsetHeight + PILL_GAP);
  const needed = heights.reduce((sum, h) => sum + h, 0);
  if (needed > g.height) gutter.style.minHeight = `${needed}px`;
  /** @type {number[]} */
  const tops = stack(wish, heights, g.top, Math.max(g.bottom, g.top + needed));
  return links.map((link, n) => {
    const [left, right] = [g.x - link.pill.offsetWidth / 2, g.x + link.pill.offsetWidth / 2];
    Object.assign(link.pill.style, { left: `${left}px`, top: `${tops[n]}px` });
    const y = tops[n] + link.pill.offsetHeight / 2;
    const paths = legs[n].map((leg, e) => {
      const edge = link.ends[e].column === 0 ? left : right;
      return leg.path + sweep(leg.x, leg.y, edge, y);
    });
    return { paths, underlines: legs[n].map((leg) => leg.underline), dots: dots(link) };
  });
}

// Places items of given heights near their wished middles, in that order and without overlap.
/** @type {(wish: number[], heights: number[], top: number, bottom: number) => number[]} */
export function stack(wish, heights, top, bottom) {
  const order = wish.map((_, n) => n).sort((a, b) => wish[a] - wish[b]);
  const tops = [];
  let edge = top;
  for (const n of order) {
    tops[n] = Math.max(edge, wish[n] - heights[n] / 2);
    edge = tops[n] + heights[n];
  }
  let limit = bottom;
  for (const n of order.reverse()) {
    tops[n] = Math.min(tops[n], limit - heights[n]);
    limit = tops[n];
  }
  return tops;
}

// One above the other: words leave to the nearer margin and come down (or up) it; pills stand in rows.
/** @type {(links: StageLink[], gutter: HTMLElement, boxOf: (node: Element) => Rect) => Wire[]} */
function routeStacked(links, gutter, boxOf) {
  const g = boxOf(gutter);
  const wide = Math.max(...links.map((link) => link.pill.offsetWidth + PILL_GAP), 1);
  const tall = Math.max(...links.map((link) => link.pill.offsetHeight + 12), 0);
  const perRow = Math.max(1, Math.floor((g.width + PILL_GAP) / wide));
  gutter.style.minHeight = links.length ? `${Math.ceil(links.length / perRow) * tall + 44}px` : "";
  // The gutter grew, so what lies below it moved.
  const grown = boxOf(gutter).height - g.height;
  /** @type {(end: StageEnd) => number} */
  const moved = (end) => (end.area.top >= g.top ? grown : 0);
  const order = links.map((_, n) => n).sort((a, b) => last(links[a]).box.x - last(links[b]).box.x);
  /** @type {{x: number, top: number}[]} */
  const places = [];
  order.forEach((n, k) => {
    const row = Math.floor(k / perRow);
    const inRow = Math.min(perRow, links.length - row * perRow);
    const x = g.x + ((k % perRow) - (inRow - 1) / 2) * wide;
    places[n] = { x, top: g.top + 26 + row * tall };
  });
  return links.map((link, n) => {
    const { x, top } = places[n];
    Object.assign(link.pill.style, { left: `${x - link.pill.offsetWidth / 2}px`, top: `${top}px` });
    const legs = link.ends.map((end) => {
      const above = end.area.top < g.top;
      const edge = above ? top : top + link.pill.offsetHeight;
      if (!end.text) return { path: drop(x, edge, end.point.x, end.point.y + moved(end)) };
      const margin = end.side > 0 ? end.area.right + 5 + 2 * end.lane : end.area.left - 5 - 2 * end.lane;
      const lane = alongLane(end, margin - end.side * 6);
      const down = above ? end.area.bottom : end.area.top + grown;
      const turn = `q${end.side * 6} 0 ${end.side * 6} ${above ? 6 : -6}V${down}`;
      return { underline: lane.underline, path: lane.path + turn + drop(margin, down, x, edge), shift: moved(end) };
    });
    return { paths: legs.map((leg) => leg.path), underlines: legs.map((leg) => leg.underline), dots: dots(link, moved) };
  });
}

/** @type {(link: StageLink) => StageEnd} */
const last = (link) => link.ends[link.ends.length - 1];

/** @type {(link: {ends: StageEnd[]}, moved?: (end: StageEnd) => number) => Point[]} */
function dots(link, moved = () => 0) {
  return link.ends.filter((end) => !end.text).map((end) => ({ x: end.point.x, y: end.point.y + moved(end) }));
}

/** @type {(link: StageLink, shape: Wire) => SVGElement} */
function drawWire(link, shape) {
  const name = `wire ${link.kind}${link.against ? " against" : ""}`;
  const paths = shape.paths.map((d) => el("svg:path", { class: "thread", d }));
  const unders = shape.underlines.filter(Boolean).map((d) => el("svg:path", { class: "under", d }));
  const ends = shape.dots.map(({ x, y }) => el("svg:circle", { cx: x, cy: y, r: 5 }));
  link.wire = el("svg:g", { class: name }, paths, unders, ends);
  return link.wire;
}
