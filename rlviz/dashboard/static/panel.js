/** One panel: a chart of one metric with its title, tools, caption and values as a table. */

import { element, iconButton, setText } from "./elements.js";
import { frameOfY } from "./frames.js";
import { listen } from "./gestures.js";
import { listenToKeys } from "./keys.js";
import { Motion } from "./motion.js";
import { Plot } from "./plot.js";
import { firstOf, inNextLayer, nearest, nearestInX, neighbor } from "./points.js";
import { Readout, spoken } from "./readout.js";
import { backToFront, layersOf } from "./scene.js";
import { AXES } from "./vocabulary.js"; // the server makes it
import { axisLabel, axisTip, caption, measureTip, message } from "./words.js";
import { valuesTable } from "./values.js";

const NEAR = 8; // pixels

let count = 0;

export class Panel {
  #page;
  #plot;
  #readout;
  #motion;
  #resizing;
  #scene = null;
  #point = null;
  #pending = 0;
  #isPlaced = false;
  #title = element("h2", { id: `rlviz-panel-${(count += 1)}` });
  #legend = element("div", { class: "legend" });
  #caption = element("p", { class: "caption" });
  #message = element("p", { class: "panel-message", hidden: true });
  #values = element("div", { class: "values", hidden: true });
  #chart = element("div", { class: "chart" });
  #header;

  /**
   * @param {string} metric
   * @param {Object} page holds the panels: state, store, view(), hover(…), zoom(…), …
   */
  constructor(metric, page) {
    this.metric = metric;
    this.#page = page;
    this.#header = element(
      "header",
      { class: "panel-header" },
      this.#title,
      this.#legend,
      this.#tools(),
    );
    this.node = element(
      "section",
      { class: "panel", "aria-labelledby": this.#title.id },
      this.#header,
      this.#chart,
      this.#caption,
      this.#values,
    );
    this.#plot = new Plot(this.#chart, () => this.#repoint());
    this.#readout = new Readout(this.#plot);
    this.#motion = new Motion(metric, page, this.#plot);
    this.#plot.over.append(this.#message);
    this.#setUpChart();
    this.#resizing = new ResizeObserver(() => this.#resize());
    this.#resizing.observe(this.#chart);
  }

  get header() {
    return this.#header;
  }

  get canvas() {
    return this.#plot.canvas;
  }

  get title() {
    return this.#title.textContent;
  }

  /** The size of the plotting area; 0 × 0 before the panel is in the page. */
  get size() {
    return this.#isPlaced ? this.#plot.size : { width: 0, height: 0 };
  }

  get frame() {
    return this.#plot.frame;
  }

  /** Draw the page's current data. */
  update() {
    const view = this.#page.view();
    const { state, axis, x, shown, store } = view;
    const layers = layersOf({ ...view, metric: this.metric });
    const data = shown.map(({ name }) => store.get(name, this.metric)).find((s) => s?.whole)?.whole;
    const scale = data?.scale ?? (this.metric.startsWith("accuracy") ? "percent" : "number");
    const y = this.#motion.held ?? frameOfY(state.heights.get(this.metric), layers, scale, x);
    const label = axisLabel(this.metric, shown, data?.label);
    this.#scene = {
      layers,
      drawn: backToFront(layers, view.strong),
      frame: { ...x, ...y },
      axis,
      log: state.log,
      scale,
      label,
      xLabel: data?.x_label ?? AXES[axis].label,
      yLabel: label,
    };
    this.#plot.show(this.#scene);
    setText(this.#title, label);
    this.#title.title = measureTip(this.metric, shown);
    setText(this.#caption, caption(this.metric, view, layers));
    this.#plot.under.title = axisTip(axis, shown);
    this.#showMessage(message(this.metric, view));
    this.#showLegend(layers, state);
    const runs = `${shown.length} ${shown.length === 1 ? "run" : "runs"}`;
    this.#chart.setAttribute("aria-label", `${label} over ${AXES[axis].label}, ${runs}.`);
    if (!this.#values.hidden) this.#showValues();
  }

  /** Show the point that the pointer is at in any panel, or nothing. */
  point(hover) {
    this.#point = hover;
    this.#repoint();
  }

  destroy() {
    this.#resizing.disconnect();
    window.clearTimeout(this.#pending);
    this.#plot.destroy();
    this.node.remove();
  }

  #repoint() {
    const hover = this.#point;
    if (!hover || !this.#scene) return this.#readout.hide();
    const { layers } = this.#scene;
    if (hover.panel === this && hover.found)
      return this.#readout.show(this.#current(hover.found), this.#scene, true);
    const layer = layers.find(({ name }) => name === hover.run);
    const found = layer && nearestInX(layer, hover.place);
    if (!found) return this.#readout.showPlace(hover.place);
    // Panels may show different steps of a long run: the nearest one, if near, names its step.
    const pixels = (place) => this.#plot.pixelOf(place, 0).left;
    const isNear = Math.abs(pixels(found.data.place[found.index]) - pixels(hover.place)) <= NEAR;
    if (!isNear) return this.#readout.showPlace(hover.place);
    return this.#readout.show(found, this.#scene, false);
  }

  /** The same point in the layers of the current scene. */
  #current(found) {
    const layer = this.#scene.layers.find(({ name }) => name === found.layer.name);
    return layer ? { ...found, layer } : found;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#chart;
    if (!clientWidth || !clientHeight) return;
    this.#isPlaced = true;
    this.#plot.resize(clientWidth, clientHeight);
    this.#page.resized();
  }

  #setUpChart() {
    this.#chart.tabIndex = 0;
    this.#chart.setAttribute("role", "application");
    this.#chart.setAttribute("aria-roledescription", "chart");
    this.#chart.setAttribute("aria-describedby", "rlviz-keys");
    this.#chart.addEventListener("blur", () => this.#page.hover(null));
    const common = {
      leave: () => this.#page.hover(null),
      reset: () => this.#page.resetZoom(),
      scale: (factor, share) => this.#motion.scale(factor, share),
    };
    listen(this.#plot.over, {
      ...common,
      move: (left, top) => this.#hover(nearest(this.#scene?.layers ?? [], this.#plot, left, top)),
      zoom: (part) => this.#motion.into(part),
      panStart: () => this.#motion.begin(),
      pan: (across, up) => this.#motion.pan(across, up),
      panEnd: () => this.#motion.end(),
    });
    listenToKeys(this.#chart, {
      ...common,
      shift: (by) => this.#motion.shift(by),
      walk: (by) => this.#scene && this.#walk(by),
      walkRuns: (by) => this.#scene && this.#walkRuns(by),
    });
  }

  #hover(found, aloud = false) {
    if (!found) return this.#page.hover(null);
    const place = found.data.place[found.index];
    this.#page.hover({ panel: this, run: found.layer.name, place, found });
    if (aloud) this.#page.say(spoken(found, this.#scene));
    return undefined;
  }

  #walk(by) {
    const { layers, frame } = this.#scene;
    const isHere = this.#point?.panel === this && this.#point.found;
    if (isHere) return this.#hover(neighbor(this.#current(isHere), by), true);
    const first = firstOf(layers, frame.left);
    return first && this.#hover(neighbor(first, Math.max(0, by - 1)), true);
  }

  #walkRuns(by) {
    const { layers, frame } = this.#scene;
    const place = this.#point?.place ?? frame.left;
    this.#hover(inNextLayer(layers, this.#point?.run, place, by), true);
  }

  #tools() {
    const move = (by) => () => this.#page.movePanel(this.metric, by);
    const values = iconButton(
      "table",
      "Values as a table",
      () => {
        this.#values.hidden = !this.#values.hidden;
        values.setAttribute("aria-expanded", String(!this.#values.hidden));
        if (!this.#values.hidden) this.#showValues();
      },
      { "aria-expanded": "false" },
    );
    return element(
      "div",
      { class: "panel-tools" },
      values,
      iconButton("left", "Move this panel back", move(-1)),
      iconButton("right", "Move this panel on", move(1)),
      iconButton("close", "Remove this panel", () => this.#page.removePanel(this.metric)),
    );
  }

  #showMessage(text) {
    this.#message.hidden = !text;
    setText(this.#message, text);
  }

  #showLegend(layers, { dots, smooth }) {
    const wanted = layers.length === 1 ? `${dots} ${smooth} ${layers[0].paint.dots}` : "";
    if (this.#legend.dataset.shown === wanted) return;
    this.#legend.dataset.shown = wanted;
    this.#legend.replaceChildren();
    if (!wanted) return;
    const { paint } = layers[0];
    const entry = (kind, color, text) =>
      element(
        "span",
        { class: "legend-entry" },
        element("span", { class: kind, style: { "--run": color } }),
        text,
      );
    if (dots) this.#legend.append(entry("key", paint.dots, "each step"));
    if (smooth !== "none") this.#legend.append(entry("stroke", paint.curve, "smoothed"));
  }

  #showValues() {
    window.clearTimeout(this.#pending);
    this.#values.setAttribute("aria-busy", "true");
    this.#pending = window.setTimeout(() => {
      if (this.#scene) this.#values.replaceChildren(valuesTable(this.#scene));
      this.#values.setAttribute("aria-busy", "false");
    }, 150);
  }
}
