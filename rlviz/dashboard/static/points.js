/** Finds the point that the user means: under the pointer, the same in another panel, the next. */

import { firstFrom } from "./frames.js";

const AROUND = 16; // pixels

/**
 * The dot nearest to a pixel if any is near, else the nearest in x; null without dots.
 * @returns {{layer, data, index}|null}
 */
export function nearest(layers, plot, left, top) {
  let best = null;
  for (const reach of [AROUND, Infinity]) {
    for (const layer of layers) {
      for (const part of partsOf(layer)) {
        const [begin, end] = around(part, plot, left, reach);
        for (let i = begin; i < end; i += 1) {
          const at = plot.pixelOf(part.place[i], part.y[i]);
          const weight = reach === Infinity ? 0.01 : 1; // far away, the user means the nearest in x
          const away = (at.left - left) ** 2 + weight * (at.top - top) ** 2;
          if (away > reach ** 2) continue;
          if (!best || away < best.away) best = { layer, data: part.data, index: i, away };
        }
      }
    }
    if (best) return best;
  }
  return null;
}

function around(part, plot, left, reach) {
  if (reach !== Infinity) {
    const [low, high] = [plot.placeAt(left - reach, 0).place, plot.placeAt(left + reach, 0).place];
    return [
      Math.max(part.begin, firstFrom(part.place, low)),
      Math.min(part.end, firstFrom(part.place, high)),
    ];
  }
  const next = firstFrom(part.place, plot.placeAt(left, 0).place);
  return [Math.max(part.begin, next - 1), Math.min(part.end, next + 1)];
}

/** The dot of a layer nearest to a place; null without dots. */
export function nearestInX(layer, place) {
  let best = null;
  for (const part of partsOf(layer)) {
    const next = firstFrom(part.place, place);
    for (const i of [next - 1, next]) {
      if (i < part.begin || i >= part.end) continue;
      const away = Math.abs(part.place[i] - place);
      if (!best || away < best.away) best = { layer, data: part.data, index: i, away };
    }
  }
  return best;
}

/** The dot some steps further on in the same run. */
export function neighbor({ layer, data, index }, by) {
  const parts = partsOf(layer);
  let at = parts.findIndex((part) => part.data === data);
  if (at < 0) return nearestInX(layer, data.place[index]); // its data were fetched again
  let next = index + by;
  while (next >= parts[at].end && at + 1 < parts.length) {
    next = parts[at + 1].begin + (next - parts[at].end);
    at += 1;
  }
  while (next < parts[at].begin && at > 0) {
    next = parts[at - 1].end - (parts[at].begin - next);
    at -= 1;
  }
  const { begin, end } = parts[at];
  return { layer, data: parts[at].data, index: Math.min(end - 1, Math.max(begin, next)) };
}

/** The dot nearest to a place, in the first layer with dots; null if no layer has any. */
export function firstOf(layers, place) {
  const first = layers.find((layer) => nearestInX(layer, place));
  return first ? nearestInX(first, place) : null;
}

/** The dot nearest to a place, in the layer before or after a run's layer; null without dots. */
export function inNextLayer(layers, run, place, by) {
  const some = layers.filter((layer) => nearestInX(layer, place));
  if (!some.length) return null;
  const at = some.findIndex(({ name }) => name === run);
  return nearestInX(some[(at + by + some.length) % some.length], place);
}

/** The value of a layer's curve at a place, interpolated; NaN where the curve has none. */
export function curveAt(layer, place) {
  for (const line of layer.curves) {
    const found = between(line.place, line.y, place);
    if (Number.isFinite(found)) return found;
  }
  return NaN;
}

/** Linear interpolation between points, NaN outside. */
export function between(places, y, place) {
  const last = places.length - 1;
  if (last < 0 || !(place >= places[0] && place <= places[last])) return NaN;
  const next = Math.max(1, firstFrom(places, place));
  if (last === 0) return y[0];
  const share = (place - places[next - 1]) / (places[next] - places[next - 1]);
  return y[next - 1] + (Number.isFinite(share) ? share : 0) * (y[next] - y[next - 1]);
}

function partsOf(layer) {
  return layer.dots.length ? layer.dots : layer.hidden;
}
