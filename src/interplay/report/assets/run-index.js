// What the page of a run holds of all samples, as Python put it there.

import { byId } from "./base.js";

/** @type {RunIndex} */
export const index = JSON.parse(byId("index").textContent);
