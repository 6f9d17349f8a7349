/** All runs, which of them are shown, and in which color. */

import { paint } from "./palette.js";
import { Slots } from "./slots.js";
import { AXES, QUANTITIES } from "./vocabulary.js"; // the server makes it

const SHOWN_AT_FIRST = 20;
const GROUPED_AT_FIRST = 100; // a group lacks none of its runs
const LOADING = 15_000;
const BY_NAME = new Intl.Collator("en", { numeric: true }); // run2 comes before run10

/** Names in order, folder by folder. */
export function compareNames(a, b) {
  const [one, other] = [a.split("/"), b.split("/")];
  const depth = one.findIndex((part, i) => part !== other[i]);
  if (depth < 0) return one.length - other.length;
  return BY_NAME.compare(one[depth], other[depth] ?? "");
}

export class Runs {
  #listed = [];
  #slots = new Slots();
  isLoaded = false;
  /** Seconds since 1970, by the server's clock. */
  now = 0;

  /** Take a new listing; returns true if anything differs from the last. */
  take({ runs, server, now }) {
    this.now = now;
    // Each server counts versions separately.
    const listed = runs
      .map((run) => ({ ...run, version: `${server} ${run.version}` }))
      .sort((a, b) => compareNames(a.name, b.name));
    const known = this.#listed;
    const differs =
      !this.isLoaded ||
      listed.length !== known.length ||
      listed.some((run, i) => run.name !== known[i].name || run.version !== known[i].version);
    // While TensorBoard is loading, runs arrive in any order: colors are assigned again, so that
    // the same runs have the same colors on every page.
    if (performance.now() < LOADING && listed.length !== known.length) this.#slots.clear();
    this.#listed = listed;
    this.isLoaded = true;
    return differs;
  }

  get all() {
    return this.#listed;
  }

  get(name) {
    return this.#listed.find((run) => run.name === name);
  }

  /** Every metric of any run: what every run records, then groups, then the others. */
  get metrics() {
    const first = Object.keys(QUANTITIES);
    const names = new Set(first.filter((name) => QUANTITIES[name].core));
    for (const run of this.#listed) for (const metric of run.metrics) names.add(metric);
    const place = (name) => {
      if (first.includes(name)) return first.indexOf(name);
      return first.length + (name.startsWith("accuracy/") ? 0 : 1);
    };
    return [...names].sort((a, b) => place(a) - place(b) || compareNames(a, b));
  }

  /** The shown runs as {run, name, paint}, in the order of the list. */
  shown(state) {
    const chosen = this.#chosen(state);
    const runs = this.#listed.filter((run) => chosen.has(run.name));
    this.#slots.assign(runs.map((run) => run.name));
    return runs.map((run) => ({
      run,
      name: run.name,
      paint: paint(this.#slots.get(run.name), state.colors.get(run.name), runs.length === 1),
    }));
  }

  /** The selection with some runs shown or hidden, in the shorter of its two forms. */
  toggled(state, names, isShown) {
    const chosen = this.#chosen(state);
    for (const name of names) {
      if (isShown) chosen.add(name);
      else chosen.delete(name);
    }
    const shown = this.#listed.map((run) => run.name).filter((name) => chosen.has(name));
    const hidden = this.#listed.map((run) => run.name).filter((name) => !chosen.has(name));
    return hidden.length < shown.length
      ? { mode: "hide", names: hidden }
      : { mode: "show", names: shown };
  }

  #chosen({ runs: { mode, names }, by }) {
    if (mode === "show") return new Set(names);
    if (mode === "hide") {
      const hidden = new Set(names);
      return new Set(this.#listed.map((run) => run.name).filter((name) => !hidden.has(name)));
    }
    const latest = [...this.#listed].sort(
      (a, b) => (b.last?.wall_time ?? 0) - (a.last?.wall_time ?? 0),
    );
    return new Set(latest.slice(0, by ? GROUPED_AT_FIRST : SHOWN_AT_FIRST).map((run) => run.name));
  }
}

/** The panels that the user chose, else those that tell most about the shown runs: the figure's. */
export function panelsOf(state, shown) {
  if (state.panels) return state.panels;
  const ranks = new Map();
  for (const { run } of shown) {
    for (const [rank, name] of run.tells) ranks.set(name, Math.min(rank, ranks.get(name) ?? rank));
  }
  const found = [...ranks.keys()].sort((a, b) => ranks.get(a) - ranks.get(b)).slice(0, 2);
  const core = Object.keys(QUANTITIES).slice(0, 2);
  return found.every((name) => core.includes(name)) ? core : found;
}

/** An axis that can be drawn: the chosen one, else one that a shown run has. */
export function axisOf(state, shown) {
  const has = (axis) => shown.some(({ run }) => run.axes.includes(axis));
  if (!shown.length || has(state.x)) return state.x;
  return Object.keys(AXES).find(has) ?? state.x;
}
