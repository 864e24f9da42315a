// Making elements, writing numbers and naming texts.

export const SVG = "http://www.w3.org/2000/svg";

/**
 * The element of an id, which must be there and of the type.
 *
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const node = document.getElementById(id);
  if (!(node instanceof (type || HTMLElement))) throw new Error(`#${id} is missing`);
  return /** @type {T} */ (node);
}

/**
 * The element where an event began, which must be of the type.
 *
 * @template {Element} [T=HTMLElement]
 * @param {Event} event
 * @param {new () => T} [type]
 * @returns {T}
 */
export function targetOf({ target }, type) {
  if (!(target instanceof (type || Element))) throw new Error("the event began elsewhere");
  return /** @type {T} */ (target);
}

/**
 * The only way elements are made. Strings become text nodes, so no text of the data can become markup; the
 * names of tags and attributes never come from the data.
 *
 * @template {string} T
 * @param {T} tag
 * @param {Attributes} attributes `on` has listeners, `vars` custom properties of the style
 * @param {Child[]} children
 * @returns {Made<T>}
 */
export function el(tag, { on = {}, vars = {}, ...attributes } = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [event, handler] of Object.entries(on)) node.addEventListener(event, /** @type {EventListener} */ (handler));
  for (const [name, value] of Object.entries(vars)) /** @type {HTMLElement} */ (node).style.setProperty(name, String(value));
  const there = /** @type {(string | Node | null | undefined | false)[]} */ (children.flat(3));
  node.append(...there.filter((child) => child !== null && child !== undefined && child !== false));
  return /** @type {Made<T>} */ (node);
}

/**
 * What cannot be missing: of a map whose keys are all there.
 *
 * @template T
 * @param {T | null | undefined} value
 * @returns {T}
 */
export function present(value) {
  if (value === undefined || value === null) throw new Error("something is missing that the page itself made");
  return value;
}

// ---- numbers ----

export const MINUS = "−";

// As many decimals as the interval deserves: one figure of it, two where it starts with a 1.
/** @type {(value: number, spread: number) => number} */
export function decimalsFor(value, spread) {
  const size = spread > 0 ? spread : Math.abs(value) / 100;
  if (!(size > 0)) return 2;
  const exponent = Math.floor(Math.log10(size));
  const lead = size / 10 ** exponent;
  return Math.min(6, Math.max(0, (lead < 1.95 ? 1 : 0) - exponent));
}

/** @type {(value: number, digits: number) => string} */
function fixed(value, digits) {
  const text = Math.abs(value) >= 1e6 ? Math.abs(value).toExponential(2) : Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

/** @type {(value: number, digits: number) => string} */
export function signed(value, digits) {
  const text = fixed(value, digits);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

// A raw score: three significant figures.
/** @type {(value: number) => string} */
export function plain(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? size.toExponential(1) : String(Number(size.toPrecision(3)));
  return (value < 0 ? MINUS : "") + text;
}

// "+3.2 ± 0.4"; what is missing says n/a, for missing is not 0.
/** @type {(score: {value: number | null, half: number | null}) => string} */
export function scoreText(score) {
  if (score.value === null) return "n/a";
  if (score.half === null) return `${signed(score.value, decimalsFor(score.value, 0))} ± n/a`;
  let digits = decimalsFor(score.value, score.half);
  const size = Math.abs(score.value); // "+0.4 ± 0.4" would not tell whether 0 is within
  if (size !== score.half && fixed(size, digits) === fixed(score.half, digits)) digits += 1;
  return `${signed(score.value, digits)} ± ${fixed(score.half, digits)}`;
}

// The size of a score; of one that is missing 0, which nothing that is drawn asks for.
/** @type {(score: Score) => number} */
export const sizeOf = (score) => Math.abs(score.value ?? 0);

// Never 0% or 100% of what is not quite.
/** @type {(share: number) => string} */
export const percent = (share) => {
  const text = (100 * share).toFixed(share > 0 && share < 1 && (share < 0.01 || share > 0.99) ? 1 : 0);
  if (share > 0 && Number(text) === 0) return "<0.1%";
  return `${share < 1 && Number(text) === 100 ? ">99.9" : text}%`;
};
/** @type {(number: number) => string} */
export const count = (number) => number.toLocaleString("en-US");
/** @type {(number: number, one: string, many?: string) => string} */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

// ---- texts ----

// Characters that draw nothing or turn the writing direction of what follows.
// eslint-disable-next-line no-control-regex -- such characters are what it looks for
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\uffff]/u;
const TURNING = /[\u202a-\u202e\u2066-\u2069]/gu;

/** @type {(character: string) => string} */
export const code = (character) => `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`;

// Text as it runs, except that characters which would turn their neighbours around are spelled out.
/** @type {(text: string) => string} */
export const running = (text) => text.replace(TURNING, code);

// A text that shows nothing at all is spelled out, so that it can be seen and pointed at.
/** @type {(text: string) => string} */
export function visible(text) {
  const characters = Array.from(text);
  const seen = characters.some((c) => !HIDDEN.test(c) && c.trim() !== "");
  if (seen) return running(text);
  return characters.slice(0, 4).map((c) => (c === " " ? "␣" : code(c))).join("") || "⟨empty⟩";
}

// At most `limit` characters, with the start and the end kept.
/** @type {(text: string, limit: number) => string} */
export function shorten(text, limit) {
  if (text.length <= limit) return text;
  const head = Array.from(text.slice(0, 2 * limit));
  if (text.length <= 2 * limit && head.length <= limit) return text;
  const tail = Array.from(text.slice(-2 * limit));
  return `${head.slice(0, Math.ceil(limit * 0.7)).join("")}…${tail.slice(-Math.floor(limit * 0.2)).join("")}`;
}

// A name of the data (of a modality, an expert, a method), as far as it is shown.
/** @type {(text: string) => string} */
export const named = (text) => shorten(visible(text), 60);

// Names inside sentences are set apart, so that a right-to-left word does not reorder the numbers beside it.
/** @type {(text: string) => string} */
export const apart = (text) => `\u2068${text}\u2069`;
/** @type {(text: string) => string} */
export const quoted = (text) => `“${apart(text)}”`;
