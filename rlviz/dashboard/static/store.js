/** The series that the panels show: fetched where they are missing or old, kept while they are
 * fetched again, so that nothing flickers. */

import { fetchSeries } from "./api.js";

const AT_ONCE = 4;
const REST = 120;
const MARGIN = 0.5;
const PATIENCE = 3; // a series that took a second is not asked for again before three have passed

/** One metric of one run: the whole of it, and the part that is zoomed into in full detail. */
class Series {
  whole = null;
  part = null;
  error = null;
  asked = "";
  askedPart = "";
  how = "";
  quietUntil = 0;
}

export class Store {
  #series = new Map();
  #queue = [];
  #running = 0;
  #onChange;
  #timer = 0;
  #wanted = [];
  #settings = "";

  /** @param {Function} onChange called when a series came or went. */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** @returns {Series|undefined} */
  get(run, metric) {
    return this.#series.get(id(run, metric));
  }

  get isBusy() {
    return this.#running > 0 || this.#queue.length > 0 || this.#timer !== 0;
  }

  /**
   * Say what is to be seen. What is missing is asked for at once, details after a moment's rest.
   * @param {Array} wanted of {run, version, metric, width, height, limits}: the limits are null, or
   *     {from, to, low, high} of the visible part.
   * @param {Object} settings {x, log, smooth, dots: most dots of a series}.
   */
  want(wanted, settings) {
    const { x, log, smooth, dots } = settings;
    const key = JSON.stringify([x, log]);
    if (key !== this.#settings) this.#series.clear(); // another axis: nothing of it can be kept
    this.#settings = key;
    this.#wanted = wanted;
    this.#queue = [];
    for (const one of wanted) {
      const series = this.#of(one.run, one.metric);
      const how = JSON.stringify([smooth, dots]);
      const asked = `${one.version} ${how}`;
      const isEarly = how === series.how && performance.now() < series.quietUntil;
      if (series.asked === asked || isEarly) continue;
      series.how = how;
      this.#queue.push({ one, series, asked, settings, part: false });
    }
    this.#work();
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#wantParts(settings), REST);
  }

  #wantParts(settings) {
    this.#timer = 0;
    for (const one of this.#wanted) {
      const series = this.#of(one.run, one.metric);
      if (!one.limits) {
        if (series.part) this.#onChange();
        series.part = null;
        series.askedPart = "";
        continue;
      }
      const asked = JSON.stringify([one.version, settings.smooth, settings.dots, one.limits]);
      if (series.askedPart === asked) continue;
      this.#queue.push({ one, series, asked, settings, part: true });
    }
    this.#work();
  }

  #of(run, metric) {
    const key = id(run, metric);
    if (!this.#series.has(key)) this.#series.set(key, new Series());
    return this.#series.get(key);
  }

  #work() {
    while (this.#running < AT_ONCE && this.#queue.length) this.#fetch(this.#queue.shift());
  }

  async #fetch({ one, series, asked, settings, part }) {
    this.#running += 1;
    const field = part ? "askedPart" : "asked";
    const before = series[field];
    const began = performance.now();
    series[field] = asked;
    try {
      const found = prepared(await fetchSeries(query(one, settings, part)), settings.log);
      if (series[field] === asked) {
        series[part ? "part" : "whole"] = found;
        series.error = null;
      }
    } catch (error) {
      // A run or a metric that is gone stays away; what failed on the way is asked for again.
      if (!part) series.error = error.message;
      if (error.status !== 404 && error.status !== 400) series[field] = before;
    }
    const now = performance.now();
    if (!part) series.quietUntil = now + PATIENCE * (now - began);
    this.#running -= 1;
    this.#work();
    this.#onChange();
  }
}

function id(run, metric) {
  return JSON.stringify([run, metric]);
}

function query(one, settings, part) {
  const { run, metric, width, height, limits } = one;
  const { x, log, smooth, dots } = settings;
  const asked = { run, metric, x, log: log ? 1 : 0, smooth, dots };
  if (!part) return { ...asked, width, height };
  const [from, to] = widened(limits.from, limits.to, log);
  const [low, high] = limits.low === null ? [null, null] : widened(limits.low, limits.high, false);
  const wide = Math.min(10_000, Math.round(width * (1 + 2 * MARGIN)));
  return { ...asked, from, to, low, high, width: wide, height };
}

/** Some more on either side, for the next step of a pan. */
function widened(low, high, log) {
  const [a, b] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
  const more = MARGIN * (b - a);
  return log ? [10 ** (a - more), 10 ** (b + more)] : [a - more, b + more];
}

/** With the places of its points on the axis. */
function prepared(found, log) {
  const place = (x) => (log ? x.map(Math.log10) : x);
  found.place = place(found.x);
  if (found.curve_x) found.curve_place = place(found.curve_x);
  return found;
}
