// What the page holds of all it shows: samples, details, columns, blur, as Python put it there.

export const index = JSON.parse(document.getElementById("index").textContent);
