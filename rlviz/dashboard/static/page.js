/** The page as a whole: assembles its parts and tells each what changes. */

import { fetchForecast, HAS } from "./api.js";
import { readAddress, watchAddress, writeAddress } from "./address.js";
import { element, setText } from "./elements.js";
import { emptyPage } from "./empty.js";
import { frameOfX } from "./frames.js";
import { Grouping, seedsOf } from "./grouping.js";
import { Live } from "./live.js";
import { Panels } from "./panels.js";
import { watchPixels } from "./plot.js";
import { RunList } from "./runlist.js";
import { axisOf, panelsOf, Runs } from "./runs.js";
import { dotsOfEach } from "./scene.js";
import { State } from "./state.js";
import { Store } from "./store.js";
import { Table } from "./table.js";
import { watchTheme } from "./theme.js";
import { Told } from "./told.js";
import { Toolbar } from "./toolbar.js";

const SETTLED = 250;
const GATHERED = 150;

export class Page {
  state = new State(readAddress());
  runs = new Runs();
  told = new Told();
  store = new Store(() => this.#onSeries());
  #grouping = new Grouping();
  #forecasts = new Map();
  #view = null;
  #strong = null;
  #due = 0;
  #writing = 0;
  #gathering = 0;
  #status = element("p", { class: "status", role: "status", hidden: true });
  #spoken = element("p", { class: "hidden-words", "aria-live": "polite" });
  #body = element("div", { class: "body" });
  #reading = element("p", { class: "reading" }, "Reading the runs …");
  #empty = null;

  constructor(root) {
    this.list = new RunList(this);
    this.toolbar = new Toolbar(this);
    this.panels = new Panels(this);
    this.table = new Table(this);
    const keys =
      "Arrow keys left and right walk along the points of a run, up and down go to another run, " +
      "plus and minus zoom, page up and page down move, 0 shows everything, V opens the values as a " +
      "table, F fills the window.";
    const main = element(
      "main",
      { class: "main" },
      this.#status,
      this.panels.node,
      this.table.node,
    );
    this.#body.append(this.list.node, main);
    root.append(
      this.toolbar.node,
      this.#reading,
      this.#body,
      this.#spoken,
      element("p", { class: "hidden-words", id: "rlviz-keys" }, keys),
    );
    this.live = new Live(
      (listing) => this.#onRuns(listing),
      (sentence) => this.#onStatus(sentence),
    );
    this.state.subscribe((_, changed) => this.#onState(changed));
    watchAddress((state) => this.state.set(state));
  }

  /** @param {Promise} listing of the runs, requested while the page was loading. */
  start(listing) {
    watchTheme(() => this.#refresh());
    watchPixels(() => this.redraw());
    this.#refresh();
    this.live.start(listing);
  }

  /** What should be visible, as every part of the page needs it. */
  view() {
    this.#view ??= this.#look();
    return this.#view;
  }

  /** Draw the panels again at the next frame: data came, or the visible part moved. */
  redraw() {
    this.#due ||= window.requestAnimationFrame(() => {
      this.#due = 0;
      this.#view = null;
      this.panels.update();
    });
  }

  /** A series arrived. While others are on their way, not every one is worth a redraw. */
  #onSeries() {
    if (!this.store.isBusy) return this.redraw();
    this.#gathering ||= window.setTimeout(() => {
      this.#gathering = 0;
      this.redraw();
    }, GATHERED);
    return undefined;
  }

  /** A panel changed its size: it may need details in another resolution. */
  resized() {
    this.#want();
    this.redraw();
  }

  /** Show another part; x is {from, to} or {}, height [metric, [low, high]] or null. */
  zoom(x, height) {
    const { heights } = this.state.value;
    this.state.set({ ...x, heights: height ? new Map(heights).set(...height) : heights });
  }

  resetZoom() {
    this.state.set({ from: null, to: null, heights: new Map() });
  }

  movePanel(metric, by) {
    this.panels.move(metric, by);
  }

  /** Whether a panel fills the window: then nothing else can be reached. */
  fill(isFull) {
    for (const { node } of [this.toolbar, this.list, this.table]) node.inert = isFull;
  }

  removePanel(metric) {
    this.state.set({ panels: this.view().panels.filter((name) => name !== metric) });
    this.panels.focus();
  }

  /** The pointer is at a point or at no point. */
  hover(point) {
    this.panels.point(point);
    this.stress(point?.run ?? null);
  }

  /** One run stands out while the user points at it. */
  stress(name) {
    if (this.#strong === name) return;
    this.#strong = name;
    this.list.stress(name);
    this.redraw();
  }

  /** Announce something to users of a screen reader. */
  say(sentence) {
    setText(this.#spoken, sentence);
  }

  #look() {
    const state = this.state.value;
    const { shown, units } = this.#grouping.of(this.runs.shown(state), state, this.told);
    const axis = axisOf(state, shown);
    const panels = panelsOf(state, shown);
    const isFar = HAS.server && state.forecast && axis === "flops" && panels.includes("accuracy");
    const forecasts = isFar ? this.#forecasts : new Map();
    const ends = shown
      .map(({ name }) => forecasts.get(name))
      .filter((forecast) => forecast?.identifiable);
    const known = [...shown.map(({ name }) => name), ...units.map(({ id }) => id)];
    const strong = known.includes(this.#strong) ? this.#strong : null;
    const x = frameOfX(state, axis, shown, ends);
    const { store } = this;
    return { state, shown, units, axis, panels, x, forecasts, strong, store, all: this.runs.all };
  }

  #onRuns(listing) {
    // The first picture comes first, unless it takes the settings to draw it.
    const isDrawn = this.runs.isLoaded && !this.store.isBusy;
    if (!HAS.server || isDrawn || this.state.value.by.startsWith("config:"))
      this.told.look(() => this.#refresh());
    if (!this.runs.take(listing)) {
      if (this.#hasFailed()) this.#want();
      return;
    }
    this.#refresh();
    if (HAS.server && this.state.value.forecast) this.#forecast();
  }

  #hasFailed() {
    const { panels, shown } = this.view();
    return shown.some(({ name }) => panels.some((metric) => this.store.get(name, metric)?.error));
  }

  #onStatus(sentence) {
    this.#status.hidden = !sentence;
    setText(this.#status, sentence ?? "");
    this.toolbar.showLive(sentence === null);
  }

  #onState(changed) {
    window.clearTimeout(this.#writing);
    this.#writing = window.setTimeout(() => writeAddress(this.state.value), SETTLED);
    const moves = ["from", "to", "heights"];
    if ([...changed].every((name) => moves.includes(name))) {
      this.#view = null;
      this.toolbar.update();
      this.#want();
      this.redraw();
    } else {
      this.#refresh();
      if (HAS.server && this.state.value.forecast) this.#forecast();
    }
  }

  /** Bring every part up to date. */
  #refresh() {
    this.#view = null;
    const isEmpty = this.runs.isLoaded && !this.runs.all.length;
    if (isEmpty && !this.#empty) this.#body.before((this.#empty = emptyPage()));
    if (!isEmpty) {
      this.#empty?.remove();
      this.#empty = null;
    }
    this.toolbar.node.classList.toggle("is-empty", isEmpty);
    this.#reading.hidden = this.runs.isLoaded;
    this.#body.hidden = isEmpty || !this.runs.isLoaded;
    this.toolbar.update();
    this.list.update();
    this.panels.arrange();
    this.#want();
    this.redraw();
    this.table.update();
  }

  /** Ask the store for what the panels show. */
  #want() {
    const { state, shown, units, axis, panels, x } = this.view();
    const wanted = [];
    for (const metric of panels) {
      const panel = this.panels.get(metric);
      if (!panel?.size.width) continue;
      for (const { name, run } of shown) {
        if (!run.metrics.includes(metric) || !run.axes.includes(axis)) continue;
        const size = { width: Math.round(panel.size.width), height: Math.round(panel.size.height) };
        wanted.push({
          run: name,
          steps: run.steps,
          version: run.version,
          metric,
          ...size,
          limits: limitsOf(state, metric, x),
        });
      }
    }
    for (const metric of panels) {
      for (const unit of units.filter(({ isGroup }) => isGroup)) {
        const asked = seedsOf(unit, metric, axis);
        if (asked.runs.length) wanted.push({ run: unit.id, metric, limits: null, ...asked });
      }
    }
    const dots = dotsOfEach(shown.length); // even if hidden: the pointer finds them
    this.store.want(wanted, { x: axis, log: state.log, smooth: this.state.smoothing, dots });
  }

  async #forecast() {
    for (const { name, run } of this.view().shown) {
      const known = this.#forecasts.get(name);
      if (known?.version === run.version || !run.has_flops) continue;
      try {
        this.#forecasts.set(name, { ...(await fetchForecast(name)), version: run.version });
      } catch (error) {
        this.#forecasts.set(name, {
          identifiable: false,
          why_not: error.message,
          version: run.version,
        });
      }
      this.redraw();
    }
  }
}

/** The visible part of a panel, in the units of the axes; null if everything is visible. */
function limitsOf(state, metric, x) {
  const heights = state.heights.get(metric);
  if (state.from === null && state.to === null && !heights) return null;
  const [from, to] = state.log ? [10 ** x.left, 10 ** x.right] : [x.left, x.right];
  return { from, to, low: heights ? heights[0] : null, high: heights ? heights[1] : null };
}
