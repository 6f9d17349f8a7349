/** The axes around a plotting area: finds the ticks that fit and their room, and draws them. */

import { visible } from "./elements.js";
import { projection } from "./strokes.js";
import { color, FAMILY } from "./theme.js";
import { linear, logarithmic, percents } from "./ticks.js";

const FONT = `12px ${FAMILY}`;
const TITLE_FONT = `500 12.5px ${FAMILY}`;
// All in CSS pixels.
const [TOP, RIGHT] = [10, 14];
const TITLE = 22;
const MARK = 4;
const GAP = 5; // from a mark to its text
const LINE = 30; // marks and texts below the plotting area
const NARROWEST = 27; // least width of the texts beside it, so that neighboring panels line up
const APART = 8; // between texts below it

/**
 * The axes of a chart.
 * @param {CanvasRenderingContext2D} context in CSS pixels.
 * @param {Object} scene frame, axis, log, logY, scale, xLabel, yLabel.
 * @param {Object} chart {width, height} in CSS pixels, and ratio: device pixels per CSS pixel.
 * @param {number} room on the right of the plotting area, in CSS pixels.
 * @returns {Object} box {left, top, width, height}: the plotting area; x and y: what stands beside
 *     it (ticks, their pixels and texts, the title); pen: the width of lines.
 */
export function axesOf(context, scene, chart, room = 0) {
  const { frame, axis, log, logY, scale, xLabel, yLabel } = scene;
  context.font = FONT;
  const widest = (texts) => Math.max(...texts.map((text) => context.measureText(text).width));
  const height = Math.max(0, chart.height - TOP - LINE - TITLE);
  const up = Math.max(2, Math.floor(height / 36));
  const ticks = logY ? logarithmic : scale === "percent" ? percents : linear;
  const y = logY && scale === "percent" ? inPercent(frame, up) : ticks(frame.low, frame.high, up);
  const left = TITLE + Math.ceil(2 * (MARK + GAP) + Math.max(NARROWEST, widest(y.texts)));
  const width = Math.max(0, chart.width - left - Math.max(RIGHT, room));
  const whole = axis === "step" || axis === "tokens";
  const chosen = (most) =>
    log
      ? logarithmic(frame.left, frame.right, most)
      : linear(frame.left, frame.right, most, { whole });
  const pixels = (places) => (width * places) / (frame.right - frame.left);
  let most = Math.max(2, Math.floor(width / (log ? 80 : 48)));
  let x = chosen(most);
  while (most > 0 && pixels(leastStep(x.at)) < widest(x.texts) + APART) {
    most = Math.floor(0.8 * most);
    x = chosen(most);
  }
  const box = { left, top: TOP, width, height };
  const to = projection(box, frame);
  const pen = Math.max(1, Math.round(chart.ratio)) / chart.ratio;
  const sharp = (at) => Math.round((at - pen / 2) * chart.ratio) / chart.ratio + pen / 2;
  return {
    box,
    pen,
    x: { ...x, pixels: x.at.map((tick) => sharp(to.x(tick))), title: titled(xLabel, x) },
    y: { ...y, pixels: y.at.map((tick) => sharp(to.y(tick))), title: titled(yLabel, y) },
  };
}

/** The ticks of shares on a logarithmic axis. */
function inPercent({ low, high }, most) {
  const found = logarithmic(low + 2, high + 2, most);
  return { ...found, at: found.at.map((place) => place - 2), texts: found.texts.map((t) => `${t}%`) };
}

/** Draw everything except the grid, which lies below the dots. */
export function drawAxes(context, { box, pen, x, y }, chart) {
  const foot = box.top + box.height;
  context.strokeStyle = color("axis");
  context.lineWidth = pen;
  context.beginPath();
  line(context, box.left + pen / 2, box.top, box.left + pen / 2, foot);
  line(context, box.left, foot - pen / 2, box.left + box.width, foot - pen / 2);
  for (const at of x.pixels) line(context, at, foot, at, foot + MARK);
  for (const at of y.pixels) line(context, box.left - MARK, at, box.left, at);
  context.stroke();
  context.fillStyle = color("muted");
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "top";
  x.texts.forEach((text, i) => {
    const half = context.measureText(text).width / 2; // a text at the edge stays whole
    context.fillText(text, Math.min(x.pixels[i], chart.width - half), foot + MARK + GAP);
  });
  context.textAlign = "right";
  context.textBaseline = "middle";
  y.texts.forEach((text, i) => context.fillText(text, box.left - MARK - GAP, y.pixels[i]));
  context.font = TITLE_FONT;
  context.textAlign = "center";
  context.textBaseline = "top";
  context.fillText(x.title, box.left + box.width / 2, foot + LINE, chart.width);
  context.save();
  context.textBaseline = "bottom";
  context.translate(TITLE, box.top + box.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(y.title, 0, 0, chart.height);
  context.restore();
}

function line(context, x, y, toX, toY) {
  context.moveTo(x, y);
  context.lineTo(toX, toY);
}

function leastStep(at) {
  return Math.min(...at.slice(1).map((tick, i) => tick - at[i]));
}

function titled(label, { factor }) {
  return visible(factor ? `${label}   ${factor}` : (label ?? ""));
}
