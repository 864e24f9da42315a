(() => {
"use strict";
/** @type {(id: string) => HTMLElement} */
const by = (id) => {
  const node = document.getElementById(id);
  if (!node) throw new Error(`#${id} is missing`);
  return node;
};
const form = /** @type {HTMLFormElement} */ (by("form"));
const list = by("jobs");
const refused = by("refused");
const LIVE = ["queued", "running"];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

// What users sent is only ever written as text.
/** @type {(tag: string, text?: string, attributes?: Record<string, string | number>) => HTMLElement} */
function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** @type {(fault: Fault) => string} */
function sentence(fault) {
  return [fault.error, fault.expected && `expected ${fault.expected}`, fault.fix].filter(Boolean).join("; ") + ".";
}

/** @type {(address: string, options?: RequestInit) => Promise<any>} */
async function ask(address, options) {
  const response = await fetch(address, options);
  const body = await response.json();
  if (!response.ok) throw new Error(sentence(body));
  return body;
}

/** @type {(message: string) => void} */
function say(message) {
  refused.textContent = message;
  refused.hidden = !message;
}

/** @type {(job: Job) => HTMLElement} */
function row(job) {
  const item = make("li");
  item.append(make("span", Object.entries(job.inputs).map(([name, value]) => `${name}: ${value}`).join(" · ")));
  const line = make("div", undefined, { class: "row" });
  line.append(make("b", job.cancelling ? "stopping" : job.state));
  if (job.target) line.append(make("span", `label: ${job.target}`));
  if (job.state === "running") {
    const name = `evaluations done of at most ${job.progress.most}`;
    line.append(make("progress", undefined, { value: job.progress.done, max: Math.max(1, job.progress.most), "aria-label": name }));
    line.append(make("span", `${job.progress.done} of at most ${job.progress.most} evaluations`, { class: "soft" }));
  }
  if (job.ahead) line.append(make("span", job.ahead === 1 ? "1 job before it" : `${job.ahead} jobs before it`, { class: "soft" }));
  if (LIVE.includes(job.state) && !job.cancelling) {
    const button = make("button", "Cancel", { type: "button" });
    button.addEventListener("click", () => act(() => ask(`/api/jobs/${job.id}`, { method: "DELETE" })));
    line.append(button);
  }
  if (job.state === "done") {
    line.append(make("a", "Open the page", { href: `/api/jobs/${job.id}/page` }));
    line.append(make("a", "JSON", { href: `/api/jobs/${job.id}/result` }));
  }
  item.append(line);
  if (job.fault) item.append(make("span", sentence(job.fault), { class: "soft" }));
  return item;
}

async function refresh() {
  clearTimeout(timer);
  /** @type {Job[]} */
  const jobs = await ask("/api/jobs");
  by("none").hidden = jobs.length > 0;
  const active = document.activeElement;
  const at = active && list.contains(active) ? [...list.querySelectorAll("a, button")].indexOf(active) : -1;
  list.replaceChildren(...jobs.map(row));
  const again = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("a, button"));
  if (at >= 0) again[at]?.focus();
  if (jobs.some((job) => LIVE.includes(job.state))) timer = setTimeout(() => act(), 1000);
}

/** @type {(step?: () => Promise<unknown>) => Promise<void>} */
async function act(step) {
  try {
    if (step) await step();
    await refresh();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  say("");
  const data = new FormData(form);
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("input, select, textarea"))) {
    if (field.name && !field.required && field.value === "") data.delete(field.name);
  }
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  button.disabled = true;
  await act(() => ask("/api/jobs", { method: "POST", body: data }));
  button.disabled = false;
});

act();
})();
