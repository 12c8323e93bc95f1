// @ts-check
// Where boxes stand: columns are given, heights are found, each opened box from the inside out.

import { contentOf, levels, opened, rows, titleOf } from "./model.js";
import { short } from "./numbers.js";
import { adjoints } from "./story.js";

/** @import { Vertex } from "./model.js" */
/** @typedef {{w: number, h: number, reach: number}} Room what a vertex takes up; wires end at
 *   `reach` from its middle */
/** @typedef {{x: number, y: number, w: number, h: number, left: number, right: number}} Place its
 *   middle, its size, and where wires join it */
/** @typedef {{right: number, between: number, left: number}} Turn how a wire gets from the end of
 *   a line of columns to the next one: where it goes down, back to the left, and down again */
/** @typedef {{width: number, height: number, places: Place[], turns: Map<string, Turn>}} Plan */
/** @typedef {{left: number, w: number}} Span */

export const BOX = 42;
export const GAP = { column: 46, row: 14, wire: 16, frame: 16, head: 26, label: 16, lane: 8 };
/** The scale at which boxes can be read, and the most lines that columns are folded into. */
export const LEGIBLE = 0.55;
const MOST_LINES = 16;
const LETTER = { main: 9.2, sub: 6.7, value: 7.3 };
const LONGEST_TITLE = 30;
export const SIGNS = /** @type {Record<string, string>} */ ({ "*": "×", "/": "÷", "-": "−" });
const plans = /** @type {Map<number, Plan>} */ (new Map());

/** The two lines in a box. @param {number} place @returns {[string, string]} */
export function inscription(place) {
  const row = rows[place];
  if (row.row !== "node") {
    const title = titleOf(place);
    const head = title.length > LONGEST_TITLE ? `${title.slice(0, LONGEST_TITLE - 1)}…` : title;
    return [head, `${levels[place] ? "▸ " : ""}${contentOf(place)}`];
  }
  if (!row.primitive) return [row.label, ""];
  const named = row.name && row.name !== row.label ? `${row.name} · ${row.label}` : row.label;
  return [SIGNS[row.operator] ?? row.operator, named];
}

/** The node whose value and adjoint stand at a box, if that is one. @param {number} place @returns {any} */
export function outcome(place) {
  const row = rows[place];
  if (row.row === "node") return row;
  return !opened.has(place) && row.results.length === 1 ? row.results[0] : null;
}

/** @param {Vertex} vertex @returns {Room} */
function room({ row: place }) {
  if (place === undefined) return { w: 0, h: GAP.wire, reach: 0 };
  const [main, sub] = inscription(place);
  if (opened.has(place)) {
    const inner = plan(place);
    const head = main.length * LETTER.value + 60;
    return {
      w: Math.max(inner.width + 2 * GAP.frame, head),
      h: inner.height + GAP.head + GAP.frame,
      reach: inner.width / 2,
    };
  }
  const letter = rows[place].row === "node" ? LETTER.main : LETTER.value;
  const width = Math.max(48, main.length * letter + 22, sub.length * LETTER.sub + 18);
  const result = outcome(place);
  const known = result ? adjoints.filter((pass) => pass.has(result.number)) : [];
  const texts = known.map((pass) => short(pass.get(result.number).adjoint));
  if (result) texts.push(short(result.value));
  const widest = Math.max(0, ...texts.map((one) => one.length)) * LETTER.value;
  return { w: Math.max(width, widest), h: BOX + 2 * GAP.label, reach: width / 2 };
}

/** How far below a vertex's middle the wire of a node joins it. @param {Vertex} vertex @param {number} id @param {"in" | "out"} side */
export function join({ row: place }, id, side) {
  if (place === undefined || !opened.has(place)) return 0;
  const inner = plan(place);
  const port = levels[place].vertices.findIndex((one) => one[side] === id);
  return port < 0 ? 0 : inner.places[port].y + (GAP.head - GAP.frame - inner.height) / 2;
}

/** What there is room for. */
let sheet = { w: 1, h: 1 };

/** What was planned is forgotten: something opened or shut. @param {number} w @param {number} h */
export function replan(w, h) {
  plans.clear();
  sheet = { w, h };
}

/** Where everything in an opened box stands, or, as -1, on the whole page. @param {number} place */
export function plan(place) {
  let made = plans.get(place);
  if (!made) {
    made = planned(place);
    plans.set(place, made);
  }
  return made;
}

/** @param {number} place @returns {Plan} */
function planned(place) {
  const { vertices } = levels[place];
  const rooms = vertices.map(room);
  /** @type {number[][]} */
  const columns = [];
  vertices.forEach(({ column }, one) => {
    columns[column] ??= [];
    columns[column].push(one);
  });
  const y = heights(place, columns, rooms);
  let [left, width] = [0, 40];
  const spans = columns.map((column) => {
    const span = { left, w: Math.max(...column.map((one) => rooms[one].w)) };
    width = left + span.w;
    const ports = column.every((one) => vertices[one].row === undefined);
    left = width + (ports ? GAP.column / 2 : GAP.column);
    return span;
  });
  /** @param {number} lines */
  const laid = (lines) => folded(place, columns, rooms, y, spans, broken(spans, width / lines));
  if (place !== -1 || scaleOf(laid(1)) >= LEGIBLE) return laid(1);
  const plans = columns.slice(0, MOST_LINES).map((_, more) => laid(more + 1));
  const best = plans.reduce((one, other) => (scaleOf(other) > scaleOf(one) ? other : one), laid(1));
  if (scaleOf(best) >= LEGIBLE) return best;
  // There is too much for the window: then it is as wide as that, and longer.
  return plans.find(({ width }) => sheet.w / width >= LEGIBLE) ?? best;
}

/** The scale at which a plan fills the window. @param {Plan} plan */
function scaleOf({ width, height }) {
  return Math.min(sheet.w / width, sheet.h / height);
}

/** Which line each column is in, if a line is so long. @param {Span[]} spans @param {number} length */
function broken(spans, length) {
  let [line, start] = [0, 0];
  return spans.map(({ left, w }) => {
    if (left > start && left + w - start > length + 1) [line, start] = [line + 1, left];
    return line;
  });
}

/**
 * The columns in lines, one below the other as text is, with the wires between them.
 * @param {number} place @param {number[][]} columns @param {Room[]} rooms @param {number[]} y
 * @param {Span[]} spans @param {number[]} lineOf
 * @returns {Plan}
 */
function folded(place, columns, rooms, y, spans, lineOf) {
  const { vertices, wires } = levels[place];
  const lines = columns.length ? lineOf[columns.length - 1] + 1 : 0;
  const lanes = Array.from({ length: lines }, () => /** @type {Map<string, number>} */ (new Map()));
  const turning = wires.filter(([start, end]) => {
    const line = lineOf[vertices[start].column];
    return lineOf[vertices[end].column] === line + 1;
  });
  for (const [start, , id] of turning) {
    const lane = lanes[lineOf[vertices[start].column]];
    if (!lane.has(`${start} ${id}`)) lane.set(`${start} ${id}`, lane.size);
  }
  const margin = Math.max(0, ...lanes.map((lane) => lane.size)) * GAP.lane + (lines > 1 ? 16 : 0);
  const bounds = lanes.map((_, line) => {
    const own = columns.flatMap((column, at) => (lineOf[at] === line ? column : []));
    const first = spans[lineOf.indexOf(line)].left;
    const last = spans[lineOf.lastIndexOf(line)];
    return {
      left: first,
      width: last.left + last.w - first,
      top: Math.min(...own.map((one) => y[one] - rooms[one].h / 2)),
      bottom: Math.max(...own.map((one) => y[one] + rooms[one].h / 2)),
    };
  });
  const inner = Math.max(40, ...bounds.map((line) => line.width));
  let height = 0;
  const tops = bounds.map(({ top, bottom }, line) => {
    const start = height;
    height += bottom - top + (line < lines - 1 ? (lanes[line].size + 1) * GAP.lane : 0);
    return start;
  });
  const places = vertices.map(({ column, row }, one) => {
    const { w, h, reach } = rooms[one];
    const { left, top } = bounds[lineOf[column]];
    const x = margin + spans[column].left - left + spans[column].w / 2;
    const joined = row === undefined ? spans[column].w / 2 : reach;
    const down = y[one] - top + tops[lineOf[column]];
    return { x, y: down, w, h, left: x - joined, right: x + joined };
  });
  const turns = new Map(
    turning.map(([start, end, id]) => {
      const line = lineOf[vertices[start].column];
      const lane = ((lanes[line].get(`${start} ${id}`) ?? 0) + 1) * GAP.lane;
      const between = tops[line] + bounds[line].bottom - bounds[line].top + lane;
      const right = margin + bounds[line].width + lane;
      return [`${start} ${end} ${id}`, { right, between, left: margin - 16 - lane + GAP.lane }];
    }),
  );
  return { width: inner + 2 * margin, height: Math.max(height, 20), places, turns };
}

/**
 * How high the vertices stand: each pulled by those that it is wired to, from either side in turn.
 * @param {number} place @param {number[][]} columns @param {Room[]} rooms
 */
function heights(place, columns, rooms) {
  const { vertices, wires } = levels[place];
  const y = vertices.map(() => 0);
  for (const column of columns) column.sort((a, b) => vertices[a].height - vertices[b].height);
  const pulls = /** @type {[number, number][][][]} */ ([
    vertices.map(() => []),
    vertices.map(() => []),
  ]);
  for (const [start, end, id] of wires) {
    const lift = join(vertices[start], id, "out") - join(vertices[end], id, "in");
    pulls[0][end].push([start, lift]);
    pulls[1][start].push([end, -lift]);
  }
  const rounds = vertices.map(({ row }) => row !== undefined && rows[row].row === "round");
  // Wires are to be straight, more than what leads nowhere is to be near; rounds stand in a row.
  const weights = vertices.map(({ row }, one) =>
    rounds[one] ? 50 : row === undefined ? 8 : pulls[1][one].length ? 2 : 0.2,
  );
  for (let turn = 0; turn < 14; turn++) {
    const sides = turn < 12 ? [pulls[turn % 2]] : pulls;
    for (const column of turn % 2 ? [...columns].reverse() : columns) {
      const wish = column.map((one) => {
        if (rounds[one]) return 0;
        let [sum, weight] = [0, 0];
        for (const [other, lift] of sides.flatMap((side) => side[one])) {
          sum += (y[other] + lift) * weights[other];
          weight += weights[other];
        }
        return weight ? sum / weight : y[one];
      });
      spread(column, wish, rooms, weights).forEach((at, index) => {
        y[column[index]] = at;
      });
    }
  }
  return y;
}

/**
 * The heights nearest to those wished for at which nothing in a column overlaps.
 * @param {number[]} column @param {number[]} wish @param {Room[]} rooms @param {number[]} weights
 */
function spread(column, wish, rooms, weights) {
  const offsets = [0];
  for (let i = 1; i < column.length; i++) {
    offsets.push(offsets[i - 1] + (rooms[column[i - 1]].h + rooms[column[i]].h) / 2 + GAP.row);
  }
  /** Runs that touch, each with the weighed sum of what it wishes for. */
  const runs = /** @type {{sum: number, weight: number, length: number}[]} */ ([]);
  wish.forEach((at, i) => {
    const weight = weights[column[i]];
    let run = { sum: (at - offsets[i]) * weight, weight, length: 1 };
    for (let last = runs.at(-1); last; last = runs.at(-1)) {
      if (last.sum / last.weight < run.sum / run.weight) break;
      runs.pop();
      run = {
        sum: last.sum + run.sum,
        weight: last.weight + run.weight,
        length: last.length + run.length,
      };
    }
    runs.push(run);
  });
  return runs
    .flatMap(({ sum, weight, length }) => Array(length).fill(sum / weight))
    .map((base, i) => base + offsets[i]);
}
