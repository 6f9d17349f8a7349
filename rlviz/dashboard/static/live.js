/** Polls the list of runs while the page is visible, and says how that goes. */

import { fetchRuns, HAS } from "./api.js";

const SECONDS = 1.5;
const SOON = 0.25;
const LONGEST = 8;

export class Live {
  #onRuns;
  #onStatus;
  #timer = 0;
  #asking = false;
  #failures = 0;
  #isWatching = true;

  /**
   * @param {Function} onRuns gets each listing.
   * @param {Function} onStatus gets null while all is well, else a sentence.
   */
  constructor(onRuns, onStatus) {
    this.#onRuns = onRuns;
    this.#onStatus = onStatus;
  }

  /** @param {Promise} listing the first listing, already requested. */
  start(listing) {
    document.addEventListener("visibilitychange", () => this.#wake());
    // TensorBoard hides the frames of its other tabs; no event says so, but their size does.
    window.addEventListener("resize", () => this.#wake());
    this.#ask(listing);
  }

  get #isSeen() {
    return document.visibilityState === "visible" && window.innerHeight > 0;
  }

  #wake() {
    if (this.#isSeen && !this.#isWatching) this.#ask();
  }

  #sleep(seconds) {
    window.clearTimeout(this.#timer);
    this.#isWatching = this.#isSeen;
    this.#timer = window.setTimeout(
      () => (this.#isSeen ? this.#ask() : this.#sleep(SECONDS)),
      1000 * seconds,
    );
  }

  async #ask(given = null) {
    if (this.#asking) return;
    this.#asking = true;
    let wait = SECONDS;
    try {
      const listing = await (given ?? fetchRuns(AbortSignal.timeout(30_000)));
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
    if (HAS.server) this.#sleep(wait);
  }
}
