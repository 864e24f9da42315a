// What the page holds of all it shows: samples, details, columns, blur, as Python put it there.

import { byId } from "./base.js";

/** @type {PageIndex} */
export const index = JSON.parse(byId("index").textContent);
