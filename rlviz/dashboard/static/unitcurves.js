/** The curves that the table reads: of each run or group, for each panel, over the chosen axis.
 *
 * They are the automatic ones, whatever smoothing the panels show. */

import { fetchCurve } from "./api.js";
import { seedsOf } from "./grouping.js";
import { between } from "./points.js";
import { AXES } from "./vocabulary.js"; // the server makes it

const TOLERANCE = 1e-3; // a place is typed with few digits
const GATHERED = 150;

export class UnitCurves {
  #page;
  #found = new Map();
  #loading = false;
  #onChange;
  #timer = 0;

  /** @param {Function} onChange called when curves have arrived. */
  constructor(page, onChange) {
    this.#page = page;
    this.#onChange = onChange;
  }

  /** Fetch what is missing or old, one after the other, because the panels come first. */
  async load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      for (let next = this.#missing(); next; next = this.#missing()) {
        while (this.#page.store.isBusy) await new Promise((done) => window.setTimeout(done, 100));
        const { key, version, asked } = next;
        try {
          this.#found.set(key, { version, curve: placed(await fetchCurve(asked), asked.log) });
        } catch (error) {
          if (error.status !== 404) break; // the next listing tries again
          this.#found.set(key, { version, why: error.message });
        }
        this.#timer ||= window.setTimeout(() => {
          this.#timer = 0;
          this.#onChange();
        }, GATHERED);
      }
    } finally {
      this.#loading = false;
    }
  }

  /**
   * What a unit reached at a place.
   * @returns {{y, low, high, caution}|{why: string, about: string}} or why there is nothing.
   */
  at(unit, metric, place) {
    const { axis, state } = this.#page.view();
    const { runs } = seedsOf(unit, metric, axis);
    if (!runs.length) {
      const hasMetric = unit.runs.some(({ run }) => run.metrics.includes(metric));
      return { why: "", about: hasMetric ? `It has no ${AXES[axis].unit}.` : "It has no such metric." };
    }
    const { curve, why } = this.#found.get(keyOf(unit, metric, axis, state.log)) ?? { why: "" };
    if (!curve) return { why: "", about: why };
    const [begin, end] = curve.domain;
    const some = `Not all of its ${runs.length} runs`;
    if (place > end + TOLERANCE * Math.abs(end)) {
      const about = unit.isGroup ? `${some} came that far.` : "It did not come that far.";
      return { why: "not that far", about };
    }
    if (place < begin - TOLERANCE * Math.abs(begin)) {
      const about = unit.isGroup ? `${some} had begun by then.` : "It began later.";
      return { why: "began later", about };
    }
    // The curve of a long run passes through means of neighbors, and begins and ends within it.
    const { places } = curve;
    const at = Math.min(Math.max(state.log ? Math.log10(place) : place, places[0]), places.at(-1));
    const [y, low, high] = ["curve", "curve_low", "curve_high"].map(
      (line) => curve[line] && between(places, curve[line], at),
    );
    return { y, low: low ?? NaN, high: high ?? NaN, caution: curve.caution ?? 1 };
  }

  #missing() {
    const { units, panels, axis, state } = this.#page.view();
    for (const metric of panels) {
      for (const unit of units) {
        const { runs, version } = seedsOf(unit, metric, axis);
        if (!runs.length) continue;
        const key = keyOf(unit, metric, axis, state.log);
        if (this.#found.get(key)?.version === version) continue;
        const asked = { runs, metric, x: axis, log: state.log ? 1 : 0 };
        return { key, version, asked };
      }
    }
    return null;
  }
}

function keyOf({ id }, metric, axis, log) {
  return JSON.stringify([id, metric, axis, log]);
}

function placed(curve, log) {
  return { ...curve, places: log ? curve.curve_x.map(Math.log10) : curve.curve_x };
}
