// @ts-check
// Steps through a trace: the document holds the JSON of adiff.trace/1, with the layers to draw it
// in. A "box" is a row that is drawn: a node, or a loop, a call or a round of one, opened or not.

/** @typedef {number | boolean | string} Scalar a string is what JSON has no number for: nan, inf */
/** @typedef {Scalar | any[] | {shape: number[], min: Scalar, max: Scalar}} Value */
/** @typedef {{column: number, height: number, row?: number, in?: number, out?: number}} Vertex */
/** @typedef {{vertices: Vertex[], wires: [number, number, number][]}} Level */
/** @typedef {{kind: "value" | "fold" | "seed" | "term" | "zero" | "sums" | "clear", at: number,
 *   pass: number, row: number, line: number | null, from?: number, source?: number,
 *   target?: number, value?: Value, before?: Value, total?: Value, count?: number, nth?: number,
 *   final?: boolean}} Step
 * `row` is the box that lights up, `from` the one that an adjoint comes from; `at` orders steps
 * whatever is folded, so that folding keeps the place in the story. */
/** @typedef {{width: number, height: number, places: {x: number, y: number, w: number, h: number}[],
 *   columns: {x: number, w: number}[]}} Plan */

const MOST_BOXES = 500;
const PACE = 1100;
const HINT = "Click a node for its history, a loop or a call to fold or unfold it.";

const documentData = JSON.parse(String(element("data").textContent));
const trace = documentData.trace;
const rows = /** @type {any[]} */ (trace.rows);
const passes = /** @type {any[]} */ (trace.passes);
const levels = /** @type {Record<string, Level>} */ (documentData.levels);

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} content
 */
function make(tag, attributes, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} content
 */
function draw(tag, attributes, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

// ── numbers ─────────────────────────────────────────────────────────────────────────────

/** @param {any} value @returns {number} */
function number(value) {
  return typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);
}

/** @param {any} value @param {number} [digits] @returns {string} */
function text(value, digits) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return `[${value.map((item) => text(item, digits)).join(", ")}]`;
  if (typeof value === "object") {
    const range = [...new Set([text(value.min, digits), text(value.max, digits)])].join(" … ");
    return `(${value.shape.join("×")}) ${range}`;
  }
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value))
    return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  return String(digits ? Number(value.toPrecision(digits)) : value);
}

/** What has room at a box. @param {any} value */
function short(value) {
  if (value?.shape) return text(value, 3);
  const whole = text(value, 5);
  if (whole.length <= 20 || !Array.isArray(value)) return whole;
  const flat = value.flat(9).map(number);
  const shape = [];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const [min, max] = [Math.min, Math.max].map((pick) => flat.reduce((a, b) => pick(a, b)));
  return text({ shape, min, max }, 3);
}

/** A number whole, of an array what has room. @param {any} value */
function exact(value) {
  return text(value, Array.isArray(value) ? 8 : 0);
}

/** How it reads in the middle of a sum or a product. @param {any} value */
function term(value) {
  const written = text(value, 6);
  return written.startsWith("-") ? `(${written})` : written;
}

/** @param {any} a @param {any} b @returns {any} the sum; null where only ranges are known */
function add(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) return a.map((item, place) => add(item, b[place]));
  if ([a, b].some((one) => one === null || typeof one === "object")) return null;
  return number(a) + number(b);
}

/** @param {any} value */
function size(value) {
  if (Array.isArray(value)) return value.flat(9).length;
  if (value === null || typeof value !== "object") return 1;
  return value.shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
}

/** The name of an adjoint: x̄, v̄7. @param {string} label */
function barred(label) {
  if (/^.\d*$/u.test(label)) return label.replace(/^./u, "$&\u0304").normalize("NFC");
  return label.replace(/./gu, "$&\u0305");
}

// ── boxes ───────────────────────────────────────────────────────────────────────────────

/** The opened row that a row is in, or -1. @type {number[]} */
const parent = rows.map(() => -1);
for (const [place, level] of Object.entries(levels)) {
  for (const vertex of level.vertices)
    if (vertex.row !== undefined) parent[vertex.row] = Number(place);
}
const opened = /** @type {Set<number>} */ (new Set());
const labels = /** @type {Map<number, string>} */ (new Map());
/** The row of each node; of one that is in no row of its own, the folded row. */
const nodeRows = /** @type {Map<number, number>} */ (new Map());
const foldedRows = /** @type {number[]} */ ([]);
const resultsOf = /** @type {Map<number, any[]>} */ (new Map());
rows.forEach((row, place) => {
  if (row.row === "event") return;
  if (row.row === "node") {
    labels.set(row.number, row.label);
    nodeRows.set(row.number, place);
    return;
  }
  for (const result of row.results) labels.set(result.number, result.label);
  if (!levels[place]) foldedRows.push(place);
});
const outputs = new Set(passes.map((pass) => pass.output));

/** @param {number} id a node's number @returns {number} its row, or -1 */
function rowOf(id) {
  const own = nodeRows.get(id);
  if (own !== undefined) return own;
  return foldedRows.find((place) => rows[place].first <= id && id <= rows[place].last) ?? -1;
}

/** @param {number} id */
function labelOf(id) {
  return labels.get(id) ?? `node ${id}`;
}

/** The box in which a row is seen: itself, or the outermost folded one around it. @param {number} row */
function seen(row) {
  let found = row;
  for (let at = row; at >= 0; at = parent[at]) if (levels[at] && !opened.has(at)) found = at;
  return found;
}

/** @param {number} place */
function isShut(place) {
  return rows[place].row !== "node" && !opened.has(place);
}

/** The values that a folded box passes on. @param {number} place @returns {any[]} */
function results(place) {
  let found = resultsOf.get(place);
  if (!found) {
    const level = levels[place];
    if (!level) found = rows[place].results;
    else {
      const numbers = new Set(level.vertices.flatMap((v) => (v.out === undefined ? [] : [v.out])));
      for (const output of outputs) {
        let at = rowOf(output);
        while (at >= 0 && at !== place) at = parent[at];
        if (at === place) numbers.add(output);
      }
      found = [...numbers].sort((a, b) => a - b).map((id) => nodeData(id));
    }
    resultsOf.set(place, /** @type {any[]} */ (found));
  }
  return /** @type {any[]} */ (found);
}

/** @param {number} id a node's number @returns {any} its row, or what a folded row says of it */
function nodeData(id) {
  const row = rows[rowOf(id)];
  if (!row || row.row === "node") return row;
  return row.results.find((/** @type {any} */ result) => result.number === id);
}

/** @param {number} place */
function titleOf(place) {
  const row = rows[place];
  if (row.row === "node") return row.label;
  if (row.row === "round") {
    if (row.count === 1) return `${row.title} ${row.number}`;
    return `${row.title}${row.title === "iteration" ? "s" : ""} ${row.number}–${row.number + row.count - 1}`;
  }
  return row.head;
}

/** Opens groups to a depth, as far as that does not show too many boxes. @param {number} depth */
function openTo(depth) {
  const depths = new Map(
    Object.keys(levels).map((place) => {
      let around = 0;
      for (let at = Number(place); at >= 0; at = parent[at]) if (rows[at].row === "group") around++;
      return [Number(place), around];
    }),
  );
  for (let deep = Math.min(depth, Math.max(...depths.values())); deep >= 0; deep--) {
    opened.clear();
    for (const [place, around] of depths) if (place >= 0 && around <= deep) opened.add(place);
    if (boxes().length <= MOST_BOXES) return;
  }
}

/** The rows that are drawn, opened boxes too. @returns {number[]} */
function boxes() {
  return rows.flatMap((row, place) =>
    row.row !== "event" && seen(place) === place ? [place] : [],
  );
}

/** @param {number} place */
function toggle(place) {
  if (!levels[place]) return;
  if (opened.has(place)) opened.delete(place);
  else {
    opened.add(place);
    // Its rounds open with it where there is room.
    const rounds = levels[place].vertices.flatMap((v) => (v.row === undefined ? [] : [v.row]));
    const inner = rounds.filter((row) => rows[row].row === "round" && levels[row]);
    for (const row of inner) opened.add(row);
    if (boxes().length > MOST_BOXES) for (const row of inner) opened.delete(row);
  }
  chosen = place;
  tell();
  position = story.filter((step) => step.at <= clock).length;
  picture();
  show();
  shapes.get(place)?.group.focus({ preventScroll: true });
}

// ── the story ───────────────────────────────────────────────────────────────────────────

// What a pass leaves out because zeros alone lead to it has the adjoint that the result says.
for (const pass of passes.filter((one) => one.line === null)) {
  const reached = new Set(pass.sums.map((/** @type {any} */ sum) => sum.number));
  for (const row of rows) {
    const adjoint = row.row === "node" && !row.primitive ? trace.gradient[row.name] : undefined;
    if (adjoint === undefined || adjoint === null || reached.has(row.number)) continue;
    pass.sums.push({ number: row.number, adjoint, terms: [] });
  }
}

/** Every part of every adjoint of a pass, in the order in which it is added. */
const parts = passes.map((pass) => {
  /** @type {any[]} */
  const found = [];
  for (const sum of pass.sums) {
    /** @type {Value | null} */
    let total = null;
    /** @type {Map<number, number>} */
    const uses = new Map();
    sum.terms.forEach((/** @type {any} */ one, /** @type {number} */ place) => {
      const final = place === sum.terms.length - 1;
      const before = place ? total : 0;
      total = final ? sum.adjoint : place ? add(total, one.value) : one.value;
      const nth = uses.get(one.source) ?? 0;
      uses.set(one.source, nth + 1);
      const when = one.source ?? Number.POSITIVE_INFINITY;
      found.push({ ...one, target: sum.number, nth, before, total, final, when });
    });
    if (!sum.terms.length) {
      found.push({
        source: null,
        target: sum.number,
        total: sum.adjoint,
        zero: true,
        when: sum.number + 0.5,
      });
    }
  }
  return found.sort((a, b) => (a.when === b.when ? b.target - a.target : b.when - a.when));
});
const adjoints = passes.map(
  (pass) => new Map(pass.sums.map((/** @type {any} */ sum) => [sum.number, sum])),
);

/** @type {Step[]} */
let story = [];
let position = 0;
/** How far the story was followed, by the order of its steps, whatever is folded since. */
let clock = -1;
let chosen = -1;

/** Makes the story anew, of what is open. */
function tell() {
  story = [];
  const told = new Set();
  let pass = 0;
  rows.forEach((row, place) => {
    const box = seen(place);
    if (row.row === "event") {
      const hidden = parentOfEvent(place) !== -1 && !isOpen(parentOfEvent(place));
      const own = row.kind === "backward" ? pass++ : -1;
      if (hidden) return;
      if (own >= 0) tellPass(own, place);
      const kind = own >= 0 ? "sums" : "clear";
      story.push({ kind, at: place + 0.99, pass: own, row: place, line: row.line });
    } else if (box !== place) {
      if (!told.has(box)) {
        told.add(box);
        story.push({ kind: "fold", at: lastInside(box), pass: -1, row: box, line: lineOf(box) });
      }
    } else if (row.row === "node") {
      story.push({ kind: "value", at: place, pass: -1, row: place, line: row.line });
    } else if (!levels[place]) {
      story.push({ kind: "fold", at: place, pass: -1, row: place, line: lineOf(place) });
    }
  });
  if (pass < passes.length) tellPass(pass, rows.length);
}

/** The opened row that an event is in, by how far it is set in. @param {number} event */
function parentOfEvent(event) {
  for (let at = event - 1; at >= 0; at--) {
    if (rows[at].depth < rows[event].depth && levels[at]) return at;
  }
  return -1;
}

/** @param {number} place */
function isOpen(place) {
  return opened.has(place) && seen(place) === place;
}

/** @param {number} place */
function lastInside(place) {
  let last = place;
  while (last + 1 < rows.length && rows[last + 1].depth > rows[place].depth) last++;
  return last;
}

/** @param {number} place @returns {number | null} */
function lineOf(place) {
  for (let at = place; at >= 0; at = parent[at]) if (rows[at].line) return rows[at].line;
  return null;
}

/** @param {number} pass @param {number} place the row at which it runs */
function tellPass(pass, place) {
  /** What a folded box gives, put together. @type {Map<number, Step>} */
  const run = new Map();
  let runFrom = -1;
  const flush = () => {
    story.push(...run.values());
    run.clear();
  };
  for (const [order, part] of parts[pass].entries()) {
    const to = seen(rowOf(part.target));
    const from = part.source === null ? -1 : seen(rowOf(part.source));
    if (from !== runFrom) flush();
    runFrom = from;
    if (to < 0 || (from === to && isShut(to))) continue;
    const line = from >= 0 ? lineOf(from) : lineOf(to);
    /** @type {Step} */
    const step = {
      kind: "term",
      at: place + (0.9 * order) / parts[pass].length,
      pass,
      row: to,
      line,
      ...part,
    };
    step.from = from;
    if (part.source === null) step.kind = part.zero ? "zero" : "seed";
    const known = run.get(part.target);
    if (from >= 0 && isShut(from) && known) {
      known.value = add(known.value, part.value);
      known.count = (known.count ?? 1) + part.count;
      Object.assign(known, { at: step.at, total: part.total, final: part.final });
    } else if (from >= 0 && isShut(from)) run.set(part.target, step);
    else story.push(step);
  }
  flush();
}

// ── where boxes stand ───────────────────────────────────────────────────────────────────

const GAP = { column: 46, row: 14, wire: 16, frame: 16, head: 26, label: 16 };
const LETTER = { main: 9.2, sub: 6.7, value: 7.3 };
const SIGNS = /** @type {Record<string, string>} */ ({ "*": "×", "/": "÷", "-": "−" });
const plans = /** @type {Map<number, Plan>} */ (new Map());
const shapes = /** @type {Map<number, {group: SVGGElement, value: Element, adjoint: Element}>} */ (
  new Map()
);
const wires = /** @type {Map<string, Element[]>} */ (new Map());

/** The two lines in a box. @param {number} place @returns {[string, string]} */
function inscription(place) {
  const row = rows[place];
  if (row.row !== "node") {
    const title = titleOf(place);
    const head = title.length > 30 ? `${title.slice(0, 29)}…` : title;
    const count =
      row.row === "group" && (row.kind === "loop" || row.count > 1) ? `×${row.count} · ` : "";
    const many = row.last - row.first + 1;
    const inside = many > 0 ? `${many} node${many > 1 ? "s" : ""}` : "no node";
    return [head, `${levels[place] ? "▸ " : ""}${count}${inside}`];
  }
  if (!row.primitive) return [row.label, ""];
  const named = row.name && row.name !== row.label ? `${row.name} · ${row.label}` : row.label;
  return [SIGNS[row.operator] ?? row.operator, named];
}

/** The value that a box shows above, and the node that it is of. @param {number} place */
function outcome(place) {
  if (rows[place].row === "node") return rows[place];
  const found = results(place);
  return found.length === 1 ? found[0] : null;
}

/** @param {number} place @returns {{w: number, h: number}} */
function boxSize(place) {
  const [main, sub] = inscription(place);
  const letter = rows[place].row === "node" ? LETTER.main : LETTER.value;
  return { w: Math.max(48, main.length * letter + 22, sub.length * LETTER.sub + 18), h: 42 };
}

/** How much room a vertex takes. @param {Vertex} vertex */
function room(vertex) {
  if (vertex.row === undefined) return { w: 0, h: vertex.column ? GAP.wire : GAP.wire };
  if (opened.has(vertex.row)) {
    const inner = plan(vertex.row);
    const head = inscription(vertex.row)[0].length * LETTER.value + 60;
    return {
      w: Math.max(inner.width + 2 * GAP.frame, head),
      h: inner.height + GAP.head + GAP.frame,
    };
  }
  const box = boxSize(vertex.row);
  const result = outcome(vertex.row);
  const texts = result ? [short(result.value), ...finals(result.number).map(short)] : [];
  const widest = Math.max(0, ...texts.map((one) => one.length)) * LETTER.value;
  return { w: Math.max(box.w, widest), h: box.h + 2 * GAP.label };
}

/** Its adjoint in each pass. @param {number} id */
function finals(id) {
  return adjoints.flatMap((known) => (known.has(id) ? [known.get(id).adjoint] : []));
}

/** How far above or below a vertex's middle a wire joins it. @param {Vertex} vertex @param {number} id @param {"in" | "out"} side */
function join(vertex, id, side) {
  if (vertex.row === undefined || !opened.has(vertex.row)) return 0;
  const inner = plan(vertex.row);
  const port = levels[vertex.row].vertices.findIndex((one) => one[side] === id);
  if (port < 0) return 0;
  return GAP.head + inner.places[port].y - (inner.height + GAP.head + GAP.frame) / 2;
}

/** Rounds stand in a row. @param {Vertex} vertex */
function isRound(vertex) {
  return vertex.row !== undefined && rows[vertex.row].row === "round";
}

/** Where everything in an opened box stands. @param {number} place @returns {Plan} */
function plan(place) {
  const known = plans.get(place);
  if (known) return known;
  const { vertices, wires: pieces } = levels[place];
  const rooms = vertices.map(room);
  /** @type {number[][]} */
  const columns = [];
  vertices.forEach((vertex, one) => {
    columns[vertex.column] ??= [];
    columns[vertex.column].push(one);
  });
  const y = vertices.map(() => 0);
  for (const column of columns) {
    column.sort((a, b) => vertices[a].height - vertices[b].height);
    let top = 0;
    for (const one of column) {
      y[one] = top + rooms[one].h / 2;
      top += rooms[one].h + GAP.row;
    }
    for (const one of column) y[one] -= top / 2;
  }
  const pulls = /** @type {[number, number][][][]} */ ([
    vertices.map(() => []),
    vertices.map(() => []),
  ]);
  for (const [start, end, id] of pieces) {
    const lift = join(vertices[start], id, "out") - join(vertices[end], id, "in");
    pulls[0][end].push([start, lift]);
    pulls[1][start].push([end, -lift]);
  }
  // Wires are to be straight, more than what leads nowhere is to be near.
  const weights = vertices.map((vertex, one) =>
    isRound(vertex) ? 50 : vertex.row === undefined ? 8 : pulls[1][one].length ? 2 : 0.2,
  );
  for (let turn = 0; turn < 14; turn++) {
    const sides = turn < 12 ? [pulls[turn % 2]] : pulls;
    const order = turn % 2 ? [...columns].reverse() : columns;
    for (const column of order) {
      const wish = column.map((one) => {
        if (isRound(vertices[one])) return 0;
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
  const top = Math.min(0, ...vertices.map((_, one) => y[one] - rooms[one].h / 2));
  const bottom = Math.max(0, ...vertices.map((_, one) => y[one] + rooms[one].h / 2));
  let left = 0;
  const spans = columns.map((column) => {
    const span = { x: left, w: Math.max(...column.map((one) => rooms[one].w)) };
    const ports = column.every((one) => vertices[one].row === undefined);
    left += span.w + (ports ? GAP.column / 2 : GAP.column);
    return span;
  });
  const last = spans.at(-1);
  const places = vertices.map((vertex, one) => {
    const span = spans[vertex.column];
    return { x: span.x + span.w / 2, y: y[one] - top, ...rooms[one] };
  });
  const made = {
    width: last ? last.x + last.w : 40,
    height: Math.max(bottom - top, 20),
    places,
    columns: spans,
  };
  plans.set(place, made);
  return made;
}

/**
 * The heights nearest to those wished for at which nothing in a column overlaps.
 * @param {number[]} column @param {number[]} wish
 * @param {{h: number}[]} rooms @param {number[]} weights
 */
function spread(column, wish, rooms, weights) {
  const offsets = [0];
  for (let i = 1; i < column.length; i++) {
    offsets.push(offsets[i - 1] + (rooms[column[i - 1]].h + rooms[column[i]].h) / 2 + GAP.row);
  }
  /** Runs that touch, as the weighed sum of what they wish for, and their weight. @type {[number, number][]} */
  const runs = [];
  /** How many there are in each. @type {number[]} */
  const lengths = [];
  wish.forEach((at, i) => {
    const weight = weights[column[i]];
    runs.push([(at - offsets[i]) * weight, weight]);
    lengths.push(1);
    while (
      runs.length > 1 &&
      runs[runs.length - 2][0] / runs[runs.length - 2][1] >=
        runs[runs.length - 1][0] / runs[runs.length - 1][1]
    ) {
      const [sum, weight] = /** @type {[number, number]} */ (runs.pop());
      runs[runs.length - 1][0] += sum;
      runs[runs.length - 1][1] += weight;
      const more = /** @type {number} */ (lengths.pop());
      lengths[lengths.length - 1] += more;
    }
  });
  return runs
    .flatMap(([sum, weight], run) => Array(lengths[run]).fill(sum / weight))
    .map((base, i) => base + offsets[i]);
}

// ── the picture ─────────────────────────────────────────────────────────────────────────

let scale = 1;
const svg = draw("svg", {
  role: "group",
  "aria-label": "Graph: arrow keys up and down move among its nodes",
});
element("graph").append(svg);

/** Draws all boxes and wires that are to be seen. */
function picture() {
  plans.clear();
  shapes.clear();
  wires.clear();
  const whole = plan(-1);
  const marker = draw("marker", {
    id: "tip",
    viewBox: "0 0 8 8",
    refX: 7,
    refY: 4,
    markerUnits: "userSpaceOnUse",
    markerWidth: 9,
    markerHeight: 9,
    orient: "auto",
  });
  marker.append(draw("path", { d: "M0 0 8 4 0 8z", class: "tip" }));
  svg.replaceChildren(draw("defs", {}, marker));
  svg.setAttribute("viewBox", `-8 -4 ${whole.width + 16} ${whole.height + 8}`);
  drawLevel(-1, 0, 0);
  resize();
}

/** @param {number} place @param {number} left @param {number} top */
function drawLevel(place, left, top) {
  const { vertices, wires: pieces } = levels[place];
  const { places, columns } = plan(place);
  for (const [start, end, id] of pieces) {
    const [a, b] = [places[start], places[end]];
    const [from, to] = [vertices[start], vertices[end]];
    const x1 =
      left +
      (from.row === undefined
        ? columns[from.column].x + columns[from.column].w
        : a.x + width(from, a) / 2);
    const x2 = left + (to.row === undefined ? columns[to.column].x : b.x - width(to, b) / 2);
    const y1 = top + a.y + join(from, id, "out");
    const y2 = top + b.y + join(to, id, "in");
    const bend = Math.min(Math.max((x2 - x1) / 2, 8), 60);
    const isWaypoint = to.row === undefined && to.out === undefined;
    const across = isWaypoint ? `H${left + columns[to.column].x + columns[to.column].w}` : "";
    const path = draw("path", {
      class: "wire",
      d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}${across}`,
    });
    if (to.row !== undefined && !opened.has(to.row)) path.setAttribute("marker-end", "url(#tip)");
    svg.append(path);
    const key = `${place} ${end} ${id}`;
    wires.set(key, [...(wires.get(key) ?? []), path]);
  }
  vertices.forEach((vertex, one) => {
    if (vertex.row === undefined) return;
    const { x, y, w, h } = places[one];
    drawBox(vertex.row, left + x, top + y, w, h);
    if (opened.has(vertex.row)) {
      const inner = plan(vertex.row);
      drawLevel(vertex.row, left + x - inner.width / 2, top + y - h / 2 + GAP.head);
    }
  });
}

/** @param {Vertex} vertex @param {{w: number}} placed */
function width(vertex, placed) {
  if (vertex.row === undefined) return 0;
  // The ports of an opened box are at the margins of what is in it.
  return opened.has(vertex.row)
    ? plan(vertex.row).width
    : Math.min(boxSize(vertex.row).w, placed.w);
}

/** @param {number} place @param {number} x @param {number} y @param {number} w @param {number} h */
function drawBox(place, x, y, w, h) {
  const row = rows[place];
  const group = /** @type {SVGGElement} */ (
    draw("g", { class: "box", "data-row": place, role: "button", tabindex: -1 })
  );
  const value = draw("text", { class: "value", x, y: y - 26 });
  const adjoint = draw("text", { class: "adjoint", x, y: y + 34 });
  const [main, sub] = inscription(place);
  if (opened.has(place)) {
    group.classList.add("frame");
    group.append(draw("rect", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 8 }));
    const count = row.row === "group" && row.kind === "loop" ? ` ×${row.count}` : "";
    group.append(
      draw("text", { class: "head", x: x - w / 2 + 12, y: y - h / 2 + 18 }, `▾ ${main}${count}`),
    );
  } else {
    const box = boxSize(place);
    if (row.row === "node" && !row.primitive) group.classList.add("leaf");
    const rounded = row.row === "node" ? 10 : 4;
    group.append(
      draw("rect", {
        x: x - box.w / 2,
        y: y - box.h / 2,
        width: box.w,
        height: box.h,
        rx: rounded,
      }),
    );
    const head = row.row === "node" ? "main" : "mid";
    group.append(draw("text", { class: head, x, y: sub ? y - 2 : y + 5 }, main));
    if (sub) group.append(draw("text", { class: "sub", x, y: y + 14 }, sub));
    group.append(value, adjoint);
  }
  group.addEventListener("click", () => activate(place));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    activate(place);
  });
  group.addEventListener("focus", () => rove(place));
  shapes.set(place, { group, value, adjoint });
  svg.append(group);
}

/** @param {number} place */
function activate(place) {
  if (levels[place]) toggle(place);
  else {
    chosen = chosen === place ? -1 : place;
    show();
  }
}

/** Makes a box the one that Tab leads to. @param {number} place */
function rove(place) {
  for (const { group } of shapes.values()) group.setAttribute("tabindex", "-1");
  shapes.get(place)?.group.setAttribute("tabindex", "0");
}

/** The wires that lead a value to the box that uses it. @param {number} id @param {number} user @returns {Element[]} */
function trail(id, user) {
  /** @type {Element[]} */
  const found = [];
  /** @param {number} place @param {number} vertex */
  const back = (place, vertex) => {
    const { vertices, wires: pieces } = levels[place];
    for (const [start, end, wire] of pieces) {
      if (end !== vertex || wire !== id) continue;
      found.push(...(wires.get(`${place} ${end} ${id}`) ?? []));
      const from = vertices[start];
      if (from.in !== undefined)
        back(
          parent[place],
          levels[parent[place]].vertices.findIndex((v) => v.row === place),
        );
      else if (from.row === undefined) back(place, start);
      else if (opened.has(from.row))
        back(
          from.row,
          levels[from.row].vertices.findIndex((v) => v.out === id),
        );
      return;
    }
  };
  back(
    parent[user],
    levels[parent[user]].vertices.findIndex((vertex) => vertex.row === user),
  );
  return found;
}

function resize() {
  const whole = plan(-1);
  svg.setAttribute("width", String((whole.width + 16) * scale));
  svg.setAttribute("height", String((whole.height + 8) * scale));
}

function fit() {
  const { clientWidth, clientHeight } = element("graph");
  const whole = plan(-1);
  const least = Math.min(
    (clientWidth - 28) / (whole.width + 16),
    (clientHeight - 72) / (whole.height + 8),
  );
  scale = Math.min(1.25, Math.max(0.85, least));
  resize();
}

// ── the state at a step ─────────────────────────────────────────────────────────────────

/** Shows the state after the first `position` steps. */
function show() {
  const step = position > 0 ? story[position - 1] : null;
  const done = new Set();
  /** @type {Map<number, any>} */
  let sums = new Map();
  let pass = -1;
  for (const one of story.slice(0, position)) {
    if (one.kind === "value" || one.kind === "fold") done.add(one.row);
    else if (one.target !== undefined) {
      if (one.pass !== pass) sums = new Map();
      pass = one.pass;
      sums.set(one.target, one.total);
    }
  }
  const reverse = step !== null && step.pass >= 0;
  svg.classList.toggle("reverse", reverse);
  for (const [place, { group, value, adjoint }] of shapes) {
    const result = opened.has(place) ? null : outcome(place);
    const isDone = done.has(place) || opened.has(place);
    group.classList.toggle("done", isDone);
    group.classList.toggle("todo", !isDone);
    group.classList.toggle("selected", place === chosen);
    group.classList.toggle("now", step?.row === place);
    group.classList.toggle("from", step?.from === place && step?.row !== place);
    write(value, isDone && result ? short(result.value) : "");
    write(adjoint, result && sums.has(result.number) ? short(sums.get(result.number)) || "…" : "");
    group.setAttribute("aria-label", spoken(place, isDone, result, sums));
    if (levels[place]) group.setAttribute("aria-expanded", String(opened.has(place)));
  }
  for (const path of svg.querySelectorAll(".wire.now")) path.classList.remove("now");
  for (const path of step ? lit(step) : []) path.classList.add("now");
  lightSource(step, reverse);
  explain(step);
  history();
  controls(step);
  if (step) bring(step.kind === "sums" || step.kind === "clear" ? -1 : step.row);
}

/** @param {Element} at @param {string} content */
function write(at, content) {
  if (at.textContent !== content) at.textContent = content;
}

/** @param {number} place @param {boolean} isDone @param {any} result @param {Map<number, any>} sums */
function spoken(place, isDone, result, sums) {
  const row = rows[place];
  const words = [
    row.row === "node"
      ? `${row.label}, ${row.expression}`
      : inscription(place).join(", ").replace("▸ ", ""),
  ];
  if (isDone && result) words.push(`value ${text(result.value, 6)}`);
  if (result && sums.has(result.number)) words.push(`adjoint ${text(sums.get(result.number), 6)}`);
  return words.join(", ");
}

/** @param {Step} step @returns {Element[]} */
function lit(step) {
  if (step.kind === "value" || (step.kind === "fold" && !levels[step.row])) {
    return rows[step.row].operands.flatMap((/** @type {any} */ one) =>
      one.number === null ? [] : trail(one.number, step.row),
    );
  }
  if (step.kind !== "term" || step.target === undefined || Number(step.from) < 0) return [];
  return trail(step.target, Number(step.from));
}

/** @param {number} place */
function bring(place) {
  const shape = shapes.get(place);
  const view = element("graph");
  if (!shape || matchMedia("print").matches) return;
  const [box, around] = [shape.group.getBoundingClientRect(), view.getBoundingClientRect()];
  const margin = 40;
  const isSeen =
    box.left >= around.left + margin &&
    box.right <= around.right - margin &&
    box.top >= around.top + margin &&
    box.bottom <= around.bottom - margin;
  if (isSeen) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  view.scrollBy({
    left: (box.left + box.right - around.left - around.right) / 2,
    top: (box.top + box.bottom - around.top - around.bottom) / 2,
    behavior: isStill ? "auto" : "smooth",
  });
}

// ── the source ──────────────────────────────────────────────────────────────────────────

const lines = /** @type {string[]} */ (trace.source.text.replace(/\n$/, "").split("\n"));
const lineElements = lines.map((line, place) =>
  make(
    "div",
    { class: "line", id: `L${place + 1}` },
    make("b", { "aria-hidden": "true" }, String(place + 1)),
    make("code", {}, line),
  ),
);
element("source").append(...lineElements);
let litLine = 0;

/** @param {Step | null} step @param {boolean} reverse */
function lightSource(step, reverse) {
  const before = lineElements[litLine - 1];
  before?.classList.remove("now", "reverse");
  before?.removeAttribute("aria-current");
  before?.children[1].replaceChildren(lines[litLine - 1]);
  litLine = step?.line ?? 0;
  const line = lineElements[litLine - 1];
  if (!line || !step) return;
  line.classList.add("now");
  line.classList.toggle("reverse", reverse);
  line.setAttribute("aria-current", "step");
  const row = rows[step.from !== undefined && step.from >= 0 ? step.from : step.row];
  if (row.row === "node" && row.line === litLine) {
    const letters = Array.from(lines[litLine - 1]);
    const end = row.end_line === row.line ? row.end_column - 1 : letters.length;
    const cut = (/** @type {number} */ a, /** @type {number} */ b) => letters.slice(a, b).join("");
    const marked = make("mark", {}, cut(row.column - 1, end));
    line.children[1].replaceChildren(cut(0, row.column - 1), marked, cut(end, letters.length));
  }
  const view = element("source");
  const [box, around] = [line.getBoundingClientRect(), view.getBoundingClientRect()];
  if (box.top < around.top || box.bottom > around.bottom)
    view.scrollTop += box.top - around.top - around.height / 3;
}

// ── what a step says ────────────────────────────────────────────────────────────────────

/** @param {any} row @param {(operand: any) => string} name */
function operation(row, name) {
  const operands = row.operands.map(name);
  if (/\w/.test(row.operator)) return `${row.operator}(${operands.join(", ")})`;
  const sign = SIGNS[row.operator] ?? row.operator;
  return operands.length === 1 ? `${sign}${operands[0]}` : operands.join(` ${sign} `);
}

/** @param {any} operand */
function operandValue(operand) {
  return operand.number === null ? operand.value : nodeData(operand.number)?.value;
}

/** Whether an operand is a node that is shown. @param {any} operand */
function known(operand) {
  return operand.number !== null && nodeData(operand.number) !== undefined;
}

/** @param {any} row @param {any} partial */
function partialText(row, partial) {
  if (!partial.formula.startsWith("∂/∂")) return partial.formula;
  const formula = partial.formula.slice(partial.formula.indexOf(" = ") + 3);
  const name = `∂${row.label}/∂${partial.by}`;
  const isNumber = Number.isFinite(Number(formula));
  const value = partial.value === null || isNumber ? "" : text(partial.value, 6);
  return `${name} = ${formula}${value && value !== formula ? ` = ${value}` : ""}`;
}

/** @param {string} name @param {string} content */
function paragraph(name, content) {
  return make("p", { class: name }, content);
}

/** @param {Step | null} step */
function explain(step) {
  const said = element("step");
  if (!step) {
    said.replaceChildren(
      paragraph("about", "Before the first step"),
      paragraph("main", "Nothing has been computed yet."),
      paragraph(
        "about",
        "The forward pass computes values in order; then the reverse pass multiplies and adds adjoints back to the inputs.",
      ),
    );
  } else said.replaceChildren(...sentences(step));
}

/** @param {Step} step @returns {Element[]} */
function sentences(step) {
  const row = rows[step.row];
  const line = step.line ? `, line ${step.line}` : "";
  if (step.kind === "value") {
    if (!row.primitive) {
      return [
        paragraph("about", `Forward pass${line}: an input`),
        paragraph("main value", `${row.label} = ${text(row.value, 6)}`),
      ];
    }
    const names = operation(row, (operand) => operand.label);
    const numbers = operation(row, (operand) => term(operandValue(operand)) || operand.label);
    const equation = new Set([row.label, names, numbers, text(row.value, 6)]);
    return [
      paragraph("about", `Forward pass${line}: ${row.expression}`),
      paragraph("main value", [...equation].join(" = ")),
      ...[...new Set(row.partials.map((/** @type {any} */ one) => partialText(row, one)))].map(
        (one) => paragraph("", String(one)),
      ),
    ];
  }
  if (step.kind === "fold") {
    const known = results(step.row);
    const shown = known.slice(0, 6).map((one) => `${one.label} = ${text(one.value, 6)}`);
    if (known.length > 6) shown.push(`and ${known.length - 6} more`);
    return [
      paragraph(
        "about",
        `Forward pass${line}: ${inscription(step.row)[1].replace("▸ ", "")}, folded${levels[step.row] ? "; click to unfold" : ""}`,
      ),
      paragraph("main", titleOf(step.row)),
      paragraph("value", shown.join(", ")),
    ];
  }
  if (step.kind === "clear") {
    return [
      paragraph("about", `Program${line}: ${row.expression}`),
      paragraph(
        "main",
        `cleared: ${row.cleared.map((/** @type {string} */ name) => `${name}.grad`).join(", ") || "nothing"}`,
      ),
    ];
  }
  if (step.kind === "sums") {
    return [
      paragraph("about", `Program${line}: ${row.expression} adds to the gradients`),
      ...row.sums.map((/** @type {any} */ one) =>
        paragraph(
          "main adjoint",
          `${one.name}.grad += ${term(one.added)}:  ${text(one.before, 6)} + ${term(one.added)} = ${text(one.total, 6)}`,
        ),
      ),
    ];
  }
  return reverseSentences(step, line);
}

/** What an adjoint comes from, of a box that is folded or left out. @param {Step} step */
function origin(step) {
  const from = Number(step.from);
  return from < 0 ? "from nodes that are left out" : `through ${titleOf(from)}, folded`;
}

/** @param {Step} step @param {string} line */
function reverseSentences(step, line) {
  const pass = passes[/** @type {number} */ (step.pass)];
  const which =
    pass.line === null ? "Reverse pass" : `Reverse pass of the backward in line ${pass.line}`;
  const target = labelOf(Number(step.target));
  const name = barred(target);
  if (step.kind === "seed") {
    return [
      paragraph("about", `${which}: it begins at the output`),
      paragraph("main adjoint", `${name} = ${text(step.value, 6)}`),
    ];
  }
  if (step.kind === "zero") {
    return [
      paragraph("about", `${which}${line}: no product but zeros leads here`),
      paragraph("main adjoint", `${name} = ${text(step.total, 6)}`),
    ];
  }
  const from = rows[Number(step.from)] ?? { row: "left out" };
  const sum = step.total === null ? "…" : text(step.total, 6);
  const added = `Sum so far: ${name} = ${text(step.before, 6) || "…"} + ${term(step.value) || "…"} = ${sum}${step.final ? "" : ", and more to come"}`;
  if (from.row !== "node") {
    const uses = Number(step.count) > 1 ? `, ${step.count} uses` : "";
    return [
      paragraph("about", `${which}${line}: ${origin(step)}${uses}`),
      paragraph("main adjoint", `${name} += ${term(step.value) || "…"}`),
      paragraph("", added),
    ];
  }
  const partial = from.partials.filter((/** @type {any} */ one) => one.number === step.target)[
    Number(step.nth)
  ];
  const adjoint = adjoints[step.pass].get(from.number)?.adjoint;
  const isProduct = partial && partial.value !== null && adjoint !== undefined;
  const total = size(from.value) > size(step.value) ? "Σ " : "";
  const product = isProduct
    ? `${name} += ${total}${barred(from.label)} · ∂${from.label}/∂${target} = ${total}${term(adjoint)} × ${term(partial.value)} = ${text(step.value, 6)}`
    : `${name} += ${text(step.value, 6)}`;
  return [
    paragraph("about", `${which}${line}: ${from.expression}`),
    paragraph("main adjoint", product),
    ...(partial ? [paragraph("", partialText(from, partial))] : []),
    paragraph("", added),
  ];
}

// ── the history of a box ────────────────────────────────────────────────────────────────

function history() {
  const view = element("history");
  const step = position > 0 ? story[position - 1] : null;
  const place = chosen >= 0 ? chosen : step && shapes.has(step.row) ? step.row : -1;
  if (place < 0) {
    view.replaceChildren(paragraph("hint", HINT));
    return;
  }
  const row = rows[place];
  const made = [
    make(
      "h2",
      {},
      row.row === "node"
        ? `${row.label}${row.name && row.name !== row.label ? ` (${row.name})` : ""}`
        : titleOf(place),
    ),
  ];
  const where = row.line ? `line ${row.line}` : "";
  if (row.row === "node") {
    made.push(paragraph("", `${row.expression}${where ? ` · ${where}` : ""}`));
    made.push(
      heading(
        "Value",
        story.findIndex((step) => step.kind === "value" && step.row === place),
      ),
    );
    made.push(paragraph("value", text(row.value)));
    if (row.operands.length) {
      made.push(
        heading("From"),
        list(
          row.operands.flatMap((/** @type {any} */ one) =>
            known(one) ? [`${one.label} = ${text(operandValue(one))}`] : [],
          ),
        ),
      );
    }
    if (row.partials.length)
      made.push(
        heading("Local derivatives"),
        list(row.partials.map((/** @type {any} */ one) => partialText(row, one))),
      );
    made.push(...sumsOf(row.number, row.label));
  } else {
    made.push(
      paragraph("", `${inscription(place)[1].replace("▸ ", "")}${where ? ` · ${where}` : ""}`),
    );
    if (!levels[place])
      made.push(
        paragraph("hint", "Too long for this document to hold; --lines shows a part of a program."),
      );
    for (const result of results(place)) {
      made.push(
        heading(result.label),
        paragraph("value", text(result.value)),
        ...sumsOf(result.number, result.label),
      );
    }
  }
  view.replaceChildren(...made);
}

/** @param {string} title @param {number} [place] a step to jump to */
function heading(title, place = -1) {
  const made = make("h3", {}, title);
  if (place >= 0) made.append(" ", jump(place));
  return made;
}

/** @param {number} place */
function jump(place) {
  const button = make(
    "button",
    { type: "button", class: "jump", "data-step": place + 1 },
    `step ${place + 1}`,
  );
  button.addEventListener("click", () => go(place + 1));
  return button;
}

/** @param {(string | Element)[]} items */
function list(items) {
  return make("ul", {}, ...items.map((item) => make("li", {}, item)));
}

/** Its adjoint in every pass, term by term. @param {number} id @param {string} label */
function sumsOf(id, label) {
  return adjoints.flatMap((known, pass) => {
    const sum = known.get(id);
    if (!sum) return [];
    const line = passes[pass].line;
    const steps = story.flatMap((step, place) =>
      step.pass === pass && step.target === id ? [place] : [],
    );
    const items = steps.map((place) => {
      const step = story[place];
      const source =
        step.kind === "seed"
          ? "seed"
          : step.kind === "zero"
            ? "zero"
            : Number(step.from) < 0
              ? "from what is left out"
              : `from ${titleOf(Number(step.from))}`;
      return make("span", {}, `+ ${term(step.value ?? step.total) || "…"} ${source} `, jump(place));
    });
    return [
      heading(line === null ? "Adjoint" : `Adjoint, backward in line ${line}`),
      list(items),
      paragraph("adjoint", `${barred(label)} = ${text(sum.adjoint)}`),
    ];
  });
}

// ── controls ────────────────────────────────────────────────────────────────────────────

const slider = /** @type {HTMLInputElement} */ (element("slider"));
let timer = 0;
let tracked = /** @type {Step[]} */ ([]);

/** @param {Step | null} step */
function controls(step) {
  slider.max = String(story.length);
  slider.value = String(position);
  const phase = !step
    ? "start"
    : step.pass >= 0
      ? "reverse"
      : step.kind === "clear"
        ? "program"
        : "forward";
  const words = `step ${position} of ${story.length} · ${phase}`;
  element("count").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  for (const id of ["first", "back"]) disable(id, position === 0);
  for (const id of ["forward", "last"]) disable(id, position === story.length);
  if (tracked === story) return;
  tracked = story;
  /** @type {[boolean, number][]} */
  const runs = [];
  for (const one of story) {
    const last = runs.at(-1);
    if (last && last[0] === one.pass >= 0) last[1]++;
    else runs.push([one.pass >= 0, 1]);
  }
  element("phases").replaceChildren(
    ...runs.map(([reverse, length]) => {
      const made = make("div", { class: reverse ? "reverse" : "" });
      made.style.flexGrow = String(length);
      return made;
    }),
  );
}

/** A button that cannot be used keeps the focus. @param {string} id @param {boolean} isOff */
function disable(id, isOff) {
  element(id).setAttribute("aria-disabled", String(isOff));
}

/** @param {number} to */
function go(to) {
  position = Math.max(0, Math.min(story.length, to));
  const step = position > 0 ? story[position - 1] : null;
  clock = step ? step.at : -1;
  show();
  if (step && shapes.has(step.row)) rove(step.row);
}

/** @param {boolean} on */
function play(on) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (position === story.length) go(0);
    timer = setInterval(() => {
      go(position + 1);
      if (position === story.length) play(false);
    }, PACE);
  }
  element("play").textContent = on ? "⏸ Pause" : "▶ Play";
  element("play").setAttribute("aria-label", on ? "Pause" : "Play");
}

/** @param {number} by */
function moveFocus(by) {
  const order = [...shapes.keys()].sort((a, b) => a - b);
  const focused = document.activeElement?.closest(".box")?.getAttribute("data-row");
  const from = order.indexOf(
    Number(focused ?? svg.querySelector('[tabindex="0"]')?.getAttribute("data-row")),
  );
  const to =
    order[Math.max(0, Math.min(order.length - 1, focused === undefined ? from : from + by))];
  shapes.get(to)?.group.focus();
  bring(to);
}

/** @type {Record<string, () => void>} */
const keys = {
  ArrowLeft: () => go(position - 1),
  ArrowRight: () => go(position + 1),
  Home: () => go(0),
  End: () => go(story.length),
  " ": () => play(!timer),
  ArrowUp: () => moveFocus(-1),
  ArrowDown: () => moveFocus(1),
};

document.addEventListener("keydown", (event) => {
  const at = /** @type {HTMLElement} */ (event.target);
  const key = keys[event.key];
  if (!key || event.altKey || event.ctrlKey || event.metaKey) return;
  // A button has the space key, and a text that scrolls the keys that scroll it up and down.
  if (event.key === " " && at.tagName === "BUTTON") return;
  if (/^Arrow(Up|Down)$/.test(event.key) && at.closest("#source, #history")) return;
  event.preventDefault();
  if (event.key !== " " && timer) play(false);
  key();
});

slider.addEventListener("input", () => {
  play(false);
  go(Number(slider.value));
});
/** @type {Record<string, () => void>} */
const clicks = {
  first: () => go(0),
  back: () => go(position - 1),
  forward: () => go(position + 1),
  last: () => go(story.length),
};
for (const [id, act] of Object.entries(clicks)) {
  element(id).addEventListener("click", () => {
    play(false);
    act();
  });
}
element("play").addEventListener("click", () => play(!timer));
for (const [id, factor] of /** @type {[string, number][]} */ ([
  ["smaller", 1 / 1.25],
  ["larger", 1.25],
])) {
  element(id).addEventListener("click", () => {
    scale = Math.min(3, Math.max(0.1, scale * factor));
    resize();
  });
}
element("fit").addEventListener("click", () => {
  const { clientWidth, clientHeight } = element("graph");
  const whole = plan(-1);
  scale = Math.min(
    1.25,
    (clientWidth - 28) / (whole.width + 16),
    (clientHeight - 28) / (whole.height + 8),
  );
  resize();
});

// ── print ───────────────────────────────────────────────────────────────────────────────

/** On paper is the end of the story, and a table. @param {boolean} on */
function print(on) {
  const kept = position;
  play(false);
  if (on && before < 0) before = kept;
  go(on ? story.length : before);
  if (!on) before = -1;
  element("table").replaceChildren(...(on ? [table()] : []));
}
let before = -1;

function table() {
  const heads = ["node", "expression", "value", "adjoint", "line"];
  const body = [...shapes.keys()]
    .sort((a, b) => a - b)
    .flatMap((place) => {
      const row = rows[place];
      if (opened.has(place)) return [];
      const isNode = row.row === "node";
      const known = isNode ? [row] : results(place);
      return known.map((one) => {
        const cells = [
          one.label,
          isNode ? row.expression : titleOf(place),
          text(one.value),
          text(one.adjoint),
          String(lineOf(place) ?? ""),
        ];
        return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
      });
    });
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", {}, head)))),
    make("tbody", {}, ...body),
  );
}
matchMedia("print").addEventListener("change", (event) => print(event.matches));

// ── the start ───────────────────────────────────────────────────────────────────────────

element("title").textContent = trace.source.name;
element("result").append(
  make("span", { class: "value" }, `${trace.output} = ${exact(trace.value)}`),
  ...Object.entries(trace.gradient).map(([name, value]) =>
    make(
      "span",
      { class: "adjoint", "data-name": name },
      `∂${trace.output}/∂${name} = ${exact(value) || "none"}`,
    ),
  ),
);
openTo(documentData.open);
tell();
picture();
fit();
const firstBox = [...shapes.keys()][0];
if (firstBox !== undefined) rove(firstBox);
show();
