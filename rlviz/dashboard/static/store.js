/** The series that the panels show: fetches those that are missing or old, and keeps the old ones
 * meanwhile, so that nothing flickers. */

import { fetchCurve, fetchSeries, HAS } from "./api.js";

const AT_ONCE = 4;
const REST = 120;
const MARGIN = 0.5;
const PATIENCE = 3; // a series that took one second is not requested again for three

/** An answer of the server, and the request that it answers. */
class Slot {
  found = null;
  version = "";
  how = "";
  quietUntil = 0;
}

/** One metric of one run. */
class RunMetric {
  slots = { whole: new Slot(), part: new Slot() };
  error = null;

  /** The whole series, thinned. */
  get whole() {
    return this.slots.whole.found;
  }

  /** The zoomed part, in full detail. */
  get part() {
    return this.slots.part.found;
  }
}

export class Store {
  #series = new Map();
  #queue = [];
  #running = 0;
  #onChange;
  #timer = 0;
  #later = 0;
  #wanted = [];
  #settings = null;
  #axis = "";

  /** @param {Function} onChange called when a series arrives or goes away. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** @returns {RunMetric|undefined} */
  get(run, metric) {
    return this.#series.get(id(run, metric));
  }

  get isBusy() {
    return this.#running > 0 || this.#queue.length > 0 || this.#timer !== 0;
  }

  /**
   * Say what should be visible. Requests missing series at once, details after a short pause.
   * @param {Array} wanted of {run, version, metric, width, height, limits}: the limits are null or
   *     {from, to, low, high} of the visible part; for the curve of a group `run` is its id, and
   *     `runs` are the names of its runs.
   * @param {Object} settings {x, log, smooth, dots: most dots of a series}.
   */
  want(wanted, settings) {
    const key = JSON.stringify([settings.x, settings.log]);
    if (key !== this.#axis) this.#series.clear(); // another axis: no series fits it
    this.#axis = key;
    this.#wanted = wanted;
    this.#settings = settings;
    this.#queue = [];
    window.clearTimeout(this.#later);
    this.#later = 0;
    for (const one of wanted) this.#ask(one, "whole");
    this.#work();
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#wantParts(), REST);
  }

  #wantParts() {
    this.#timer = 0;
    for (const one of this.#wanted) {
      if (one.limits && HAS.server) this.#ask(one, "part");
      else this.#dropPart(one);
    }
    this.#work();
  }

  #dropPart({ run, metric }) {
    const { slots } = this.#of(run, metric);
    if (slots.part.found) this.#onChange();
    slots.part = new Slot();
  }

  /** Queue a request, unless its answer is known or would be outdated too soon. */
  #ask(one, name) {
    const { smooth, dots } = this.#settings;
    const series = this.#of(one.run, one.metric);
    const slot = series.slots[name];
    const how = JSON.stringify([smooth, dots, name === "part" ? one.limits : null]);
    if (slot.how === how && slot.version === one.version) return;
    const quiet = slot.how === how ? slot.quietUntil - performance.now() : 0;
    if (quiet > 0) {
      this.#later ||= window.setTimeout(() => this.want(this.#wanted, this.#settings), quiet);
      return;
    }
    this.#queue.push({ one, series, name, how, settings: this.#settings });
  }

  #of(run, metric) {
    const key = id(run, metric);
    if (!this.#series.has(key)) this.#series.set(key, new RunMetric());
    return this.#series.get(key);
  }

  #work() {
    while (this.#running < AT_ONCE && this.#queue.length) this.#fetch(this.#queue.shift());
  }

  async #fetch({ one, series, name, how, settings }) {
    this.#running += 1;
    const slot = series.slots[name];
    const before = { version: slot.version, how: slot.how };
    const began = performance.now();
    Object.assign(slot, { version: one.version, how });
    const isStill = () => slot.version === one.version && slot.how === how;
    try {
      const answer = one.runs
        ? fetchCurve(curveQuery(one, settings))
        : fetchSeries(query(one, settings, name));
      const found = prepared(await answer, settings.log);
      if (isStill()) slot.found = found;
      series.error = null;
    } catch (error) {
      if (name === "whole") series.error = error.message;
      // A run or metric that is gone stays away; a request that failed on the way is repeated.
      if (error.status !== 404 && error.status !== 400 && isStill()) Object.assign(slot, before);
    }
    const now = performance.now();
    slot.quietUntil = now + PATIENCE * (now - began);
    this.#running -= 1;
    this.#work();
    this.#onChange();
  }
}

function id(run, metric) {
  return JSON.stringify([run, metric]);
}

function curveQuery({ runs, metric }, { x, log }) {
  return { runs, metric, x, log: log ? 1 : 0 };
}

function query(one, settings, name) {
  const { run, metric, width, height, limits } = one;
  const { x, log, smooth, dots } = settings;
  const asked = { run, metric, x, log: log ? 1 : 0, smooth, dots };
  if (name === "whole") return { ...asked, width, height };
  const [from, to] = widened(limits.from, limits.to, log);
  const [low, high] = limits.low === null ? [null, null] : widened(limits.low, limits.high, false);
  const wide = Math.min(10_000, Math.round(width * (1 + 2 * MARGIN)));
  return { ...asked, from, to, low, high, width: wide, height };
}

/** A range with some more on either side, for the next step of a pan. */
function widened(low, high, log) {
  const [a, b] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const more = MARGIN * (b - a);
  return log ? [10 ** (a - more), 10 ** (b + more)] : [a - more, b + more];
}

/** A series with the places of its points on the axis. */
function prepared(found, log) {
  const place = (x) => (log ? x.map(Math.log10) : x);
  if (found.x) found.place = place(found.x);
  if (found.curve_x) found.curve_place = place(found.curve_x);
  return found;
}
