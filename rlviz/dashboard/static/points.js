/** Finds the point that is meant: under the pointer, at the same place in another panel, the next. */

import { firstFrom } from "./frames.js";

const AROUND = 16; // pixels

/**
 * The dot nearest to a pixel, of those near it, else the nearest in x; null without dots.
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
          const weight = reach === Infinity ? 0.01 : 1; // far away the nearest in x is meant
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

/** The dot some steps further on in a layer. */
export function neighbor(layer, found, by) {
  const parts = partsOf(layer);
  const at = parts.findIndex((part) => part.data === found.data);
  let [k, index] = [at, found.index + by];
  if (at < 0) return found;
  while (index >= parts[k].end && k + 1 < parts.length) {
    index = parts[k + 1].begin + (index - parts[k].end);
    k += 1;
  }
  while (index < parts[k].begin && k > 0) {
    index = parts[k - 1].end - (parts[k].begin - index);
    k -= 1;
  }
  return { layer, data: parts[k].data, index: Math.min(parts[k].end - 1, Math.max(parts[k].begin, index)) };
}

/** The value of a layer's curve at a place, between its points; NaN where it has none. */
export function curveAt(layer, place) {
  for (const line of layer.curves) {
    const found = between(line.place, line.y, place);
    if (Number.isFinite(found)) return found;
  }
  return NaN;
}

/** Linear between points, NaN outside of them. */
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
