// @ts-check
// The steps of a trace, as far as it is unfolded: the forward pass, and each reverse pass where it
// stands; and how far they were followed.

import { isShut, levels, lineOf, passes, rowOf, rows, seen, trace } from "./model.js";
import { add } from "./numbers.js";

/** @import { Value } from "./numbers.js" */
/** @typedef {{kind: "seed" | "term" | "zero", source: number | null, target: number, count: number,
 *   nth: number, value: Value, before: Value | null, total: Value | null, final: boolean,
 *   when: number}} Part one part of an adjoint; the `nth` of its source, ordered by `when` */
/** @typedef {{kind: "value" | "fold" | "sums" | "clear" | Part["kind"], at: number, pass: number,
 *   row: number, line: number | null, from?: number} & Partial<Omit<Part, "kind">>} Step
 * `row` is the box that lights up, `from` the one that an adjoint comes from; `at` orders steps
 * whatever is folded, so that folding keeps the place in the story. */

export const state = {
  story: /** @type {Step[]} */ ([]),
  position: 0,
  /** How far the story was followed, as `at` of a step, whatever is folded since. */
  clock: -1,
  /** The box whose history is shown; -1 for that of the step. */
  chosen: -1,
};

/** @returns {Step | null} */
export function currentStep() {
  return state.story[state.position - 1] ?? null;
}

/** The row whose history is told: that of the box that was clicked, or of the step, or -1. */
export function toldOf() {
  return state.chosen >= 0 ? state.chosen : (currentStep()?.row ?? -1);
}

// What a pass leaves out because zeros alone lead to it has the adjoint that the result says.
for (const pass of passes.filter((one) => one.line === null)) {
  const reached = new Set(pass.sums.map((/** @type {any} */ sum) => sum.number));
  for (const row of rows) {
    const adjoint = row.row === "node" && !row.primitive ? trace.gradient[row.name] : undefined;
    if (adjoint === undefined || adjoint === null || reached.has(row.number)) continue;
    pass.sums.push({ number: row.number, adjoint, terms: [] });
  }
}

/** The adjoints of each pass, by the numbers of their nodes. @type {Map<number, any>[]} */
export const adjoints = passes.map(
  (pass) => new Map(pass.sums.map((/** @type {any} */ sum) => [sum.number, sum])),
);

/** @param {any} sum an adjoint, and its terms @returns {Part[]} */
function partsOf({ number: target, adjoint, terms }) {
  if (!terms.length) {
    const zero = { source: null, target, value: adjoint, count: 1, nth: 0, when: target + 0.5 };
    return [{ ...zero, kind: "zero", before: 0, total: adjoint, final: true }];
  }
  /** @type {Map<number | null, number>} */
  const uses = new Map();
  /** @type {Value | null} */
  let total = 0;
  return terms.map((/** @type {any} */ one, /** @type {number} */ place) => {
    const before = total;
    const final = place === terms.length - 1;
    total = final ? adjoint : place ? add(total, one.value) : one.value;
    const nth = uses.get(one.source) ?? 0;
    uses.set(one.source, nth + 1);
    const kind = one.source === null ? "seed" : "term";
    const when = one.source ?? Number.POSITIVE_INFINITY;
    return { ...one, kind, target, nth, before, total, final, when };
  });
}

/** Every part of every adjoint of each pass, in the order in which it is added. */
const parts = passes.map((pass) =>
  /** @type {any[]} */ (pass.sums)
    .flatMap(partsOf)
    .sort((a, b) => (a.when === b.when ? b.target - a.target : b.when - a.when)),
);

/** Makes the story anew, of what is open, and keeps the place in it. */
export function tell() {
  state.story = [];
  const told = new Set();
  let passed = 0;
  rows.forEach((row, place) => {
    const box = seen(place);
    if (row.row === "event") {
      const pass = row.kind === "backward" ? passed++ : -1;
      if (box !== place) return;
      if (pass >= 0) tellPass(pass, place);
      const kind = pass >= 0 ? "sums" : "clear";
      state.story.push({ kind, at: place + 0.99, pass, row: place, line: row.line });
    } else if (isShut(box) && !told.has(box)) {
      told.add(box);
      state.story.push({ kind: "fold", at: lastIn(box), pass: -1, row: box, line: lineOf(box) });
    } else if (row.row === "node" && box === place) {
      state.story.push({ kind: "value", at: place, pass: -1, row: place, line: row.line });
    }
  });
  if (passed < passes.length) tellPass(passed, rows.length);
  state.position = state.story.filter((step) => step.at <= state.clock).length;
}

/** The last row in a row. @param {number} place */
function lastIn(place) {
  let last = place;
  while (levels[place] && rows[last + 1]?.depth > rows[place].depth) last++;
  return last;
}

/** @param {number} pass @param {number} place the row at which it runs */
function tellPass(pass, place) {
  /** What a folded box gives to each node, put together. @type {Map<number, Step>} */
  const run = new Map();
  let runFrom = -1;
  const flush = () => {
    state.story.push(...run.values());
    run.clear();
  };
  parts[pass].forEach((part, order) => {
    const row = seen(rowOf(part.target));
    const from = part.source === null ? -1 : seen(rowOf(part.source));
    if (from !== runFrom) flush();
    runFrom = from;
    if (row < 0 || (from === row && isShut(row))) return;
    const at = place + (0.9 * order) / parts[pass].length;
    const known = run.get(part.target);
    if (known?.count) {
      known.value = add(known.value, part.value);
      known.count += part.count;
      Object.assign(known, { at, total: part.total, final: part.final });
      return;
    }
    const step = { ...part, at, pass, row, from, line: lineOf(from >= 0 ? from : row) };
    if (isShut(from)) run.set(part.target, step);
    else state.story.push(step);
  });
  flush();
}

/** What the steps so far have shown: the rows that are done, and the adjoints of the pass. */
export function shownSoFar() {
  const done = new Set();
  /** @type {Map<number, Value | null>} */
  let sums = new Map();
  let pass = -1;
  for (const step of state.story.slice(0, state.position)) {
    if (step.kind === "value" || step.kind === "fold") done.add(step.row);
    if (step.target === undefined || step.total === undefined) continue;
    if (step.pass !== pass) sums = new Map();
    pass = step.pass;
    sums.set(step.target, step.total);
  }
  return { done, sums };
}
