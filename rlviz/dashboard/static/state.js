/** What the user chose to see: one plain object, its defaults, and the listeners to changes. */

import { OPENS_BY } from "./api.js";

export const DEFAULTS = Object.freeze({
  x: "flops",
  log: false,
  smooth: "auto",
  weight: 0.6,
  dots: true,
  band: true,
  names: true, // at the ends of the curves
  forecast: false,
  full: null, // the metric whose panel fills the window
  panels: null, // those that tell most about the shown runs
  from: null,
  to: null,
  logs: Object.freeze([]), // the metrics whose y is logarithmic
  heights: new Map(), // metric -> [low, high]; no plain object, since a name may be any text
  runs: Object.freeze({ mode: "default", names: Object.freeze([]) }),
  colors: new Map(),
  search: "",
  sort: "name", // or state, step, flops, written, value:<metric>, setting:<name>
  falls: false,
  columns: Object.freeze(["state", "values"]), // or names of settings
  grouped: true,
  closed: Object.freeze([]),
  by: OPENS_BY, // how runs are grouped: "", name, config:<setting> or regex:<expression>
  baseline: null, // the name of a run or group that the others are compared with
  level: null, // for which the table tells the compute that each needed
  at: null,
});

/** Places on an axis: a change of the axis drops them. */
const ZOOM = { from: null, to: null, at: null };

export class State {
  #value;
  #listeners = [];

  constructor(given = {}) {
    this.#value = { ...DEFAULTS, ...given };
  }

  get value() {
    return this.#value;
  }

  /** Change parts of the state; listeners get the new value and the names that changed. */
  set(patch) {
    const moved = "x" in patch && patch.x !== this.#value.x && !("from" in patch);
    const next = { ...this.#value, ...(moved ? ZOOM : {}), ...patch };
    const changed = Object.keys(next).filter((name) => next[name] !== this.#value[name]);
    if (!changed.length) return;
    this.#value = Object.freeze(next);
    for (const listener of this.#listeners) listener(this.#value, new Set(changed));
  }

  subscribe(listener) {
    this.#listeners.push(listener);
  }

  /** The value of `smooth` in the form that the server takes. */
  get smoothing() {
    const { smooth, weight } = this.#value;
    return smooth === "ema" ? `ema:${weight}` : smooth;
  }
}
