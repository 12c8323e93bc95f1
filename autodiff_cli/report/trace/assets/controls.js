// @ts-check
// How the page is driven: by buttons, keys, the slider, clicks and a printer; and how it starts.

import { levels, openAtStart, toggle } from "./model.js";
import { element, explain, head, history, lightSource, make, table } from "./panes.js";
import {
  bring,
  drawn,
  fit,
  focusBox,
  isLegible,
  paint,
  picture,
  refit,
  rove,
  zoom,
} from "./picture.js";
import { currentStep, state, tell, toldOf } from "./story.js";

const PACE = 1100;
const ZOOM = 1.25;
const slider = /** @type {HTMLInputElement} */ (element("slider"));
let timer = 0;

/** Shows the state at the step. */
function show() {
  paint();
  lightSource();
  explain();
  history();
  const { story, position } = state;
  const step = currentStep();
  slider.value = String(position);
  const phase =
    step && (step.pass >= 0 ? "reverse" : step.kind === "clear" ? "program" : "forward");
  const words = `step ${position} of ${story.length} · ${phase ?? "start"}`;
  element("count").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  // A button that cannot be used keeps the focus, so it is not disabled altogether.
  for (const [id, end] of /** @type {[string, number][]} */ ([
    ["first", 0],
    ["back", 0],
    ["forward", story.length],
    ["last", story.length],
  ])) {
    element(id).setAttribute("aria-disabled", String(position === end));
  }
}

/** Tells and draws what is unfolded anew. */
function retell() {
  tell();
  picture();
  slider.max = String(state.story.length);
  /** @type {{reverse: boolean, length: number}[]} */
  const runs = [];
  for (const { pass } of state.story) {
    const last = runs.at(-1);
    if (last?.reverse === pass >= 0) last.length++;
    else runs.push({ reverse: pass >= 0, length: 1 });
  }
  const phases = runs.map(({ reverse, length }) => {
    const made = make("div", { class: reverse ? "reverse" : "" });
    made.style.flexGrow = String(length);
    return made;
  });
  element("phases").replaceChildren(...phases);
}

/** @param {number} to @param {number} [chosen] a box to go on telling of; else that of the step */
function go(to, chosen = -1) {
  state.chosen = chosen;
  state.position = Math.max(0, Math.min(state.story.length, to));
  const step = currentStep();
  state.clock = step ? step.at : -1;
  show();
  if (step) rove(step.row);
}

/** @param {boolean} on */
function play(on) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (state.position === state.story.length) go(0);
    timer = setInterval(() => {
      go(state.position + 1);
      if (state.position === state.story.length) play(false);
    }, PACE);
  }
  element("play").textContent = on ? "⏸ Pause" : "▶ Play";
  element("play").setAttribute("aria-label", on ? "Pause" : "Play");
}

/** Folds or unfolds a box, or tells its history. @param {number} place */
function activate(place) {
  if (levels[place]) {
    toggle(place);
    state.chosen = place;
    retell();
    show();
    focusBox(place);
  } else {
    state.chosen = state.chosen === place ? -1 : place;
    show();
  }
}

/** Into the graph, or on in it. @param {number} by */
function moveFocus(by) {
  const order = drawn();
  const focused = boxOf(document.activeElement);
  const roved = boxOf(document.querySelector('.box[tabindex="0"]'));
  const to = focused < 0 ? roved : order[order.indexOf(focused) + by];
  if (to === undefined || to < 0) return;
  focusBox(to);
  bring(to);
}

/** The box that an element is in, or -1. @param {Element | null} inner */
function boxOf(inner) {
  return Number(inner?.closest(".box")?.getAttribute("data-row") ?? -1);
}

/** What buttons and keys do: all but play stops the playing. @type {Record<string, () => void>} */
const moves = {
  first: () => go(0),
  back: () => go(state.position - 1),
  forward: () => go(state.position + 1),
  last: () => go(state.story.length),
};
for (const [id, move] of Object.entries(moves)) {
  element(id).addEventListener("click", () => {
    play(false);
    move();
  });
}
element("play").addEventListener("click", () => play(!timer));
element("smaller").addEventListener("click", () => zoom(1 / ZOOM));
element("larger").addEventListener("click", () => zoom(ZOOM));
element("fit").addEventListener("click", fit);
window.addEventListener("resize", refit);
slider.addEventListener("input", () => {
  play(false);
  go(Number(slider.value));
});

const graph = element("graph");
graph.addEventListener("click", ({ target }) => {
  const place = boxOf(/** @type {Element} */ (target));
  if (place >= 0) activate(place);
});
graph.addEventListener("focusin", ({ target }) => rove(boxOf(/** @type {Element} */ (target))));
element("history").addEventListener("click", ({ target }) => {
  const step = /** @type {HTMLElement} */ (target).dataset.step;
  if (!step) return;
  play(false);
  go(Number(step), toldOf());
});

const keys = /** @type {Record<string, () => void>} */ ({
  ArrowLeft: moves.back,
  ArrowRight: moves.forward,
  Home: moves.first,
  End: moves.last,
  ArrowUp: () => moveFocus(-1),
  ArrowDown: () => moveFocus(1),
});
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const at = /** @type {HTMLElement} */ (event.target);
  const place = boxOf(at);
  const isSpace = event.key === " ";
  if (place >= 0 && (isSpace || event.key === "Enter")) activate(place);
  else if (isSpace && at.tagName !== "BUTTON") play(!timer);
  else if (keys[event.key]) {
    // A text that scrolls has the keys that scroll it up and down.
    if (/^Arrow(Up|Down)$/.test(event.key) && at.closest("#source, #history")) return;
    if (timer) play(false);
    keys[event.key]();
  } else return;
  event.preventDefault();
});

/** Where the reader was before it went to paper, or -1. */
let kept = -1;

/** On paper are the end of the story, and a table. */
matchMedia("print").addEventListener("change", ({ matches }) => {
  play(false);
  if (matches) kept = state.position;
  go(matches ? state.story.length : kept);
  element("table").replaceChildren(...(matches ? [table()] : []));
});

head();
openAtStart(isLegible);
retell();
rove(drawn()[0]);
show();
