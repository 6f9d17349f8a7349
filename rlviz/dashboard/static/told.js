/** What the scripts of the runs said: their configurations, and which are done; asked for now and
 * then, behind all that the page draws. */

import { fetchTold } from "./api.js";

const SECONDS = 10;

export class Told {
  #found = {};
  #next = 0;

  /** The settings of a run: name -> value. */
  settings(run) {
    return (Object.hasOwn(this.#found, run) && this.#found[run].settings) || {};
  }

  /** Ask again if it is time; calls `onAnswer` then: a run may also have become silent. */
  async look(onAnswer) {
    if (performance.now() < this.#next) return;
    this.#next = Infinity; // one at a time
    try {
      this.#found = await fetchTold();
      onAnswer();
    } catch {
      // The list of runs says that the server is away.
    }
    this.#next = performance.now() + 1000 * SECONDS;
  }

  /**
   * How a run is.
   * @param {Object} run of the listing.
   * @param {number} now seconds since 1970, by the server's clock.
   * @returns {{rank: number, word: string, kind: string}} in the order running, silent, ended.
   */
  state({ name, last, patience }, now) {
    if (Object.hasOwn(this.#found, name) && this.#found[name].closed)
      return { rank: 2, word: "ended", kind: "ended" };
    const at = last?.wall_time;
    if (at === null || at === undefined) return { rank: 3, word: "", kind: "unknown" };
    if (now - at < patience) return { rank: 0, word: "running", kind: "running" };
    return { rank: 1, word: `silent since ${moment(at, now)}`, kind: "silent" };
  }
}

/** A time as 14:05, 28 Nov or 28 Nov 2025. */
function moment(seconds, now) {
  const [then, today] = [new Date(1000 * seconds), new Date(1000 * now)];
  const clock = { hour: "2-digit", minute: "2-digit", hour12: false };
  const day = { day: "numeric", month: "short" };
  const isYear = then.getFullYear() === today.getFullYear();
  if (then.toDateString() === today.toDateString()) return then.toLocaleString("en-GB", clock);
  return then.toLocaleString("en-GB", isYear ? day : { ...day, year: "numeric" });
}
