// The address after #: the sample, then &value=, and &pin=, &pair= or &off=, so that what is looked at can be linked to.

// The part of the address that names a sample; a second explanation of the same sample adds ~2.
const addresses = (() => {
  const seen = new Map();
  return index.samples.map(({ id }) => {
    const times = (seen.get(id) || 0) + 1;
    seen.set(id, times);
    return encodeURIComponent(shortId(id)) + (times > 1 ? `~${times}` : "");
  });
})();

// Long ids are cut; halves of characters, which an address cannot hold, are left out.
function shortId(id) {
  return Array.from(id.slice(0, 200)).filter((c) => !/^[\ud800-\udfff]$/.test(c)).join("");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// [which explanation, what is looked at in it, still as text]
function fromAddress() {
  const [wanted, ...rest] = location.hash.slice(1).split("&");
  const n = Math.max(0, addresses.findIndex((address) => address === wanted || decoded(address) === decoded(wanted)));
  return [n, new Map(rest.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]))];
}

const nameOfValue = (table) => encodeURIComponent(shortId(table.value.expert));

function writeLook({ tables }, { table, pinned, off }) {
  const parts = [];
  if (table > 0) {
    const first = tables.findIndex((other) => nameOfValue(other) === nameOfValue(tables[table]));
    parts.push(`value=${first === table ? nameOfValue(tables[table]) : `~${table}`}`);
  }
  if (pinned && pinned.pair) parts.push(`pair=${pinned.pair.i}-${pinned.pair.j}`);
  else if (pinned) parts.push(`pin=${pinned.at}`);
  if (off.size) parts.push(`off=${[...off].sort((a, b) => a - b).join("-")}`);
  return parts.map((part) => `&${part}`).join("");
}

// What a link asks for, as far as it is there: a link from an older page must not break this one.
function readLook({ tables, features }, texts) {
  const value = texts.get("value") || "";
  const named = value.startsWith("~") ? Number(value.slice(1)) : tables.findIndex((t) => decoded(nameOfValue(t)) === decoded(value));
  const table = Number.isInteger(named) && named > 0 && named < tables.length ? named : 0;
  const numbers = (key) => (/^\d+(-\d+)*$/.test(texts.get(key) || "") ? texts.get(key).split("-").map(Number) : []).filter((at) => at < features.length);
  const [at] = numbers("pin");
  const [i, j] = numbers("pair");
  const pair = j === undefined ? undefined : tables[table].partnersOf(i).get(j);
  return { table, pinned: pair ? { pair } : at === undefined ? null : { at }, off: new Set(numbers("off")) };
}
