// Light, dark, or as the system has it.

import { byId } from "./base.js";

const THEMES = [["", "◐ Auto"], ["light", "☼ Light"], ["dark", "☾ Dark"]];

/** @type {(n: number) => void} */
export function setTheme(n) {
  const [theme, name] = THEMES[n];
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const button = byId("theme");
  button.textContent = name;
  button.setAttribute("aria-label", `Colour theme: ${theme || "automatic"}`);
  button.onclick = () => setTheme((n + 1) % THEMES.length);
}
