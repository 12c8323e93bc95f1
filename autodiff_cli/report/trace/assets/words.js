// @ts-check
// What is said of a step, and of a local derivative.

import { SIGNS } from "./layout.js";
import { contentOf, factOf, labelOf, levels, passes, rows, titleOf } from "./model.js";
import { barred, size, term, text } from "./numbers.js";
import { adjoints } from "./story.js";

/** @import { Step } from "./story.js" */
/** @typedef {[string, string][]} Paragraphs the class of each, and what it says */

const MOST_RESULTS = 6;

/** @param {any} operand */
export function operandValue(operand) {
  return operand.number === null ? operand.value : factOf(operand.number)?.value;
}

/** A node's operation, as a formula. @param {any} row @param {(operand: any, isInSum: boolean) => string} write */
function operation(row, write) {
  const isCall = /\w/.test(row.operator);
  const operands = row.operands.map((/** @type {any} */ one) => write(one, !isCall));
  if (isCall) return `${row.operator}(${operands.join(", ")})`;
  const sign = SIGNS[row.operator] ?? row.operator;
  return operands.length === 1 ? `${sign}${operands[0]}` : operands.join(` ${sign} `);
}

/** @param {any} operand @param {boolean} isInSum */
function inNumbers(operand, isInSum) {
  const value = operandValue(operand);
  if (value === undefined) return operand.label;
  return isInSum ? term(value) : text(value, 6);
}

/** @param {any} row @param {any} partial */
function partialText(row, partial) {
  if (!partial.formula.startsWith("∂/∂")) return partial.formula;
  const formula = partial.formula.slice(partial.formula.indexOf(" = ") + 3);
  const name = `∂${row.label}/∂${partial.by}`;
  if (partial.value === null || Number.isFinite(Number(formula))) return `${name} = ${formula}`;
  // A constant array is called by its shape alone: its numbers say more.
  const terms = /^\[[\d×]+\]$/.test(formula) ? [name] : [name, formula];
  return [...new Set([...terms, text(partial.value, 6)])].join(" = ");
}

/** Each once, however often an operand is used. @param {any} row @returns {string[]} */
export function partialTexts(row) {
  return [...new Set(row.partials.map((/** @type {any} */ one) => partialText(row, one)))];
}

/** @param {Step | null} step @returns {Paragraphs} */
export function paragraphs(step) {
  if (!step) {
    return [
      ["about", "Before the first step"],
      ["main", "Nothing has been computed yet."],
      [
        "about",
        "The forward pass computes values in order; then the reverse pass multiplies and adds adjoints back to the inputs.",
      ],
    ];
  }
  const line = step.line ? `, line ${step.line}` : "";
  switch (step.kind) {
    case "value":
      return valueWords(step, line);
    case "fold":
      return foldWords(step, line);
    case "clear":
    case "sums":
      return eventWords(step, line);
    default:
      return adjointWords(step, line);
  }
}

/** @param {Step} step @param {string} line @returns {Paragraphs} */
function valueWords(step, line) {
  const row = rows[step.row];
  const names = row.primitive ? operation(row, (operand) => operand.label) : row.label;
  const numbers = row.primitive ? operation(row, inNumbers) : row.label;
  const equation = new Set([row.label, names, numbers, text(row.value, 6)]);
  return [
    ["about", `Forward pass${line}: ${contentOf(step.row)}`],
    ["main value", [...equation].join(" = ")],
    ...partialTexts(row).map((one) => /** @type {[string, string]} */ (["", one])),
  ];
}

/** @param {Step} step @param {string} line @returns {Paragraphs} */
function foldWords(step, line) {
  const { results } = rows[step.row];
  const shown = results
    .slice(0, MOST_RESULTS)
    .map((/** @type {any} */ one) => `${one.label} = ${text(one.value, 6)}`);
  if (results.length > MOST_RESULTS) shown.push(`and ${results.length - MOST_RESULTS} more`);
  const how = levels[step.row] ? "; click to unfold" : "";
  return [
    ["about", `Forward pass${line}: ${contentOf(step.row)}, folded${how}`],
    ["main", titleOf(step.row)],
    ["value", shown.join(", ")],
  ];
}

/** @param {Step} step @param {string} line @returns {Paragraphs} */
function eventWords(step, line) {
  const row = rows[step.row];
  if (step.kind === "clear") {
    const names = row.cleared.map((/** @type {string} */ name) => `${name}.grad`).join(", ");
    return [
      ["about", `Program${line}: ${row.expression}`],
      ["main", `cleared: ${names || "nothing"}`],
    ];
  }
  return [
    ["about", `Program${line}: ${row.expression} adds to the gradients`],
    ...row.sums.map((/** @type {any} */ { name, before, added, total }) => [
      "main adjoint",
      `${name}.grad += ${term(added)}:  ${text(before, 6)} + ${term(added)} = ${text(total, 6)}`,
    ]),
  ];
}

/** Where a term of an adjoint comes from. @param {Step} step */
export function origin(step) {
  const from = step.from ?? -1;
  return from < 0 ? "nodes that are left out" : titleOf(from);
}

/** @param {Step} step @param {string} line @returns {Paragraphs} */
function adjointWords(step, line) {
  const pass = passes[step.pass];
  const which = pass.line === null ? "Reverse pass" : `Reverse pass (backward, line ${pass.line})`;
  const target = labelOf(Number(step.target));
  const name = barred(target);
  const whole = `${name} = ${text(step.total, 6)}`;
  if (step.kind === "seed") {
    return [
      ["about", `${which}: it begins at the output`],
      ["main adjoint", `${name} = ${text(step.value, 6)}`],
    ];
  }
  if (step.kind === "zero") {
    return [
      ["about", `${which}${line}: no product but zeros leads here`],
      ["main adjoint", whole],
    ];
  }
  const more = step.final ? "" : ", and more to come";
  const sum = `${name} = ${term(step.before)} + ${term(step.value)} = ${text(step.total, 6) || "…"}`;
  const soFar = /** @type {[string, string]} */ (["", `Sum so far: ${sum}${more}`]);
  const from = rows[Number(step.from)];
  if (from?.row !== "node") {
    const uses = Number(step.count) > 1 ? `, ${step.count} uses` : "";
    const how = from ? `through ${origin(step)}, folded` : `from ${origin(step)}`;
    return [
      ["about", `${which}${line}: ${how}${uses}`],
      ["main adjoint", `${name} += ${term(step.value)}`],
      soFar,
    ];
  }
  const partials = from.partials.filter((/** @type {any} */ one) => one.number === step.target);
  const partial = partials[Number(step.nth)];
  const adjoint = adjoints[step.pass].get(from.number)?.adjoint;
  let product = text(step.value, 6);
  if (partial && partial.value !== null && adjoint !== undefined) {
    const total = size(from.value) > size(step.value) ? "Σ " : "";
    const rule = `${total}${barred(from.label)} · ∂${from.label}/∂${target}`;
    product = `${rule} = ${total}${term(adjoint)} × ${term(partial.value)} = ${product}`;
  }
  return [
    ["about", `${which}${line}: ${from.expression}`],
    ["main adjoint", `${name} += ${product}`],
    ...(partial ? [/** @type {[string, string]} */ (["", partialText(from, partial)])] : []),
    soFar,
  ];
}
