/** One chart: uPlot's frame and axes around our own picture of dots, curves and bands. */

import uPlot from "./uplot.js";
import { Bitmap } from "./dots.js";
import { band, curve, projection, resumed } from "./strokes.js";
import { color } from "./theme.js";
import { linear, logarithmic, percents } from "./ticks.js";

const FONT =
  '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';
const TITLE_FONT = FONT.replace("12px", "500 12.5px");
const NO_TICKS = { at: [], texts: [], factor: "" };

export class Plot {
  #u;
  #bitmap = new Bitmap();
  #ticks = { x: NO_TICKS, y: NO_TICKS };
  #scene = { drawn: [], frame: { left: 0, right: 1, low: 0, high: 1 }, scale: "number" };
  #size = { width: 0, height: 0 };
  #due = 0;
  #onPainted;

  /**
   * @param {HTMLElement} root
   * @param {Function} onPainted called after each picture.
   */
  constructor(root, onPainted) {
    this.#onPainted = onPainted;
    this.#u = new uPlot(
      this.#options(),
      [
        [0, 1],
        [null, null],
      ],
      root,
    );
    this.#measure();
  }

  /** The element over the plotting area, for the pointer. */
  get over() {
    return this.#u.over;
  }

  get canvas() {
    return this.#u.ctx.canvas;
  }

  get frame() {
    return this.#scene.frame;
  }

  /** Of the plotting area, in CSS pixels, as it was drawn last. */
  get size() {
    return this.#size;
  }

  resize(width, height) {
    if (this.#u.width === width && this.#u.height === height) return;
    this.#u.batch(() => this.#u.setSize({ width, height })); // now, and not after this task
    this.#measure();
  }

  /**
   * Draw another scene at the next frame.
   * @param {Object} scene drawn: layers from back to front, frame {left, right, low, high} in
   *     places, axis, log, scale, xLabel, yLabel.
   */
  show(scene) {
    this.#scene = scene;
    this.#due ||= window.requestAnimationFrame(() => this.#draw());
  }

  /** Places under a pixel of the plotting area, and the inverse. */
  placeAt(left, top) {
    const { frame } = this.#scene;
    const { width, height } = this.size;
    return {
      place: frame.left + (left / width) * (frame.right - frame.left),
      y: frame.high - (top / height) * (frame.high - frame.low),
    };
  }

  pixelOf(place, y) {
    const { width, height } = this.size;
    const to = projection({ left: 0, top: 0, width, height }, this.#scene.frame);
    return { left: to.x(place), top: to.y(y) };
  }

  destroy() {
    window.cancelAnimationFrame(this.#due);
    this.#u.destroy();
  }

  #measure() {
    this.#size = { width: this.#u.over.clientWidth, height: this.#u.over.clientHeight };
  }

  #draw() {
    this.#due = 0;
    const { frame, log, axis, scale } = this.#scene;
    const { width, height } = this.#size;
    const across = Math.max(2, Math.floor(width / (log ? 80 : 48)));
    const up = Math.max(2, Math.floor(height / 36));
    const whole = axis === "step" || axis === "tokens";
    this.#ticks = {
      x: log
        ? logarithmic(frame.left, frame.right, across)
        : linear(frame.left, frame.right, across, { whole }),
      y: (scale === "percent" ? percents : linear)(frame.low, frame.high, up),
    };
    this.#u.batch(() => {
      for (const which of ["x", "y"]) this.#u.setScale(which, { min: 0, max: 1 });
      this.#u.redraw(false, true);
    });
    this.#onPainted();
  }

  /** Where the ticks of an axis stand, as shares of its length. */
  #shares(which) {
    const { left, right, low, high } = this.#scene.frame;
    const [begin, end] = which === "x" ? [left, right] : [low, high];
    return this.#ticks[which].at.map((tick) => (tick - begin) / (end - begin));
  }

  #options() {
    const axis = (which, more) => ({
      scale: which,
      incrs: [0.1], // ticks are ours; uPlot only has to find some
      space: 1,
      font: FONT,
      labelFont: TITLE_FONT,
      stroke: () => color("muted"),
      grid: { show: false },
      ticks: { show: true, size: 4, width: 1, stroke: () => color("axis") },
      filter: (_, splits) => splits,
      splits: () => this.#shares(which),
      values: () => this.#ticks[which].texts,
      ...more,
    });
    return {
      width: 400,
      height: 300,
      padding: [10, 14, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        // Shares of the plotting area: what they stand for is the frame's.
        x: { time: false, auto: false, range: () => [0, 1] },
        y: { auto: false, range: () => [0, 1] },
      },
      series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
      axes: [
        axis("x", {
          size: 30,
          labelSize: 22,
          label: () => titled(this.#scene.xLabel, this.#ticks.x),
        }),
        axis("y", {
          size: (_, texts) => 18 + 6.8 * Math.max(4, ...(texts ?? []).map((text) => text.length)),
          labelSize: 22,
          label: () => titled(this.#scene.yLabel, this.#ticks.y),
        }),
      ],
      hooks: { drawAxes: [() => this.#paint()] },
    };
  }

  #paint() {
    const u = this.#u;
    const { drawn: layers, frame } = this.#scene;
    const box = u.bbox;
    if (!(box.width > 0 && box.height > 0)) return;
    const ratio = u.ctx.canvas.width / u.width;
    this.#size = { width: box.width / ratio, height: box.height / ratio };
    const to = projection(box, frame);
    this.#bitmap.clear(u.ctx, Math.round(box.width), Math.round(box.height), color("panel"));
    const columns = this.#ticks.x.at.map((tick) => to.x(tick) - box.left);
    const rows = this.#ticks.y.at.map((tick) => to.y(tick) - box.top);
    this.#bitmap.lines(columns, rows, Math.max(1, Math.round(ratio)), color("grid"));
    for (const layer of layers) {
      for (const { place, y, begin, end } of layer.dots) {
        const radius = layer.radius * ratio;
        this.#bitmap.dots(place, y, begin, end, frame, radius, layer.paint.dots, layer.dotOpacity);
      }
    }
    this.#bitmap.put(u.ctx, Math.round(box.left), Math.round(box.top));
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(box.left, box.top, box.width, box.height);
    u.ctx.clip();
    this.#strokes(to, box, ratio);
    u.ctx.restore();
    u.ctx.strokeStyle = color("axis");
    u.ctx.lineWidth = ratio;
    u.ctx.beginPath();
    u.ctx.moveTo(box.left + 0.5, box.top);
    u.ctx.lineTo(box.left + 0.5, box.top + box.height - 0.5);
    u.ctx.lineTo(box.left + box.width, box.top + box.height - 0.5);
    u.ctx.stroke();
  }

  #strokes(to, box, ratio) {
    const { drawn: layers } = this.#scene;
    const { ctx } = this.#u;
    for (const { resumes, paint } of layers) {
      for (const place of resumes)
        resumed(ctx, to, box, place, paint.key, ratio, layers.length <= 4);
    }
    for (const { curves, paint, bandOpacity } of layers) {
      for (const { place, low, high } of curves) {
        if (low && bandOpacity) band(ctx, to, place, low, high, paint.curve, bandOpacity);
      }
    }
    for (const { curves, forecast, paint, opacity, width } of layers) {
      const style = { color: paint.curve, width: width * ratio, dash: paint.dash, opacity };
      for (const { place, y } of curves) curve(ctx, to, place, y, style);
      if (forecast) {
        band(ctx, to, forecast.place, forecast.low, forecast.high, paint.curve, 0.08);
        curve(ctx, to, forecast.place, forecast.y, { ...style, dash: [3, 2.5] });
      }
    }
  }
}

function titled(label, { factor }) {
  return factor ? `${label}   ${factor}` : (label ?? "");
}
