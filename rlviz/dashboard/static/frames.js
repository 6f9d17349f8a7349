/** Which part of the data is visible: the limits of the axes, set by the data or by the user. */

const SIDES = 0.03;
const LOG_FALLBACK_DECADES = 3;
const CONSTANT = 1e-12;
const EVERYTHING = [-Infinity, Infinity];

/** x as on the screen: in decades on a logarithmic axis. */
export function toPlace(x, log) {
  return log ? Math.log10(x) : x;
}

export function fromPlace(place, log) {
  return log ? 10 ** place : place;
}

/**
 * Left and right of all panels, in places.
 * @param {Object} state
 * @param {string} axis
 * @param {Array} shown runs.
 * @param {Array} forecasts of these runs.
 */
export function frameOfX(state, axis, shown, forecasts) {
  const home = homeOfX(state, axis, shown, forecasts);
  const { from, to, log } = state;
  const usable = (limit) => limit !== null && (!log || limit > 0);
  const left = usable(from) ? toPlace(from, log) : home.left;
  const right = usable(to) ? toPlace(to, log) : home.right;
  const least = log ? -Infinity : leastOf(axis, shown);
  return left < right && right > least ? { left: Math.max(left, least), right } : home;
}

/** The least x that there can be: no run has fewer than no steps, but for one that counts so. */
export function leastOf(axis, shown) {
  return Math.min(0, ...shown.map(({ run }) => run.extent?.[axis]?.[0] ?? 0));
}

function homeOfX(state, axis, shown, forecasts) {
  let [low, high] = [Infinity, -Infinity];
  for (const { run } of shown) {
    const extent = run.extent?.[axis];
    if (!extent) continue;
    const first =
      state.log && !(extent[0] > 0) ? extent[1] / 10 ** LOG_FALLBACK_DECADES : extent[0];
    low = Math.min(low, first);
    high = Math.max(high, extent[1]);
  }
  for (const forecast of forecasts) high = Math.max(high, forecast.x.at(-1) ?? high);
  if (!(low <= high) || (state.log && !(low > 0))) return { left: 0, right: 1 };
  const [left, right] = [toPlace(low, state.log), toPlace(high, state.log)];
  const more = SIDES * (right - left || Math.abs(left) || 1);
  const least = state.log ? -Infinity : leastOf(axis, shown);
  return { left: Math.max(left - more, least), right: right + more };
}

/**
 * Low and high of one panel.
 * @param {Array<number>|undefined} given limits that the user chose.
 * @param {Array} layers what the panel draws.
 * @param {string} scale
 * @param {Object} x {left, right}, in places.
 * @param {boolean} log whether y is logarithmic; all values of y are in places, and so is the answer.
 * @param {number|null} most the largest value that the quantity can have, if there is one.
 */
export function frameOfY(given, layers, scale, x, log = false, most = null) {
  if (given && !(log && given[0] <= 0))
    return { low: toPlace(given[0], log), high: toPlace(given[1], log) };
  const [low, high] = extentOfY(layers, x, log ? () => EVERYTHING : usualOf);
  if (log) return low <= high ? decadesAround(low, high) : { low: -3, high: 0 };
  if (!(low <= high)) return scale === "percent" ? { low: 0, high: 1 } : { low: 0, high: 10 };
  return rounded(low, high, scale === "percent" ? 1 : most);
}

/** The lowest and the highest place of y of what is drawn, (Infinity, -Infinity) of nothing.
 * @param {Function} kept dots -> the least and the most that counts of them and of their curve.
 */
export function extentOfY(layers, x, kept = () => EVERYTHING) {
  let [low, high] = [Infinity, -Infinity];
  let [least, most] = EVERYTHING;
  const take = (y, begin, end) => {
    for (let i = begin; i < end; i += 1) {
      if (y[i] < low && y[i] >= least) low = y[i];
      if (y[i] > high && y[i] <= most) high = y[i];
    }
  };
  for (const { dots, hidden, curves, forecast } of layers) {
    [least, most] = kept([...dots, ...hidden]);
    for (const { y, begin, end } of dots) take(y, begin, end);
    for (const { place, y } of curves) take(y, firstFrom(place, x.left), firstFrom(place, x.right));
    [least, most] = EVERYTHING;
    if (forecast)
      take(forecast.y, firstFrom(forecast.place, x.left), firstFrom(forecast.place, x.right));
  }
  return [low, high];
}

/** The range of nearly all values of a run; without limits where none is far outside. */
function usualOf(dots) {
  const ranges = dots.filter(({ data }) => data.outside).map(({ data }) => data.usual);
  if (!ranges.length) return EVERYTHING;
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}

function decadesAround(low, high) {
  const more = high - low > 1e-9 ? 0.04 * (high - low) : 0.5;
  return { low: low - more, high: high + more };
}

/** Round numbers around the data, with a little room where the data reach such a number, but none
 * above `most`, and none below 0 of what has a largest value: it is a share. */
function rounded(low, high, most) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const isConstant = high - low <= CONSTANT * size; // but for the rounding of floats
  const extent = isConstant ? 0.2 * size || 1 : high - low;
  const least = extent / 7;
  const decade = 10 ** Math.floor(Math.log10(least));
  const step = decade * [1, 2, 2.5, 5, 10].find((m) => m * decade >= least * (1 - 1e-9));
  let bottom = Math.floor((low - 0.02 * extent) / step) * step;
  let top = Math.ceil((high + 0.02 * extent) / step) * step;
  if (most !== null) [bottom, top] = [Math.max(bottom, Math.min(0, low)), Math.min(top, Math.max(most, high))];
  if (bottom < 0 && low >= 0) bottom = 0;
  return { low: bottom, high: top };
}

/** The index of the first of ascending places that is not below a limit. */
export function firstFrom(places, limit) {
  let [begin, end] = [0, places.length];
  while (begin < end) {
    const middle = (begin + end) >> 1;
    if (places[middle] < limit) begin = middle + 1;
    else end = middle;
  }
  return begin;
}
