/** One chart: a canvas with axes, dots, curves and bands, and the area that the pointer is over. */

import { axesOf, drawAxes } from "./axes.js";
import { Bitmap } from "./dots.js";
import { element } from "./elements.js";
import { drawEnds, roomOf } from "./ends.js";
import { band, curve, projection, resumed } from "./strokes.js";
import { color } from "./theme.js";

/** Call a listener each time the size of a pixel changes: at a zoom, or on another screen. */
export function watchPixels(listener) {
  const onChange = () => {
    listener();
    watchPixels(listener);
  };
  window
    .matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`)
    .addEventListener("change", onChange, { once: true });
}

const RIM = 4; // pixels around the plotting area: a dot on its edge is whole
const PEN = 1.5; // and so is a curve

export class Plot {
  canvas = element("canvas");
  /** The element over the plotting area, for the pointer. */
  over = element("div", { class: "plot-area" });
  /** The element over the label of the axis below, for its tooltip. */
  under = element("div", { class: "axis-label" });
  #context = this.canvas.getContext("2d");
  #bitmap = new Bitmap();
  #scene = { drawn: [], layers: [], frame: { left: 0, right: 1, low: 0, high: 1 }, scale: "number" };
  #chart = { width: 0, height: 0, ratio: 1 };
  #axes = axesOf(this.#context, this.#scene, this.#chart);
  #due = 0;
  #onPainted;

  /**
   * @param {HTMLElement} root
   * @param {Function} onPainted called after each drawing.
   */
  constructor(root, onPainted) {
    this.#onPainted = onPainted;
    root.append(this.canvas, this.over, this.under);
  }

  get frame() {
    return this.#scene.frame;
  }

  /** The size of the plotting area, in CSS pixels, as last drawn. */
  get size() {
    return this.#axes.box;
  }

  resize(width, height) {
    if (this.#chart.width === width && this.#chart.height === height) return;
    this.#chart = { ...this.#chart, width, height };
    this.#draw(); // at once: a resized canvas is empty
  }

  /**
   * Draw another scene at the next frame.
   * @param {Object} scene drawn: layers from back to front; frame {left, right, low, high} in
   *     places; axis, log, scale, xLabel, yLabel.
   */
  show(scene) {
    this.#scene = scene;
    this.#due ||= window.requestAnimationFrame(() => this.#draw());
  }

  /** The place under a pixel of the plotting area, and the inverse. */
  placeAt(left, top) {
    const { frame } = this.#scene;
    const { width, height } = this.size;
    return {
      place: frame.left + (left / width) * (frame.right - frame.left),
      y: frame.high - (top / height) * (frame.high - frame.low),
    };
  }

  pixelOf(place, y) {
    const to = projection({ ...this.size, left: 0, top: 0 }, this.#scene.frame);
    return { left: to.x(place), top: to.y(y) };
  }

  destroy() {
    window.cancelAnimationFrame(this.#due);
  }

  #draw() {
    window.cancelAnimationFrame(this.#due);
    this.#due = 0;
    const context = this.#context;
    this.#prepare();
    const room = roomOf(context, this.#scene, this.#chart);
    this.#axes = axesOf(context, this.#scene, this.#chart, room);
    const { box } = this.#axes;
    for (const [name, length] of Object.entries(box)) this.over.style[name] = `${length}px`;
    if (!(box.width > 0 && box.height > 0)) return;
    this.#drawDots();
    context.save();
    context.beginPath();
    context.rect(box.left - PEN, box.top - PEN, box.width + 2 * PEN, box.height + 2 * PEN);
    context.clip();
    this.#drawCurves();
    context.restore();
    drawAxes(context, this.#axes, this.#chart);
    drawEnds(context, this.#scene, projection(box, this.#scene.frame), box, room);
    this.#onPainted();
  }

  /** An empty canvas of the chart's size, whose units are CSS pixels. */
  #prepare() {
    const { canvas } = this;
    const { width, height } = this.#chart;
    const ratio = window.devicePixelRatio;
    this.#chart.ratio = ratio;
    const [across, up] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== up) {
      Object.assign(canvas, { width: across, height: up });
      Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, width, height);
  }

  /** Grid and dots, in device pixels. */
  #drawDots() {
    const { drawn, frame } = this.#scene;
    const { box, pen, x, y } = this.#axes;
    const { ratio } = this.#chart;
    const [left, top, width, height] = [box.left, box.top, box.width, box.height].map((length) =>
      Math.round(length * ratio),
    );
    const columns = x.pixels.map((at) => at * ratio - left);
    const rows = y.pixels.map((at) => at * ratio - top);
    const rim = Math.ceil(RIM * ratio);
    this.#bitmap.clear(this.#context, width + 2 * rim, height + 2 * rim, color("panel"));
    this.#bitmap.lines(columns, rows, rim, Math.round(pen * ratio), color("grid"));
    for (const layer of drawn) {
      for (const { place, y: values, begin, end } of layer.dots) {
        const { radius, paint, dotOpacity } = layer;
        const look = [radius * ratio, paint.dots, dotOpacity];
        this.#bitmap.dots(place, values, begin, end, frame, rim, ...look);
      }
    }
    this.#bitmap.put(this.#context, left - rim, top - rim);
  }

  #drawCurves() {
    const { drawn: layers, frame } = this.#scene;
    const { box } = this.#axes;
    const context = this.#context;
    const to = projection(box, frame);
    for (const { resumes, paint } of layers) {
      for (const place of resumes) resumed(context, to, box, place, paint.key, layers.length <= 4);
    }
    for (const { curves, paint, bandOpacity } of layers) {
      for (const { place, low, high } of curves) {
        if (low && bandOpacity) band(context, to, place, low, high, paint.curve, bandOpacity);
      }
    }
    for (const { curves, forecast, paint, opacity, width } of layers) {
      const style = { color: paint.curve, width, dash: paint.dash, opacity };
      for (const { place, y } of curves) curve(context, to, place, y, style);
      if (forecast) {
        band(context, to, forecast.place, forecast.low, forecast.high, paint.curve, 0.08);
        curve(context, to, forecast.place, forecast.y, { ...style, dash: [3, 2.5] });
      }
    }
  }
}
