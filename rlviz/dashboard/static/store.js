/** The series that the panels show: fetches those that are missing or old, and keeps the old ones
 * meanwhile, so that nothing flickers. */

import { fetchCurve, fetchSeveral, HAS } from "./api.js";

const AT_ONCE = 4;
const REST = 120;
const MOST_RUNS = 10; // in one answer
const MOST_STEPS = 200_000; // of the runs in one answer: a longer run comes alone
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
   * @param {Array} wanted of {run, steps, version, metric, width, height, limits}: the limits are null or
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
    while (this.#running < AT_ONCE && this.#queue.length) this.#fetch(this.#together());
  }

  /** The first request of the queue, and those that can come in the same answer: of other runs, as
   * long as none makes the others wait. */
  #together() {
    const [first] = this.#queue;
    const key = (job) => JSON.stringify([job.name, job.one.metric, job.how, sizeOf(job.one)]);
    const wanted = key(first);
    const jobs = [];
    let steps = 0;
    this.#queue = this.#queue.filter((job) => {
      const isGroup = Boolean(first.one.runs || job.one.runs);
      const fits = !isGroup && jobs.length < MOST_RUNS && steps + job.one.steps <= MOST_STEPS;
      if (jobs.length && !(fits && job.settings === first.settings && key(job) === wanted)) return true;
      steps += job.one.steps;
      jobs.push(job);
      return false;
    });
    return jobs;
  }

  async #fetch(jobs) {
    this.#running += 1;
    const began = performance.now();
    const [{ one, settings, name }] = jobs;
    const slots = jobs.map((job) => job.series.slots[job.name]);
    const before = slots.map(({ version, how }) => ({ version, how }));
    jobs.forEach((job, i) => Object.assign(slots[i], { version: job.one.version, how: job.how }));
    let answers;
    try {
      const run = jobs.map((job) => job.one.run);
      answers = one.runs
        ? [await fetchCurve(curveQuery(one, settings))]
        : await fetchSeveral({ ...query(one, settings, name), run });
    } catch (error) {
      answers = jobs.map(() => error);
    }
    const now = performance.now();
    jobs.forEach((job, i) => {
      this.#take(job, slots[i], answers[i], before[i]);
      slots[i].quietUntil = now + (PATIENCE * (now - began)) / jobs.length;
    });
    this.#running -= 1;
    this.#work();
    this.#onChange();
  }

  #take({ one, series, name, how, settings }, slot, answer, before) {
    const isStill = slot.version === one.version && slot.how === how;
    if (!(answer instanceof Error)) {
      if (isStill) slot.found = prepared(answer, settings.log);
      series.error = null;
      return;
    }
    if (name === "whole") series.error = answer.message;
    // A run or metric that is gone stays away; a request that failed on the way is repeated.
    if (answer.status !== 404 && answer.status !== 400 && isStill) Object.assign(slot, before);
  }
}

function sizeOf({ width, height, limits }) {
  return [width, height, limits];
}

function id(run, metric) {
  return JSON.stringify([run, metric]);
}

function curveQuery({ runs, metric }, { x, log }) {
  return { runs, metric, x, log: log ? 1 : 0 };
}

function query(one, settings, name) {
  const { metric, width, height, limits } = one;
  const { x, log, smooth, dots } = settings;
  const asked = { metric, x, log: log ? 1 : 0, smooth, dots };
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
