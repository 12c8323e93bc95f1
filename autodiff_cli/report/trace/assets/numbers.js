// @ts-check
// Numbers and arrays, as the JSON of a trace holds them: added up, and written.

/** @typedef {number | boolean | string} Scalar a string is what JSON has no number for: nan, inf */
/** @typedef {Scalar | any[] | {shape: number[], min: Scalar, max: Scalar}} Value */

/** Of an array that a sentence spells out. */
const MOST_NUMBERS = 100;

/** @param {Scalar} value */
function number(value) {
  return typeof value === "string" ? Number(value.replace("inf", "Infinity")) : Number(value);
}

/** Written to so many digits, and with few enough numbers to be read; without `digits`, whole. @param {any} value @param {number} [digits] @returns {string} */
export function text(value, digits) {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) {
    if (digits && size(value) > MOST_NUMBERS) return text(range(value), digits);
    return `[${value.map((item) => text(item, digits)).join(", ")}]`;
  }
  if (typeof value === "object") {
    const ends = new Set([text(value.min, digits), text(value.max, digits)]);
    return `(${value.shape.join("×")}) ${[...ends].join(" … ")}`;
  }
  if (typeof value !== "number") return String(value);
  if (!Number.isFinite(value))
    return String(value).replace("Infinity", "inf").replace("NaN", "nan");
  return String(digits ? Number(value.toPrecision(digits)) : value);
}

/** What is said of an array in place of its numbers. @param {any[]} value */
function range(value) {
  const shape = [];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  const flat = value.flat(shape.length).map(number);
  const [min, max] = [Math.min, Math.max].map((pick) => flat.reduce((a, b) => pick(a, b)));
  return { shape, min, max };
}

/** What has room at a box. @param {any} value */
export function short(value) {
  if (value?.shape) return text(value, 3);
  const whole = text(value, 5);
  return whole.length > 20 && Array.isArray(value) ? text(range(value), 3) : whole;
}

/** How it reads in the middle of a sum or a product; "…" where it is not known. @param {any} value */
export function term(value) {
  const written = text(value, 6);
  if (written.startsWith("(")) return `[${written}]`;
  return written.startsWith("-") ? `(${written})` : written || "…";
}

/** @param {any} a @param {any} b @returns {any} the sum; null where only ranges are known */
export function add(a, b) {
  if (Array.isArray(a) && Array.isArray(b)) return a.map((item, place) => add(item, b[place]));
  if ([a, b].some((one) => one === null || typeof one === "object")) return null;
  return number(a) + number(b);
}

/** How many numbers there are in it. @param {any} value */
export function size(value) {
  if (Array.isArray(value)) return value.flat(Number.POSITIVE_INFINITY).length;
  const shape = /** @type {number[]} */ (value?.shape ?? []);
  return shape.reduce((a, b) => a * b, 1);
}

/** The name of an adjoint: x̄, v̄7. @param {string} label */
export function barred(label) {
  if (/^.\d*$/u.test(label)) return label.replace(/^./u, "$&\u0304").normalize("NFC");
  return label.replace(/./gu, "$&\u0305");
}
