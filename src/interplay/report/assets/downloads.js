// Files the page makes: CSV that a spreadsheet reads as text, and what the browser saves.

import { el } from "./base.js";
import { index } from "./run-index.js";

// Text that a spreadsheet would take for a formula gets an apostrophe; numbers are our own and stay numbers.
/** @type {(value: string | number | null | undefined) => string} */
export function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const start = value.replace(/^ +/u, "").charAt(0);
  const safe = start && index.formulaStarts.includes(start) ? `'${value}` : value;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Offers a text as a file; its name is the given one as far as file systems are safe with it.
/** @type {(text: string, name: string, kind: "csv" | "json") => void} */
export function offer(text, name, kind) {
  const type = kind === "json" ? "application/json" : "text/csv;charset=utf-8";
  const address = URL.createObjectURL(new Blob([text], { type }));
  const safe = name.replace(/[^\w.-]+/gu, "_").replace(/^[._]+/u, "").slice(0, 80) || "sample";
  el("a", { href: address, download: `${safe}.${kind}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
