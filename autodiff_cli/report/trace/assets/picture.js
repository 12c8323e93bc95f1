// @ts-check
// The graph as it is drawn, and how it looks at a step.

import { BOX, GAP, inscription, join, LEGIBLE, outcome, plan, replan } from "./layout.js";
import { contentOf, levels, opened, parent, rows, titleOf } from "./model.js";
import { short, text } from "./numbers.js";
import { currentStep, shownSoFar, state } from "./story.js";

/** @import { Step } from "./story.js" */

const MARGIN = { x: 8, y: 4 };
const SCALE = { least: 0.1, readable: 0.85, fitting: 1.25, most: 3 };
const view = /** @type {HTMLElement} */ (document.getElementById("graph"));
const svg = /** @type {SVGSVGElement} */ (view.querySelector("svg"));
const drawing = /** @type {SVGGElement} */ (svg.querySelector("#drawing"));
/** What is drawn for each box; the texts only where it is not opened. */
/** @type {Map<number, {group: SVGElement, value?: Element, adjoint?: Element}>} */
const shapes = new Map();
/** The wires of each node into each vertex of each level. @type {Map<string, Element[]>} */
const wires = new Map();
/** Of the picture; 0 before it is first drawn. */
let scale = 0;
/** Nobody has chosen another scale than the window's. */
let isFitted = false;

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Element | string)} content
 */
function draw(tag, attributes, ...content) {
  const made = /** @type {SVGElement} */ (
    document.createElementNS("http://www.w3.org/2000/svg", tag)
  );
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

/** Draws all boxes and wires that are to be seen: at first the whole, later so as to be read. */
export function picture() {
  replan(...space());
  shapes.clear();
  wires.clear();
  drawing.replaceChildren();
  drawLevel(-1, 0, 0);
  if (!scale) begin();
  else resize(Math.max(scale, SCALE.readable));
}

/** @param {number} place @param {number} left @param {number} top */
function drawLevel(place, left, top) {
  const { vertices, wires: pieces } = levels[place];
  const { places, turns } = plan(place);
  for (const [start, end, id] of pieces) {
    const to = vertices[end];
    const [x1, x2] = [left + places[start].right, left + places[end].left];
    const y1 = top + places[start].y + join(vertices[start], id, "out");
    const y2 = top + places[end].y + join(to, id, "in");
    const bend = Math.min(Math.max((x2 - x1) / 2, 8), 60);
    const isWaypoint = to.row === undefined && to.out === undefined;
    const across = isWaypoint ? `H${left + places[end].right}` : "";
    const turn = turns.get(`${start} ${end} ${id}`);
    const way = turn
      ? `H${left + turn.right}V${top + turn.between}H${left + turn.left}V${y2}H${x2}`
      : `C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    const d = `M${x1} ${y1}${way}${across}`;
    const path = draw("path", { class: "wire", d });
    if (to.row !== undefined && !opened.has(to.row)) path.setAttribute("marker-end", "url(#tip)");
    drawing.append(path);
    const key = `${place} ${end} ${id}`;
    wires.set(key, [...(wires.get(key) ?? []), path]);
  }
  vertices.forEach(({ row }, one) => {
    if (row === undefined) return;
    const { x, y, w, h, right } = places[one];
    if (!opened.has(row)) {
      drawBox(row, left + x, top + y, 2 * (right - x));
      return;
    }
    drawFrame(row, left + x - w / 2, top + y - h / 2, w, h);
    drawLevel(row, left + x - plan(row).width / 2, top + y - h / 2 + GAP.head);
  });
}

/** @param {number} place @param {number} x @param {number} y @param {number} w */
function drawBox(place, x, y, w) {
  const isNode = rows[place].row === "node";
  const [main, sub] = inscription(place);
  const value = draw("text", { class: "value", x, y: y - 26 });
  const adjoint = draw("text", { class: "adjoint", x, y: y + 34 });
  const size = { x: x - w / 2, y: y - BOX / 2, width: w, height: BOX, rx: isNode ? 10 : 4 };
  const group = drawGroup(
    place,
    isNode && !rows[place].primitive ? "leaf" : "",
    draw("rect", size),
    draw("text", { class: isNode ? "main" : "mid", x, y: sub ? y - 2 : y + 5 }, main),
    draw("text", { class: "sub", x, y: y + 14 }, sub),
    value,
    adjoint,
  );
  shapes.set(place, { group, value, adjoint });
}

/** @param {number} place @param {number} x @param {number} y @param {number} width @param {number} height */
function drawFrame(place, x, y, width, height) {
  const { kind, count } = rows[place];
  const head = `▾ ${inscription(place)[0]}${kind === "loop" ? ` ×${count}` : ""}`;
  const group = drawGroup(
    place,
    "frame",
    draw("rect", { x, y, width, height, rx: 8 }),
    draw("text", { class: "head", x: x + 12, y: y + 18 }, head),
  );
  shapes.set(place, { group });
}

/** @param {number} place @param {string} kind @param {...Element} content */
function drawGroup(place, kind, ...content) {
  const attributes = { class: `box ${kind}`, "data-row": place, role: "button", tabindex: -1 };
  const group = draw("g", attributes, ...content);
  if (levels[place]) group.setAttribute("aria-expanded", String(opened.has(place)));
  drawing.append(group);
  return group;
}

/** The wires that lead a value to the box that uses it. @param {number} id @param {number} user */
function trail(id, user) {
  /** @type {Element[]} */
  const found = [];
  let place = parent[user];
  let vertex = levels[place].vertices.findIndex((one) => one.row === user);
  for (;;) {
    const { vertices, wires: pieces } = levels[place];
    const piece = pieces.find(([, end, wire]) => end === vertex && wire === id);
    if (!piece) return found;
    found.push(...(wires.get(`${place} ${vertex} ${id}`) ?? []));
    vertex = piece[0];
    const from = vertices[vertex];
    if (from.in !== undefined) {
      const inside = place;
      place = parent[place];
      vertex = levels[place].vertices.findIndex((one) => one.row === inside);
    } else if (from.row !== undefined) {
      if (!opened.has(from.row)) return found;
      place = from.row;
      vertex = levels[place].vertices.findIndex((one) => one.out === id);
    }
  }
}

/** The wires that a step goes along. @param {Step} step @returns {Element[]} */
function lit({ kind, row, from = -1, target }) {
  if (kind === "term" && target !== undefined) return from < 0 ? [] : trail(target, from);
  if (kind !== "value" && kind !== "fold") return [];
  const { vertices, wires: pieces } = levels[parent[row]];
  const own = vertices.findIndex((one) => one.row === row);
  return pieces.flatMap(([, end, id]) => (end === own ? trail(id, row) : []));
}

/** Shows the state at the step. */
export function paint() {
  const step = currentStep();
  const { done, sums } = shownSoFar();
  svg.classList.toggle("reverse", step !== null && step.pass >= 0);
  for (const [place, { group, value, adjoint }] of shapes) {
    const result = outcome(place);
    const isDone = done.has(place) || opened.has(place);
    group.classList.toggle("done", isDone);
    group.classList.toggle("todo", !isDone);
    group.classList.toggle("selected", place === state.chosen);
    group.classList.toggle("now", step?.row === place);
    group.classList.toggle("from", step?.from === place && step.row !== place);
    const words = [titleOf(place), contentOf(place)];
    if (value) value.textContent = "";
    if (adjoint) adjoint.textContent = "";
    if (value && isDone && result) {
      value.textContent = short(result.value);
      words.push(`value ${text(result.value, 6)}`);
    }
    if (adjoint && result && sums.has(result.number)) {
      const sum = sums.get(result.number);
      adjoint.textContent = short(sum) || "…";
      words.push(`adjoint ${text(sum, 6) || "not known so far"}`);
    }
    group.setAttribute("aria-label", words.join(", "));
  }
  for (const path of svg.querySelectorAll(".wire.now")) path.classList.remove("now");
  for (const path of step ? lit(step) : []) path.classList.add("now");
  if (step) bring(step.row);
}

/** Scrolls a box into sight. @param {number} place */
export function bring(place) {
  const box = shapes.get(place)?.group.getBoundingClientRect();
  if (!box || matchMedia("print").matches) return;
  const around = view.getBoundingClientRect();
  const margin = 40;
  const isSeen =
    box.left >= around.left + margin &&
    box.right <= around.right - margin &&
    box.top >= around.top + margin &&
    box.bottom <= around.bottom - margin;
  // What is in sight may be passing by: no scrolling that goes on may take it away.
  const x = isSeen ? 0 : (box.left + box.right - around.left - around.right) / 2;
  const y = isSeen ? 0 : (box.top + box.bottom - around.top - around.bottom) / 2;
  const isFar = Math.hypot(x, y) > view.clientWidth;
  const isStill = isSeen || isFar || matchMedia("(prefers-reduced-motion: reduce)").matches;
  view.scrollTo({
    left: view.scrollLeft + x,
    top: view.scrollTop + y,
    behavior: isStill ? "instant" : "smooth",
  });
}

/** The boxes that are drawn, in the order of their rows. */
export function drawn() {
  return [...shapes.keys()].sort((a, b) => a - b);
}

/** Makes a box the one that Tab leads to. @param {number} place */
export function rove(place) {
  if (!shapes.has(place)) return;
  for (const { group } of shapes.values()) group.setAttribute("tabindex", "-1");
  shapes.get(place)?.group.setAttribute("tabindex", "0");
}

/** @param {number} place */
export function focusBox(place) {
  shapes.get(place)?.group.focus({ preventScroll: true });
}

/** @param {number} to */
function resize(to) {
  isFitted = false;
  scale = Math.min(SCALE.most, Math.max(SCALE.least, to));
  const [width, height] = [plan(-1).width + 2 * MARGIN.x, plan(-1).height + 2 * MARGIN.y];
  svg.setAttribute("viewBox", `${-MARGIN.x} ${-MARGIN.y} ${width} ${height}`);
  svg.setAttribute("width", String(width * scale));
  svg.setAttribute("height", String(height * scale));
}

/** @param {number} factor */
export function zoom(factor) {
  resize(scale * factor);
}

/** The whole, where it can be read so; else its width, as of a text. */
function begin() {
  fit();
  const widest = space()[0] / plan(-1).width;
  if (scale < LEGIBLE && scale < widest) resize(Math.min(LEGIBLE, widest));
}

/** Makes the whole as large as there is room for. */
export function fit() {
  resize(Math.min(SCALE.fitting, fitting()));
  isFitted = true;
}

/** The window has another size. */
export function refit() {
  if (isFitted) fit();
}

/** Whether what is opened can be read with the whole in the window. */
export function isLegible() {
  replan(...space());
  return fitting() >= LEGIBLE;
}

/** What there is for the picture, in width and height. @returns {[number, number]} */
function space() {
  return [view.clientWidth - 28 - 2 * MARGIN.x, view.clientHeight - 56 - 2 * MARGIN.y];
}

/** The scale at which the whole fills the window. */
function fitting() {
  const { width, height } = plan(-1);
  const [w, h] = space();
  return Math.min(w / width, h / height);
}
