/** Where an axis has its ticks and what stands at them. */

import { scientific, superscript } from "./numbers.js";

/** Ticks are places on the axis (decades on a logarithmic one), their texts, and a factor that
 * stands once beside the title of the axis instead of at each tick. */

/** The ticks of a linear axis: round numbers, at most `most` of them. */
export function linear(low, high, most, { whole = false } = {}) {
  const step = roundStep((high - low) / Math.max(1, most), whole);
  const at = multiples(low, high, step);
  const size = Math.max(Math.abs(low), Math.abs(high));
  const exponent = size >= 1e5 || size < 1e-2 ? Math.floor(Math.log10(size || 1)) : 0;
  const unit = 10 ** exponent;
  const decimals = Math.min(12, Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9)));
  const texts = at.map((tick) => minus((tick / unit).toFixed(decimals)));
  return { at, texts, factor: exponent === 0 ? "" : `×10${superscript(exponent)}` };
}

/** The ticks of shares of one: 5 %, 10 % and so on, with the decimals they need, at least one. */
export function percents(low, high, most) {
  const step = roundStep((100 * (high - low)) / Math.max(1, most), false) / 100;
  const at = multiples(low, high, step).filter((tick) => tick > -1e-9 && tick < 1 + 1e-9);
  const decimals = Math.min(8, Math.max(1, -Math.floor(Math.log10(100 * step) + 1e-9)));
  return { at, texts: at.map((tick) => `${minus((100 * tick).toFixed(decimals))}%`), factor: "" };
}

/** The ticks of a logarithmic axis from 10^low to 10^high: decades first, then 5 and 2 in each,
 * then round numbers between them, never closer together than there is room for. */
export function logarithmic(low, high, most) {
  const [first, last] = [Math.floor(low), Math.ceil(high)];
  const stride = Math.max(1, Math.ceil((high - low) / Math.max(1, most)));
  const decades = [];
  for (let k = Math.ceil(first / stride) * stride; k <= last; k += stride) decades.push(k);
  const within = (digit) => decades.map((k) => k + Math.log10(digit));
  const [begin, end] = [10 ** low, 10 ** high];
  const round = linear(begin, end, 2 * most)
    .at.filter((x) => x > 0)
    .map(Math.log10);
  const candidates = stride > 1 ? [decades] : [decades, within(5), within(2), round];
  const room = (0.85 * (high - low)) / (most + 1);
  const at = [];
  for (const places of candidates) {
    if (at.length >= 4) break;
    for (const place of places) {
      const isInside = place >= low && place <= high;
      if (isInside && at.every((other) => Math.abs(other - place) >= room)) at.push(place);
    }
  }
  at.sort((a, b) => a - b);
  let texts = [];
  for (let digits = 4; new Set(texts).size < at.length && digits <= 12; digits += 1)
    texts = at.map((place) => power(10 ** place, digits)); // more digits when zoomed in far
  return { at, texts, factor: "" };
}

function power(tick, digits) {
  const found = Number(tick.toPrecision(digits + 2));
  return tick >= 1e-3 && tick < 1e4 ? String(found) : scientific(found, digits);
}

function roundStep(least, whole) {
  if (!(least > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(least));
  const step = decade * [1, 2, 5, 10].find((m) => m * decade >= least * (1 - 1e-9));
  return whole ? Math.max(1, step) : step;
}

function multiples(low, high, step) {
  const found = [];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  for (let k = first; k <= last && found.length < 100; k += 1) found.push(k * step || 0);
  return found;
}

function minus(text) {
  return text.replace(/^-(?=[\d.]*[1-9])/, "−").replace(/^-/, "");
}
