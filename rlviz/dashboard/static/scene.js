/** What a panel draws: the dots, curve and band of each shown run, within the visible part. */

import { firstFrom, toPlace } from "./frames.js";
import { behind, groupLayer } from "./groups.js";

const FEW_BANDS = 4;
export const MANY_BANDS = 8;
const DOTS_OF_A_PANEL = 30_000;
const MOST_DOTS = 20_000;
const LOWEST = -400; // decades: below any float, where a band that reaches 0 ends

/** How many dots to request for each of several runs in a panel. */
export function dotsOfEach(runs) {
  return Math.min(MOST_DOTS, Math.max(1000, Math.floor(DOTS_OF_A_PANEL / Math.max(1, runs))));
}

/**
 * The layers of a panel, one for each shown run, in the order of the runs, then one for each group.
 * @param {Object} view {metric, state, axis, shown, units, store, x: {left, right}, forecasts,
 *     strong: the name of the run that the user points at, the id of a group, or null}.
 */
export function layersOf(view) {
  const { metric, state, axis, shown, units, store, x, forecasts, strong } = view;
  const radius = radiusOf(shown, metric, store, x);
  const logY = state.logs.includes(metric);
  const layers = [];
  for (const { name, run, paint, unit } of shown) {
    const series = store.get(name, metric);
    const isFaint = strong !== null && strong !== name && strong !== unit.id;
    const { dots, curves: known } = scaled(partsOf(series, x), logY);
    const curves = state.smooth === "none" ? [] : known;
    const areDots = state.dots || !curves.some(({ place }) => place.length > 1); // else nothing is
    const layer = {
      name,
      paint,
      radius,
      dots: areDots ? dots : [],
      hidden: areDots ? [] : dots,
      curves,
      forecast: forecastOf(forecasts.get(name), metric, axis, state.log, logY),
      resumes: resumesOf(run, axis, state.log),
      width: shown.length === 1 ? 2.5 : strong === name ? 2.75 : 1.9,
      opacity: isFaint ? 0.4 : 1,
      dotOpacity: dotOpacity(shown.length, state.smooth === "none", radius) * (isFaint ? 0.5 : 1),
      bandOpacity: bandOpacity(state, shown.length, isFaint, strong === name),
    };
    layers.push(unit.isGroup ? behind(layer, strong === name) : layer);
  }
  for (const unit of units.filter(({ isGroup }) => isGroup)) {
    const found = store.get(unit.id, metric)?.whole;
    const { curves } = scaled({ dots: [], curves: found ? [line(found)] : [] }, logY);
    layers.push(groupLayer(unit, found, curves, view));
  }
  return layers;
}

/** The order of drawing layers: what the user points at comes last. */
export function backToFront(layers, strong) {
  const isStrong = ({ id, name }) => (id ?? name) === strong;
  return [...layers].sort((a, b) => isStrong(a) - isStrong(b));
}

/** The dots of the whole run outside the part known in detail, and the dots of that part. */
function partsOf(series, x) {
  if (!series?.whole) return { dots: [], curves: [] };
  const { whole, part } = series;
  if (!part || !part.place.length)
    return { dots: [range(whole, x.left, x.right)], curves: [line(whole)] };
  const [left, right] = [part.place[0], part.place[part.place.length - 1]];
  return {
    dots: [
      range(whole, x.left, Math.min(left, x.right), { before: true }),
      range(part, x.left, x.right),
      range(whole, Math.max(x.left, right), x.right, { after: true }),
    ].filter(({ begin, end }) => begin < end),
    curves: part.curve_place?.length ? joinedLine(whole, part) : [line(whole)],
  };
}

/** The points from left to right, without those on a side that another range covers. */
function range(data, left, right, { before = false, after = false } = {}) {
  const begin = firstFrom(data.place, after ? nextAfter(left) : left);
  const end = firstFrom(data.place, before ? right : nextAfter(right));
  return { data, place: data.place, y: data.y, begin, end };
}

function nextAfter(limit) {
  return limit + Math.abs(limit) * Number.EPSILON + Number.MIN_VALUE;
}

function line(data) {
  if (!data.curve_place) return { place: [], y: [] };
  return { place: data.curve_place, y: data.curve, low: data.curve_low, high: data.curve_high };
}

/** The curve of the part, and the curve of the whole before and after it; cached, because every
 * frame needs it. */
function joinedLine(whole, part) {
  if (part.joined?.whole !== whole) part.joined = { whole, lines: join(whole, part) };
  return part.joined.lines;
}

function join(whole, part) {
  const [all, detail] = [line(whole), line(part)];
  const [left, right] = [detail.place[0], detail.place[detail.place.length - 1]];
  const [before, after] = [firstFrom(all.place, left), firstFrom(all.place, nextAfter(right))];
  const joined = (name) => {
    if (!all[name] || !detail[name]) return undefined;
    const [head, middle, tail] = [
      all[name].subarray(0, before),
      detail[name],
      all[name].subarray(after),
    ];
    const made = new Float64Array(head.length + middle.length + tail.length);
    made.set(head);
    made.set(middle, head.length);
    made.set(tail, head.length + middle.length);
    return made;
  };
  const [place, y, low, high] = ["place", "y", "low", "high"].map(joined);
  return [{ place, y, low, high }];
}

/** The more dots are visible, the smaller they are: 3 pixels down to 1.3. */
function radiusOf(shown, metric, store, x) {
  let count = 0;
  for (const { name } of shown) {
    const series = store.get(name, metric);
    const data = series?.part ?? series?.whole;
    if (!data) continue;
    const seen = firstFrom(data.place, x.right) - firstFrom(data.place, x.left);
    count += data.thinned ? Math.max(seen, 8000) : seen;
  }
  return Math.min(3, Math.max(1.3, 3.4 - 0.5 * Math.log10(Math.max(1, count / 100))));
}

function dotOpacity(runs, isBare, radius) {
  if (runs === 1) return radius < 2.4 ? 0.5 : 0.65;
  return isBare ? 0.9 : runs <= 4 ? 0.7 : 0.5;
}

function bandOpacity(state, runs, isFaint, isStrong) {
  if (!state.band || isFaint) return 0;
  if (runs === 1 || isStrong) return 0.18;
  if (runs > MANY_BANDS) return 0; // they would blur into one gray
  return runs <= FEW_BANDS ? 0.13 : 0.07;
}

function forecastOf(forecast, metric, axis, log, logY) {
  if (!forecast?.identifiable || metric !== "accuracy" || axis !== "flops") return null;
  const [y, low, high] = ["y", "low", "high"].map((name) =>
    forecast[name].map((value) => toPlace(value, logY)),
  );
  return { ...forecast, place: forecast.x.map((x) => toPlace(x, log)), y, low, high };
}

const logarithms = new WeakMap(); // each frame needs them

/** Dots and curves with y in places. */
function scaled(parts, log) {
  if (!log) return parts;
  const of = (values) => values && placesOf(values).places;
  return {
    dots: parts.dots.map((part) => ({ ...part, y: of(part.y) })),
    curves: parts.curves.map(({ place, y, low, high }) => ({
      place,
      y: of(y),
      low: low && of(low).map((value) => (Number.isNaN(value) ? LOWEST : value)),
      high: of(high),
    })),
  };
}

/** Values in decades, NaN where there is no logarithm, and how many these are. */
function placesOf(values) {
  if (!logarithms.has(values)) {
    const places = Float64Array.from(values, (value) => (value > 0 ? Math.log10(value) : NaN));
    logarithms.set(values, { places, lost: places.filter(Number.isNaN).length });
  }
  return logarithms.get(values);
}

/** How many values of a series a logarithmic axis can't show. */
export function lostOnLog(values) {
  return placesOf(values).lost;
}

function resumesOf(run, axis, log) {
  return run.sessions
    .filter((session) => session.resumed_after !== null && Number.isFinite(session.x?.[axis]))
    .map((session) => toPlace(session.x[axis], log))
    .filter(Number.isFinite);
}
