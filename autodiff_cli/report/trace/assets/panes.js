// @ts-check
// What stands around the graph: the source, what the step says, the history of a box, and on paper
// a table.

import { contentOf, levels, lineOf, opened, passes, rows, titleOf, trace } from "./model.js";
import { barred, term, text } from "./numbers.js";
import { drawn } from "./picture.js";
import { adjoints, currentStep, state, toldOf } from "./story.js";
import { operandValue, origin, paragraphs, partialTexts } from "./words.js";

/** @import { Step } from "./story.js" */

const HINT = "Click a node for its history, a loop or a call to fold or unfold it.";

/** @param {string} id */
export function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Element | string)} content
 */
export function make(tag, attributes, ...content) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

/** @param {string} name @param {string} content */
function paragraph(name, content) {
  return make("p", { class: name }, content);
}

/** Says what the step does. */
export function explain() {
  const said = paragraphs(currentStep()).map(([name, content]) => paragraph(name, content));
  element("step").replaceChildren(...said);
}

// ── the source ──────────────────────────────────────────────────────────────────────────

const lines = /** @type {string[]} */ (trace.source.text.replace(/\n$/, "").split("\n"));
const lineElements = lines.map((line, place) => {
  const numbered = make("b", { "aria-hidden": "true" }, String(place + 1));
  return make("div", { class: "line" }, numbered, make("code", {}, line));
});
element("source").append(...lineElements);
let litLine = 0;

/** Lights up the line of the step, and underlines what of it the step is about. */
export function lightSource() {
  const step = currentStep();
  const before = lineElements[litLine - 1];
  before?.classList.remove("now", "reverse");
  before?.removeAttribute("aria-current");
  before?.children[1].replaceChildren(lines[litLine - 1]);
  litLine = step?.line ?? 0;
  const line = lineElements[litLine - 1];
  if (!line || !step) return;
  line.classList.add("now");
  line.classList.toggle("reverse", step.pass >= 0);
  line.setAttribute("aria-current", "step");
  const row = rows[step.from !== undefined && step.from >= 0 ? step.from : step.row];
  if (row.row === "node" && row.line === litLine) {
    // Columns count characters, of which some take two units of a string.
    const letters = Array.from(lines[litLine - 1]);
    const ends = row.end_line === row.line ? row.end_column - 1 : letters.length;
    const [head, marked, tail] = [
      letters.slice(0, row.column - 1),
      letters.slice(row.column - 1, ends),
      letters.slice(ends),
    ].map((part) => part.join(""));
    line.children[1].replaceChildren(head, make("mark", {}, marked), tail);
  }
  const view = element("source");
  const [box, around] = [line.getBoundingClientRect(), view.getBoundingClientRect()];
  if (box.top < around.top || box.bottom > around.bottom)
    view.scrollTop += box.top - around.top - around.height / 3;
}

// ── the history of a box ────────────────────────────────────────────────────────────────

/** Tells of the box that was clicked, or else of that of the step. */
export function history() {
  const place = toldOf();
  const isBox = place >= 0 && rows[place].row !== "event";
  element("history").replaceChildren(...(isBox ? historyOf(place) : [paragraph("hint", HINT)]));
}

/** @param {number} place */
function historyOf(place) {
  const row = rows[place];
  const isNode = row.row === "node";
  const name = isNode && row.name && row.name !== row.label ? ` (${row.name})` : "";
  const where = row.line ? ` · line ${row.line}` : "";
  const made = [
    make("h2", {}, `${titleOf(place)}${name}`),
    paragraph("", `${contentOf(place)}${where}`),
  ];
  if (!isNode) {
    if (!levels[place])
      made.push(
        paragraph("hint", "Too long for this document to hold; --lines shows a part of a program."),
      );
    for (const result of row.results) {
      made.push(heading(result.label), paragraph("value", text(result.value)), ...sumsOf(result));
    }
    return made;
  }
  const step = state.story.findIndex((one) => one.kind === "value" && one.row === place);
  made.push(heading("Value", step), paragraph("value", text(row.value)));
  const operands = /** @type {any[]} */ (row.operands).flatMap((one) => {
    const value = one.number === null ? undefined : operandValue(one);
    return value === undefined ? [] : [`${one.label} = ${text(value)}`];
  });
  if (operands.length) made.push(heading("From"), list(operands));
  if (row.partials.length) made.push(heading("Local derivatives"), list(partialTexts(row)));
  made.push(...sumsOf(row));
  return made;
}

/** @param {string} title @param {number} [step] one to jump to */
function heading(title, step = -1) {
  return make("h3", {}, title, ...(step >= 0 ? [" ", jump(step)] : []));
}

/** @param {number} step */
function jump(step) {
  const to = step + 1;
  return make("button", { type: "button", class: "jump", "data-step": to }, `step ${to}`);
}

/** @param {(string | Element)[]} items */
function list(items) {
  return make("ul", {}, ...items.map((item) => make("li", {}, item)));
}

/** @param {Step} step */
function whence(step) {
  return step.kind === "term" ? `from ${origin(step)}` : step.kind;
}

/** The adjoint of a node in every pass, term by term. @param {{number: number, label: string}} node */
function sumsOf({ number, label }) {
  return adjoints.flatMap((known, pass) => {
    const sum = known.get(number);
    if (!sum) return [];
    const { line } = passes[pass];
    const terms = state.story.flatMap((step, place) =>
      step.pass === pass && step.target === number
        ? [make("span", {}, `+ ${term(step.value)} ${whence(step)} `, jump(place))]
        : [],
    );
    return [
      heading(line === null ? "Adjoint" : `Adjoint, backward in line ${line}`),
      list(terms),
      paragraph("adjoint", `${barred(label)} = ${text(sum.adjoint)}`),
    ];
  });
}

// ── the whole ───────────────────────────────────────────────────────────────────────────

/** The name of the program, its result and its gradient. */
export function head() {
  const written = (/** @type {any} */ value) => text(value, Array.isArray(value) ? 8 : 0);
  element("title").textContent = trace.source.name;
  element("result").append(
    make("span", { class: "value" }, `${trace.output} = ${written(trace.value)}`),
    ...Object.entries(trace.gradient).map(([name, value]) => {
      const found = `∂${trace.output}/∂${name} = ${written(value) || "none"}`;
      return make("span", { class: "adjoint" }, found);
    }),
  );
}

/** All values and adjoints, as far as the trace is unfolded. */
export function table() {
  const heads = ["node", "expression", "value", "adjoint", "line"];
  const body = drawn().flatMap((place) => {
    if (opened.has(place)) return [];
    const row = rows[place];
    const isNode = row.row === "node";
    const known = /** @type {any[]} */ (isNode ? [row] : row.results);
    return known.map(({ label, value, adjoint }) => {
      const made = isNode ? row.expression : titleOf(place);
      const cells = [label, made, text(value), text(adjoint), String(lineOf(place) ?? "")];
      return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
    });
  });
  const top = make("tr", {}, ...heads.map((one) => make("th", {}, one)));
  return make("table", {}, make("thead", {}, top), make("tbody", {}, ...body));
}
