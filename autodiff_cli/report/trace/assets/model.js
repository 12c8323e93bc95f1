// @ts-check
// The trace that the document holds, and what of it is unfolded. A "box" is a row that is drawn:
// a node, or a loop, a call or a round of one, opened or not.

/** @typedef {{column: number, height: number, row?: number, in?: number, out?: number}} Vertex */
/** @typedef {{vertices: Vertex[], wires: [number, number, number][]}} Level */

const MOST_BOXES = 500;

const held = JSON.parse(String(document.getElementById("data")?.textContent));
/** The JSON of adiff.trace/1. */
export const trace = held.trace;
export const rows = /** @type {any[]} */ (trace.rows);
export const passes = /** @type {any[]} */ (trace.passes);
/** What stands in each row that can be opened, and, as -1, in none. */
export const levels = /** @type {Record<string, Level>} */ (held.levels);
export const opened = /** @type {Set<number>} */ (new Set());

/** The row that can be opened that each row is in, or -1. @type {number[]} */
export const parent = [];
/** The row of each node that has one. @type {Map<number, number>} */
const nodeRows = new Map();
/** What is known of each node: its row, or what a folded row says of it. @type {Map<number, any>} */
const facts = new Map();
/** The rows that hold nodes and cannot be opened. @type {number[]} */
const sealed = [];
/** @type {number[]} */
const around = [];
rows.forEach((row, place) => {
  while (around.length && rows[around[around.length - 1]].depth >= row.depth) around.pop();
  parent.push(around.at(-1) ?? -1);
  if (row.row === "node") {
    facts.set(row.number, row);
    nodeRows.set(row.number, place);
  } else if (levels[place]) around.push(place);
  else if (row.row !== "event") {
    sealed.push(place);
    for (const result of row.results) facts.set(result.number, result);
  }
});

/** The rows around a row, from itself out. @param {number} row */
function* outward(row) {
  for (let at = row; at >= 0; at = parent[at]) yield at;
}

/** @param {number} id a node's number @returns {number} its row, or the sealed one that holds it, or -1 */
export function rowOf(id) {
  const own = nodeRows.get(id);
  if (own !== undefined) return own;
  return sealed.find((place) => rows[place].first <= id && id <= rows[place].last) ?? -1;
}

/** @param {number} id a node's number @returns {any} */
export function factOf(id) {
  return facts.get(id);
}

/** @param {number} id a node's number @returns {string} */
export function labelOf(id) {
  return facts.get(id)?.label ?? `node ${id}`;
}

// Of rows that can be opened, the JSON does not say what they pass on when they are shut.
/** @type {Map<number, Set<number>>} */
const passedOn = new Map();
for (const place of Object.keys(levels).map(Number)) {
  if (place < 0) continue;
  const ports = levels[place].vertices.flatMap((v) => (v.out === undefined ? [] : [v.out]));
  passedOn.set(place, new Set(ports));
}
for (const { output } of passes) {
  for (const place of outward(rowOf(output))) passedOn.get(place)?.add(output);
}
for (const [place, numbers] of passedOn)
  rows[place].results = [...numbers].sort((a, b) => a - b).map(factOf);

/** The box in which a row is seen: itself, or the outermost folded one around it. @param {number} row */
export function seen(row) {
  let found = row;
  for (const at of outward(row)) if (levels[at] && !opened.has(at)) found = at;
  return found;
}

/** @param {number} place */
export function isShut(place) {
  return place >= 0 && rows[place].row !== "node" && !opened.has(place);
}

/** The line of a row, or that of what it is in. @param {number} place @returns {number | null} */
export function lineOf(place) {
  for (const at of outward(place)) if (rows[at].line) return rows[at].line;
  return null;
}

/** What a box is called. @param {number} place @returns {string} */
export function titleOf(place) {
  const row = rows[place];
  if (row.row === "node") return row.label;
  if (row.row !== "round") return row.head;
  if (row.count === 1) return `${row.title} ${row.number}`;
  const plural = row.title === "iteration" ? "s" : "";
  return `${row.title}${plural} ${row.number}–${row.number + row.count - 1}`;
}

/** What a box holds: a node's expression, or how much there is in a group. @param {number} place @returns {string} */
export function contentOf(place) {
  const row = rows[place];
  if (row.row === "node") return row.primitive ? row.expression : "an input";
  const isMany = row.row === "group" && (row.kind === "loop" || row.count > 1);
  const nodes = row.last - row.first + 1;
  const inside = nodes > 0 ? `${nodes} node${nodes > 1 ? "s" : ""}` : "no node";
  return isMany ? `×${row.count} · ${inside}` : inside;
}

/** The rows that are drawn, opened boxes too. @returns {number[]} */
function boxes() {
  return rows.flatMap((row, place) =>
    row.row !== "event" && seen(place) === place ? [place] : [],
  );
}

/**
 * Opens as deep as was asked for, if that does not show too many boxes, or too small ones.
 * @param {() => boolean} isLegible
 */
export function openAtStart(isLegible) {
  /** @type {[number, number][]} */
  const depths = [...passedOn.keys()].map((place) => [
    place,
    [...outward(place)].filter((at) => rows[at].row === "group").length,
  ]);
  const deepest = Math.max(0, ...depths.map(([, depth]) => depth));
  for (let depth = Math.min(held.open, deepest); depth >= 0; depth--) {
    opened.clear();
    for (const [place, own] of depths) if (own <= depth) opened.add(place);
    if (boxes().length <= MOST_BOXES && isLegible()) return;
  }
}

/** @param {number} place */
export function toggle(place) {
  if (opened.delete(place)) return;
  opened.add(place);
  // Its rounds open with it where there is room.
  const inner = levels[place].vertices.flatMap(({ row }) =>
    row !== undefined && rows[row].row === "round" && levels[row] ? [row] : [],
  );
  for (const row of inner) opened.add(row);
  if (boxes().length > MOST_BOXES) for (const row of inner) opened.delete(row);
}
