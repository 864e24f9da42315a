// The evidence as a picture: an SVG that stands alone, drawn from the data for paper, and a PNG made of it. Only
// attributes, never styles: the page's policy allows no style that it does not name.

import { code, el, percent, plural, present, running, scoreText, shorten, SVG, visible } from "./base.js";
import { KINDS } from "./model.js";
import { columnsOf, loosePlace, stepOf, textParts } from "./panels.js";
import { assignLanes, box, endOf, legOf, spreadInPatches, stack, sweep } from "./wires.js";

const SHEET = { width: 1120, margin: 28, left: 470, right: 430, scale: 2 };
const INK = { ink: "#1c1b19", soft: "#635e56", line: "#e5dfd4", synergy: "#d9580d", against: "#6d4bb4", redundancy: "#0b7a72" };
const SERIF = "Palatino, Georgia, 'Liberation Serif', 'DejaVu Serif', serif";
const SANS = "'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";

// Characters that no XML can hold.
/** @type {(text: string) => string} */
// eslint-disable-next-line no-control-regex -- such characters are what it looks for
const xmlSafe = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, code);

/** @type {CanvasRenderingContext2D | null} */
let ruler = null;

/** @type {(text: string, size: number, family: string) => number} */
function measure(text, size, family) {
  ruler = ruler || present(el("canvas").getContext("2d"));
  ruler.font = `${size}px ${family}`;
  return ruler.measureText(text).width;
}

/** @type {(x: number, y: number, text: string, size: number, look?: Ink) => SVGElement} */
function write(x, y, text, size, { family = SANS, fill = INK.ink, weight, anchor, length } = {}) {
  const fit = length ? { textLength: length.toFixed(1), lengthAdjust: "spacingAndGlyphs" } : {};
  return el("svg:text", { x: x.toFixed(1), y: y.toFixed(1), "font-family": family, "font-size": size, fill, "font-weight": weight, "text-anchor": anchor, ...fit }, xmlSafe(text));
}

// One line that must not be wider than the sheet.
/** @type {(x: number, y: number, text: string, size: number, look?: Ink) => SVGElement} */
function line(x, y, text, size, look = {}) {
  const room = SHEET.width - x - SHEET.margin;
  const limit = Math.max(20, Math.floor((text.length * room) / Math.max(room, measure(text, size, SANS))));
  return write(x, y, shorten(text, limit), size, look);
}

/** @type {(opened: OpenedExplanation) => string} */
function saidOf({ raw, prediction }) {
  const found = prediction.find(([label]) => label === raw.target);
  return `${shorten(visible(raw.target), 60)}${found ? ` ${percent(found[1])}` : ""}`;
}

/** @type {(opened: OpenedExplanation, table: PairTable, links: Link[]) => SVGElement} */
export function evidenceSvg(opened, table, links) {
  const { modalities, raw } = opened;
  /** @type {Drawing} */
  const drawn = { nodes: [], boxes: new Map(), column: new Map() };
  const bottoms = columnsOf(modalities).map((own, n) => drawColumn(own, n, drawn));
  const wires = drawLinks(links, drawn, opened, Math.max(...bottoms));
  const height = Math.max(...bottoms, wires.bottom) + 76;
  const head = `${shorten(visible(raw.sample_id), 80)} · ${saidOf(opened)}`;
  const basis = `${table.name} · ${plural(table.pairs.length, "pair")} scored · ${plural(raw.evaluations, "evaluation")} · numbers are scores ± their ${100 * raw.interval.level}% intervals`;
  return el("svg:svg", { xmlns: SVG, width: SHEET.width, height: height.toFixed(0), viewBox: `0 0 ${SHEET.width} ${height.toFixed(0)}` },
    el("svg:rect", { width: SHEET.width, height: height.toFixed(0), fill: "#ffffff" }),
    line(SHEET.margin, 36, head, 17, { family: SERIF, weight: 600 }),
    line(SHEET.margin, 57, basis, 12, { fill: INK.soft }),
    drawn.nodes, wires.nodes, legendLine(height - 38),
    line(SHEET.margin, height - 16, `Interplay · ${running(raw.provenance.run)} · ${running(raw.provenance.data)}`, 11, { fill: INK.soft }));
}

/** @type {(own: Modality[], n: number, drawn: Drawing) => number} */
function drawColumn(own, n, drawn) {
  const [x, width] = n === 0 ? [SHEET.margin, SHEET.left] : [SHEET.width - SHEET.margin - SHEET.right, SHEET.right];
  let y = 100;
  for (const modality of own) {
    drawn.nodes.push(write(x, y, shorten(modality.title, 40), 13, { weight: 600 }));
    y = modality.listed ? drawText(modality, x, y + 18, width, drawn) : drawPicture(modality, x, y + 12, width, drawn);
    for (const f of modality.features) drawn.column.set(f.at, n);
    y += 40;
  }
  return y;
}

// Words set line by line; each gets a box, for links to start from.
/** @type {(modality: Modality, x: number, top: number, width: number, drawn: Drawing) => number} */
function drawText(modality, x, top, width, drawn) {
  const { parts, rest } = textParts(modality);
  const size = [24, 20, 16, 13][stepOf(modality)];
  const lead = size * 1.95;
  const rtl = /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(parts.map((p) => (typeof p === "string" ? p : p.text)).join("").slice(0, 400));
  let at = 0;
  let y = top + size;
  /** @type {(text: string, feature: Feature | null, fill: string) => void} */
  const set = (text, feature, fill) => {
    const length = Math.min(width, measure(text, size, SERIF));
    if (at > 0 && at + length > width) [at, y] = [0, y + lead];
    const left = rtl ? x + width - at - length : x + at;
    drawn.nodes.push(write(left, y, text, size, { family: SERIF, fill, length }));
    if (feature) drawn.boxes.set(feature.at, box(left, y - size * 0.8, left + length, y + size * 0.18));
    at += length;
  };
  /** @type {(text: string, fill: string) => void} */
  const between = (text, fill) => {
    for (const piece of text.match(/\n|[^\S\n]+|\S+/gu) || []) {
      if (piece === "\n") [at, y] = [0, y + lead];
      else if (piece.trim()) set(piece, null, fill);
      else if (at > 0) at += measure(" ", size, SERIF);
    }
  };
  for (const part of parts) {
    if (typeof part === "string") between(part, INK.soft);
    else set(part.text, part.feature, INK.ink);
    if (typeof part !== "string" && part.chip) at += size * 0.4;
  }
  between(rest, "#a39d93");
  return y + size * 0.6;
}

/** @type {(modality: Modality, x: number, top: number, width: number, drawn: Drawing) => number} */
function drawPicture(modality, x, top, width, drawn) {
  const { picture, features } = modality;
  const ratio = picture ? picture.width / picture.height : 1;
  const w = Math.min(width, 560 * ratio);
  const h = w / ratio;
  drawn.nodes.push(el("svg:rect", { x, y: top, width: w, height: h, fill: "#f3efe8" }));
  if (picture && picture.uri.startsWith("data:image/") && !modality.veiled) {
    drawn.nodes.push(el("svg:image", { x, y: top, width: w, height: h, href: picture.uri, preserveAspectRatio: "none" }));
  }
  for (const f of features) {
    const [x0, y0, x1, y1] = f.box || loosePlace(f);
    drawn.boxes.set(f.at, box(x + x0 * w, top + y0 * h, x + x1 * w, top + y1 * h));
    drawn.nodes.push(el("svg:rect", { x: (x + x0 * w).toFixed(1), y: (top + y0 * h).toFixed(1), width: ((x1 - x0) * w).toFixed(1), height: ((y1 - y0) * h).toFixed(1), fill: "none", stroke: "#ffffff", "stroke-opacity": 0.6 }));
  }
  return top + h;
}

// As on the stage: under a word along its lane, into the number, and on to the patch.
/** @type {(links: Link[], drawn: Drawing, opened: OpenedExplanation, bottom: number) => {nodes: SVGElement[], bottom: number}} */
function drawLinks(links, drawn, opened, bottom) {
  const routed = links.map(({ kind, against, pair, score }) => {
    const ends = [pair.i, pair.j].map((at) => endOf(at, opened.features[at].modality.listed, present(drawn.column.get(at)), present(drawn.boxes.get(at))));
    return { kind, against, score, ends: ends.sort((a, b) => a.column - b.column) };
  });
  spreadInPatches(routed, true);
  assignLanes(routed, true, SHEET.width);
  const middle = (SHEET.margin + SHEET.left + SHEET.width - SHEET.margin - SHEET.right) / 2;
  const edges = [SHEET.margin + SHEET.left + 8, SHEET.width - SHEET.margin - SHEET.right - 8];
  const legs = routed.map((link) => link.ends.map((end) => legOf(end, edges[end.column])));
  const tops = stack(legs.map(([one, other]) => (one.y + other.y) / 2), routed.map(() => 32), 84, Math.max(bottom, 90 + 32 * links.length));
  const nodes = routed.flatMap((link, n) => {
    const stroke = INK[link.against ? "against" : link.kind];
    const dash = link.kind === "redundancy" ? "6 4" : undefined;
    const told = `${KINDS[link.kind].short} ${scoreText(link.score)}`;
    const half = measure(told, 13, SANS) / 2 + 12;
    const y = tops[n] + 12;
    const thread = legs[n].map((leg, e) => leg.path + sweep(leg.x, leg.y, middle + (link.ends[e].column === 0 ? -half : half), y));
    const unders = legs[n].map((leg) => leg.underline).filter(Boolean);
    return [
      ...thread.map((d) => el("svg:path", { d, fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": dash })),
      ...unders.map((d) => el("svg:path", { d, fill: "none", stroke, "stroke-width": 3.5, "stroke-dasharray": dash })),
      ...link.ends.filter((end) => !end.text).map((end) => el("svg:circle", { cx: end.point.x, cy: end.point.y, r: 5, fill: stroke, stroke: "#ffffff", "stroke-width": 2 })),
      el("svg:rect", { x: middle - half, y: y - 12, width: 2 * half, height: 24, rx: 12, fill: "#ffffff", stroke, "stroke-width": 1.5, "stroke-dasharray": dash }),
      write(middle, y + 4.5, told, 13, { anchor: "middle", weight: link.score.sure ? 600 : undefined }),
    ];
  });
  return { nodes, bottom: Math.max(0, ...tops.map((top) => top + 30)) };
}

/** @type {(y: number) => SVGElement[]} */
function legendLine(y) {
  /** @type {[keyof typeof INK, string][]} */
  const entries = [["synergy", "Synergy: act together"], ["against", "act together against the label"], ["redundancy", "Redundancy: back each other up"]];
  return entries.flatMap(([name, text], n) => {
    const x = SHEET.margin + 260 * n;
    return [el("svg:path", { d: `M${x} ${y - 4}h24`, stroke: INK[name], "stroke-width": 2.5, "stroke-dasharray": name === "redundancy" ? "6 4" : undefined }), write(x + 32, y, text, 12, { fill: INK.soft })];
  });
}

/** @type {(svg: SVGElement) => string} */
export const svgText = (svg) => `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(svg)}\n`;

// Drawn through a data URI, which the page's policy allows for pictures already.
/** @type {(svg: SVGElement) => Promise<Blob>} */
export async function pngOf(svg) {
  const bytes = new TextEncoder().encode(svgText(svg));
  const image = new Image();
  image.src = `data:image/svg+xml;base64,${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
  await image.decode();
  const canvas = el("canvas", { width: SHEET.scale * image.width, height: SHEET.scale * image.height });
  present(canvas.getContext("2d")).drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(present(blob)), "image/png"));
}
