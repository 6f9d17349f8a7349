/** Draws what lies over the dots: bands, curves, forecasts, and where sessions resumed. */

import { faded } from "./palette.js";

/** Functions that map place and y to the pixels of a box. */
export function projection(box, frame) {
  const across = box.width / (frame.right - frame.left);
  const up = box.height / (frame.high - frame.low);
  return {
    x: (place) => box.left + (place - frame.left) * across,
    y: (y) => box.top + (frame.high - y) * up,
  };
}

/** A line through points; gaps stay open. */
export function curve(context, to, places, y, style) {
  context.strokeStyle = style.color;
  context.lineWidth = style.width;
  context.globalAlpha = style.opacity ?? 1;
  context.setLineDash(style.dash.map((length) => length * style.width));
  context.lineJoin = "round";
  context.lineCap = style.dash.length ? "butt" : "round";
  context.beginPath();
  let isDrawing = false;
  for (let i = 0; i < places.length; i += 1) {
    if (!Number.isFinite(y[i])) {
      isDrawing = false;
      continue;
    }
    if (isDrawing) context.lineTo(to.x(places[i]), to.y(y[i]));
    else context.moveTo(to.x(places[i]), to.y(y[i]));
    isDrawing = true;
  }
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** The area between two lines, in pieces if they have gaps. */
export function band(context, to, places, low, high, color, opacity) {
  context.fillStyle = faded(color, opacity);
  for (let begin = 0; begin < places.length;) {
    let end = begin;
    while (end < places.length && Number.isFinite(low[end]) && Number.isFinite(high[end])) end += 1;
    if (end > begin + 1) {
      context.beginPath();
      for (let i = begin; i < end; i += 1) context.lineTo(to.x(places[i]), to.y(high[i]));
      for (let i = end - 1; i >= begin; i -= 1) context.lineTo(to.x(places[i]), to.y(low[i]));
      context.closePath();
      context.fill();
    }
    begin = end + 1;
  }
}

/** Where a session resumed: a thin line, and a flag at the foot of the panel. */
export function resumed(context, to, box, place, color, withLine) {
  const x = Math.round(to.x(place)) + 0.5;
  const foot = box.top + box.height;
  if (withLine) {
    context.strokeStyle = faded(color, 0.45);
    context.lineWidth = 1;
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, box.top);
    context.lineTo(x, foot);
    context.stroke();
    context.setLineDash([]);
  }
  context.fillStyle = color;
  context.beginPath();
  context.moveTo(x - 4, foot);
  context.lineTo(x + 4, foot);
  context.lineTo(x, foot - 7);
  context.closePath();
  context.fill();
}
