/** One panel: a chart of one metric with its title, tools, caption and values as a table. */

import { element, setText, visible } from "./elements.js";
import { frameOfY } from "./frames.js";
import { listen } from "./gestures.js";
import { listenToKeys } from "./keys.js";
import { Limits } from "./limits.js";
import { Motion } from "./motion.js";
import { PanelHead } from "./panelhead.js";
import { Plot } from "./plot.js";
import { firstOf, inNextLayer, nearest, nearestInX, neighbor } from "./points.js";
import { Readout, spoken } from "./readout.js";
import { backToFront, layersOf } from "./scene.js";
import { AXES } from "./vocabulary.js"; // the server makes it
import { axisLabel, axisTip, caption, measureTip, message } from "./words.js";
import { Values } from "./values.js";

const NEAR = 8; // pixels

export class Panel {
  #page;
  #plot;
  #readout;
  #motion;
  #resizing;
  #scene = null;
  #point = null;
  #isPlaced = false;
  #pointer = null; // where it is, as a share of the width; null if it is not in the chart
  #gone = new AbortController();
  #caption = element("p", { class: "caption" });
  #message = element("p", { class: "panel-message", hidden: true });
  #values = new Values((isOpen, byEscape) => {
    this.#head.showValues(isOpen);
    if (byEscape) this.#chart.focus();
  });
  #chart = element("div", { class: "chart" });
  #limits;
  #head;

  /**
   * @param {string} metric
   * @param {Object} page holds the panels: state, store, view(), hover(…), zoom(…), …
   */
  constructor(metric, page) {
    this.metric = metric;
    this.#page = page;
    this.#limits = new Limits(metric, page);
    this.#head = new PanelHead({
      values: () => this.#values.toggle(),
      limits: () => this.#limits.toggle(),
      fill: () => this.#fill(),
      move: (by) => page.movePanel(metric, by),
      remove: () => page.removePanel(metric),
    });
    this.node = element(
      "section",
      { class: "panel", "aria-labelledby": this.#head.titleId },
      this.#head.node,
      this.#limits.node,
      this.#chart,
      this.#caption,
      this.#values.node,
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
    return this.#head.node;
  }

  get canvas() {
    return this.#plot.canvas;
  }

  get title() {
    return this.#head.title;
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
    const wholes = shown.map(({ name }) => store.get(name, this.metric)?.whole).filter(Boolean);
    const data = wholes[0];
    const scale = data?.scale ?? (this.metric.startsWith("accuracy") ? "percent" : "number");
    const logY = state.logs.includes(this.metric);
    const hasMost = wholes.length && wholes.every((whole) => (whole.most ?? null) !== null);
    const most = hasMost ? data.most : null;
    const y =
      this.#motion.held ?? frameOfY(state.heights.get(this.metric), layers, scale, x, logY, most);
    const label = axisLabel(this.metric, shown, data?.label);
    this.#scene = {
      layers,
      drawn: backToFront(layers, view.strong),
      names: state.names,
      frame: { ...x, ...y },
      axis,
      log: state.log,
      logY,
      scale,
      label,
      xLabel: data?.x_label ?? AXES[axis].label,
      yLabel: label,
    };
    this.#plot.show(this.#scene);
    this.#head.update(label, layers, state, measureTip(this.metric, shown));
    this.#limits.update(this.#scene);
    this.#values.update(this.#scene);
    setText(this.#caption, caption(this.metric, view, layers));
    this.#plot.under.title = visible(axisTip(axis, shown));
    this.#showMessage(message(this.metric, view));
    const runs = `${shown.length} ${shown.length === 1 ? "run" : "runs"}`;
    const told = visible(`${label} over ${AXES[axis].label}, ${runs}.`);
    this.#chart.setAttribute("aria-label", told);
  }

  /** Show the point that the pointer is at in any panel, or nothing. */
  point(hover) {
    this.#point = hover;
    this.#repoint();
  }

  /** Fill the window, or stand among the others; `isAside` while another fills it. */
  show({ isFull, isAside }) {
    this.node.classList.toggle("is-full", isFull);
    this.node.inert = isAside;
    this.#head.showFull(isFull);
  }

  destroy() {
    this.#gone.abort();
    this.#resizing.disconnect();
    this.#values.stop();
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
      leave: () => {
        this.#pointer = null;
        this.#page.hover(null);
      },
      reset: () => this.#page.resetZoom(),
      scale: (factor, share) => this.#motion.scale(factor, share),
    };
    listen(this.#plot.over, {
      ...common,
      move: (left, top) => {
        this.#pointer = left / this.#plot.size.width;
        this.#hover(nearest(this.#scene?.layers ?? [], this.#plot, left, top));
      },
      zoom: (part) => this.#motion.into(part),
      panStart: () => this.#motion.begin(),
      pan: (across, up) => this.#motion.pan(across, up),
      panEnd: () => this.#motion.end(),
    });
    const onKeys = {
      ...common,
      leave: () => (this.#isFull ? this.#fill() : common.leave()),
      share: () => this.#share(),
      values: () => this.#values.toggle(),
      fill: () => this.#fill(),
      shift: (by) => this.#motion.shift(by),
      walk: (by) => this.#scene && this.#walk(by),
      walkRuns: (by) => this.#scene && this.#walkRuns(by),
    };
    listenToKeys(this.#chart, onKeys, this.#gone.signal);
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && event.target !== this.#chart && this.#isFull) this.#fill();
    });
  }

  get #isFull() {
    return this.#page.state.value.full === this.metric;
  }

  #fill() {
    this.#page.state.set({ full: this.#isFull ? null : this.metric });
  }

  /** Where to zoom, as a share of the width: the pointer, else the point, else the middle. */
  #share() {
    const place = this.#point?.place;
    const at = place === undefined ? null : this.#plot.pixelOf(place, 0).left / this.#plot.size.width;
    const share = this.#pointer ?? at ?? 0.5;
    return share >= 0 && share <= 1 ? share : 0.5;
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

  #showMessage(text) {
    this.#message.hidden = !text;
    setText(this.#message, text);
  }
}
