/** How runs and groups compare with the baseline: differences at a place, and by the server what
 * each spent for a level and how many times less; by the rules of rlviz.compare. */

import { fetchComparison } from "./api.js";

const PATIENCE = 3; // a comparison that took one second is not requested again for three
const AFTER_FAILURE = 5000; // milliseconds until it is requested again: the server may be busy, or gone

/**
 * A difference of two values of curves with its interval: the halves of the bands, that of a single
 * run 1.3 times as wide, add up like independent errors.
 */
export function difference(one, other) {
  const [a, b] = [widened(one), widened(other)];
  const value = a.y - b.y;
  return {
    value,
    low: value - Math.hypot(a.y - a.low, b.high - b.y),
    high: value + Math.hypot(a.high - a.y, b.y - b.low),
  };
}

function widened({ y, low, high, caution }) {
  return { y, low: y - caution * (y - low), high: y + caution * (high - y) };
}

/** Of which metric the compute for a level is told: the first accuracy among the panels. */
export function comparedMetric(panels) {
  return panels.find((name) => name.split("/")[0] === "accuracy") ?? panels[0];
}

export class Comparing {
  #onChange;
  #key = "";
  #found = null;
  #isAsking = false;
  #quietUntil = 0;
  #later = 0;

  /** @param {Function} onChange called when a comparison has arrived. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** The latest answer for these units, metric and baseline; {error} if there can be none. */
  get(asked) {
    return this.#found && this.#found.about === aboutOf(asked) ? this.#found : null;
  }

  /** Ask for it if it is missing or old. */
  async load(asked) {
    const about = aboutOf(asked);
    const key = JSON.stringify([about, asked.units.map(({ version }) => version)]);
    if (key === this.#key || this.#isAsking) return;
    const quiet = this.#found?.about === about ? this.#quietUntil - performance.now() : 0;
    if (quiet > 0) {
      this.#later ||= window.setTimeout(() => {
        this.#later = 0;
        this.#onChange();
      }, quiet);
      return;
    }
    this.#isAsking = true;
    const began = performance.now();
    let least = 0;
    try {
      this.#found = { about, ...(await fetchComparison(asked)) };
      this.#key = key;
    } catch (error) {
      this.#found = { about, error: error.message };
      least = AFTER_FAILURE;
      if (error.status === 400 || error.status === 404) this.#key = key;
    }
    const now = performance.now();
    this.#quietUntil = now + Math.max(least, PATIENCE * (now - began));
    this.#isAsking = false;
    this.#onChange();
  }
}

function aboutOf({ units, reference, metric }) {
  return JSON.stringify([units.map(({ name, runs }) => [name, runs]), reference, metric]);
}
