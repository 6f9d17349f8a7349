/** Asks for the list of runs again and again while the page is seen, and says how that goes. */

import { fetchRuns } from "./api.js";

const SECONDS = 2;
const SOON = 0.25;
const LONGEST = 8;

export class Live {
  #onRuns;
  #onStatus;
  #timer = 0;
  #asking = false;
  #failures = 0;
  #seen = true;

  /**
   * @param {Function} onRuns gets each listing.
   * @param {Function} onStatus gets null while all is well, else a sentence.
   */
  constructor(onRuns, onStatus) {
    this.#onRuns = onRuns;
    this.#onStatus = onStatus;
  }

  start() {
    document.addEventListener("visibilitychange", () => this.#wake());
    // TensorBoard hides the frames of its other tabs, of which no event tells.
    new IntersectionObserver((entries) => {
      this.#seen = entries[entries.length - 1].isIntersecting;
      this.#wake();
    }).observe(document.body);
    this.#ask();
  }

  /** Ask now, after a press of the button or when the page is seen again. */
  now() {
    window.clearTimeout(this.#timer);
    this.#ask();
  }

  get #isSeen() {
    return this.#seen && document.visibilityState === "visible";
  }

  #wake() {
    window.clearTimeout(this.#timer);
    if (this.#isSeen) this.#ask();
  }

  async #ask() {
    if (this.#asking) return;
    this.#asking = true;
    let wait = SECONDS;
    try {
      const listing = await fetchRuns(AbortSignal.timeout(30_000));
      this.#failures = 0;
      this.#onStatus(null);
      this.#onRuns(listing);
      if (listing.unread) wait = SOON;
    } catch (error) {
      this.#failures += 1;
      wait = Math.min(LONGEST, SECONDS * 2 ** (this.#failures - 1));
      this.#onStatus(`${error.message} What you see is as it was; trying again.`);
    }
    this.#asking = false;
    window.clearTimeout(this.#timer);
    if (this.#isSeen) this.#timer = window.setTimeout(() => this.#ask(), 1000 * wait);
  }
}
