// What the person sees of a modality: its running text cut into tokens, its picture under a grid of patches, or a
// list of named features.
// The evidence stage uses them large and live; the experts' rows use them small and still.

import { el, present, running, shorten, targetOf, visible } from "./base.js";

export const VEILED = "hidden until asked for";
export const FAINT = 0.12; // below this share of the scale a negative score is not marked as one, or noise would be all dots

// A list of parts: strings between tokens, and {feature, text} for tokens. Every feature appears exactly once.
/** @type {(modality: Modality) => {parts: TextPart[], rest: string}} */
export function textParts(modality) {
  const { text, features } = modality;
  /** @type {[Feature, number, number][]} */
  const spanned = [];
  /** @type {Feature[]} */
  const loose = [];
  for (const f of features) {
    if (text && f.span && f.span[1] > f.span[0] && f.span[0] < text.length) spanned.push([f, ...f.span]);
    else loose.push(f);
  }
  spanned.sort(([, a, b], [, c, d]) => a - c || b - d);
  /** @type {TextPart[]} */
  const parts = [];
  if (!text) return { parts: parts.concat(loose.flatMap(chip)), rest: "" };
  let end = 0;
  for (const [f, from, to] of spanned) {
    const start = Math.max(end, from);
    const stop = Math.min(text.length, to);
    if (start > end) parts.push(running(shorten(text.slice(end, start).join(""), 400)));
    // Several pieces may share one character (the bytes of an emoji): the later ones show a mark of their own.
    parts.push({ feature: f, text: stop > start ? shorten(visible(text.slice(start, stop).join("")), 120) : "▫" });
    end = Math.max(end, stop);
  }
  const rest = spanned.length ? text.slice(end).join("") : "";
  if (!features.length) parts.push(running(shorten(text.join(""), 4000)));
  return { parts: parts.concat(loose.flatMap(chip)), rest: running(shorten(rest, 600)) };
}

/** @type {(f: Feature) => TextPart[]} */
const chip = (f) => [{ feature: f, text: f.label, chip: true }, " "];

const SIZES = ["huge", "large", "medium", "small"];

// How small the words of a text are set, from 0 to 3: the more there are, the smaller.
/** @type {(modality: Modality) => number} */
export const stepOf = ({ features }) => [24, 48, 120].filter((most) => features.length > most).length;

/** @type {(modality: Modality, live: boolean) => DrawnPanel} */
function textPanel(modality, live) {
  const { parts, rest } = textParts(modality);
  const size = SIZES[stepOf(modality)];
  const nodes = new Map();
  const children = parts.map((part) => {
    if (typeof part === "string") return modality.veiled ? el("span", { "aria-hidden": "true" }, part) : part;
    /** @type {Attributes} */
    const attributes = { class: `token${part.chip ? " chip" : ""}${live && part.feature.claimed ? " claimed" : ""}`, "data-at": part.feature.at };
    if (live) Object.assign(attributes, { role: "button", tabindex: -1, "aria-pressed": "false" });
    if (part.text === "▫") attributes["aria-label"] = `piece of ${part.feature.phrase}`;
    if (modality.veiled && live) attributes["aria-label"] = `${part.feature.phrase}, ${VEILED}`;
    const node = el("span", attributes, part.text);
    nodes.set(part.feature.at, node);
    return node;
  });
  const name = modality.truncated ? "rest cut" : "rest";
  if (rest.trim()) children.push(el("span", { class: name, "aria-hidden": modality.veiled ? "true" : null }, rest));
  const look = `text ${live ? size : modality.features.length > 48 ? "mini long" : "mini"}${modality.veiled ? " veiled" : ""}`;
  return { node: el("p", { class: look, dir: "auto", "aria-hidden": modality.veiled && !live ? "true" : null }, children), nodes };
}

/** @type {(modality: Modality, live: boolean) => DrawnPanel} */
function picturePanel(modality, live) {
  const { picture, features } = modality;
  const ratio = picture ? picture.width / picture.height : 1;
  const frame = el("div", { class: `frame${picture ? "" : " blank"}${modality.veiled ? " veiled" : ""}`, vars: { "--ratio": ratio } });
  if (picture && picture.uri.startsWith("data:image/")) {
    const alt = live ? `The picture of ${modality.title}${modality.veiled ? `, ${VEILED}` : ""}` : "";
    frame.append(el("img", { src: picture.uri, alt, width: picture.width, height: picture.height, draggable: "false" }));
  }
  const nodes = new Map();
  for (const f of features) {
    /** @type {Attributes} */
    const attributes = { class: live && f.claimed ? "patch claimed" : "patch", "data-at": f.at };
    if (live) Object.assign(attributes, { role: "button", tabindex: -1, "aria-pressed": "false", "aria-label": f.phrase });
    const node = el("div", attributes);
    const [x0, y0, x1, y1] = f.box || loosePlace(f);
    Object.assign(node.style, {
      left: `${100 * x0}%`,
      top: `${100 * y0}%`,
      width: `${100 * (x1 - x0)}%`,
      height: `${100 * (y1 - y0)}%`,
    });
    nodes.set(f.at, node);
    frame.append(node);
  }
  if (live) axes(frame, features);
  return { node: frame, nodes, ratio };
}

// A patch without a box gets a cell of a square board, in order: better than not being there.
/** @type {(f: Feature) => Box} */
export function loosePlace(f) {
  const side = Math.ceil(Math.sqrt(f.modality.features.length));
  const [x, y] = [f.order % side, Math.floor(f.order / side)];
  return [x / side, y / side, (x + 1) / side, (y + 1) / side];
}

// Row and column numbers around the picture, so that "row 2, column 3" can be found by eye.
/** @type {(frame: HTMLElement, features: Feature[]) => void} */
function axes(frame, features) {
  const rows = new Map();
  const columns = new Map();
  for (const f of features) {
    if (!f.place || !f.box) return;
    rows.set(f.place[0], (f.box[1] + f.box[3]) / 2);
    columns.set(f.place[1], (f.box[0] + f.box[2]) / 2);
  }
  const step = (/** @type {Map<number, number>} */ marks) => Math.ceil(marks.size / 16);
  /** @type {(marks: Map<number, number>, name: string, side: "top" | "left") => void} */
  const draw = (marks, name, side) => {
    for (const [number, middle] of marks) {
      if ((number - 1) % step(marks)) continue;
      const mark = el("span", { class: `axis ${name}`, "aria-hidden": "true" }, String(number));
      mark.style[side] = `${100 * middle}%`;
      frame.append(mark);
    }
  };
  draw(rows, "row", "top");
  draw(columns, "column", "left");
}

/** @type {(modality: Modality, live: boolean) => DrawnPanel} */
export const panelOf = (modality, live) => (modality.listed ? textPanel(modality, live) : picturePanel(modality, live));

// Whether what reads as a list and what is a picture are both there; each then has its column.
/** @type {(modalities: Modality[]) => boolean} */
export const isSplit = (modalities) => new Set(modalities.map((m) => m.listed)).size === 2;

// The modalities of the left and of the right column.
/** @type {(modalities: Modality[]) => [Modality[], Modality[]]} */
export function columnsOf(modalities) {
  if (!isSplit(modalities)) return [modalities.slice(0, 1), modalities.slice(1)];
  return [modalities.filter((m) => m.listed), modalities.filter((m) => !m.listed)];
}

// One tab stop for a whole panel; arrows walk through its features. Hundreds of tab stops would trap a keyboard.
/** @type {(panel: DrawnPanel, modality: Modality) => void} */
export function rove(panel, modality) {
  const order = modality.features.map((f) => present(panel.nodes.get(f.at)));
  if (!order.length) return;
  order[0].tabIndex = 0;
  panel.node.addEventListener("keydown", (event) => {
    const at = order.indexOf(targetOf(event));
    if (at < 0) return;
    const next = nextFeature(event.key, at, order, modality);
    if (next === null) return;
    event.preventDefault();
    order[at].tabIndex = -1;
    order[next].tabIndex = 0;
    order[next].focus();
  });
}

/** @type {(key: string, at: number, order: HTMLElement[], modality: Modality) => number | null} */
function nextFeature(key, at, order, modality) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (step) return Math.min(order.length - 1, Math.max(0, at + step));
  if (key === "Home") return 0;
  if (key === "End") return order.length - 1;
  const down = { ArrowDown: 1, ArrowUp: -1 }[key];
  if (!down) return null;
  if (modality.listed) return nearestLine(at, down, order);
  const place = modality.features[at].place;
  if (!place) return Math.min(order.length - 1, Math.max(0, at + down));
  const found = modality.features.findIndex(({ place: p }) => p && p[0] === place[0] + down && p[1] === place[1]);
  return found < 0 ? null : found;
}

// The token nearest to this one on the line above or below.
/** @type {(at: number, down: number, order: HTMLElement[]) => number | null} */
function nearestLine(at, down, order) {
  const here = order[at].getBoundingClientRect();
  let best = null;
  for (let n = at + down; n >= 0 && n < order.length; n += down) {
    const box = order[n].getBoundingClientRect();
    if (Math.abs(box.top - here.top) < here.height / 2) continue;
    if (best && Math.abs(box.top - best.top) > here.height / 2) break;
    const off = Math.abs(box.left - here.left);
    if (!best || off < best.off) best = { n, off, top: box.top };
  }
  return best ? best.n : null;
}
