/** Moves the visible part of a panel: zooms into a selection or about a place, and pans. */

import { fromPlace, leastOf } from "./frames.js";

const NEAREST = 1e-12; // of the distance from zero: what float64 can still tell apart

export class Motion {
  /** {low, high} of y during a pan if y follows the data, so that it does not shake; else null. */
  held = null;
  #metric;
  #page;
  #plot;
  #start = null;

  constructor(metric, page, plot) {
    this.#metric = metric;
    this.#page = page;
    this.#plot = plot;
  }

  /** Zoom into a selection, in shares of the plotting area; null for a side that stays. */
  into({ left, right, top, bottom }) {
    const { frame } = this.#plot;
    const across = (share) => this.#x(frame.left + share * (frame.right - frame.left));
    const up = (share) => this.#y(frame.high - share * (frame.high - frame.low));
    const x = left === null ? {} : { from: across(left), to: across(right) };
    this.#page.zoom(x, top === null ? null : [this.#metric, [up(bottom), up(top)]]);
  }

  /** Zoom in x, about a share of the width. */
  scale(factor, share) {
    const { left, right } = this.#page.view().x; // not yet drawn, if two fingers move at once
    const middle = left + share * (right - left);
    this.#show(middle - factor * (middle - left), middle + factor * (right - middle));
  }

  /** Shift in x, by a share of the width. */
  shift(by) {
    this.begin();
    this.pan(-by, 0);
    this.end();
  }

  begin() {
    const { frame } = this.#plot;
    this.#start = { ...frame, ...this.#page.view().x };
    const isFree = !this.#page.view().state.heights.has(this.#metric);
    if (isFree) this.held = { low: frame.low, high: frame.high };
  }

  /** Pan by shares of the plotting area since the pan began; in y only if y is zoomed. */
  pan(across, up) {
    const { left, right, low, high } = this.#start;
    const x = across * (right - left);
    const y = up * (high - low);
    this.#show(left - x, right - x, this.held ? null : [this.#metric, [this.#y(low + y), this.#y(high + y)]]);
  }

  end() {
    this.held = null;
    this.#page.redraw();
  }

  #show(left, right, height = null) {
    const nearest = NEAREST * Math.max(Math.abs(left), Math.abs(right));
    const { state, axis, shown } = this.#page.view();
    const under = state.log ? 0 : Math.max(0, leastOf(axis, shown) - left);
    if (right - left > nearest) {
      this.#page.zoom({ from: this.#x(left + under), to: this.#x(right + under) }, height);
    }
  }

  #y(place) {
    return fromPlace(place, this.#page.view().state.logs.includes(this.#metric));
  }

  #x(place) {
    return fromPlace(place, this.#page.view().state.log);
  }
}
