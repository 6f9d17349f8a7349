/** Writes numbers as percents, powers of ten and times, for ticks, readouts and tables. */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const MINUS = "−";

/** An exponent: superscript(22) is "²²". */
export function superscript(exponent) {
  return String(exponent)
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => SUPERSCRIPTS[digit]);
}

/** A number as people write it: 1,234 or 4.213×10²²; `digits` counts significant digits. */
export function number(value, digits = 6) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return signed(value.toLocaleString("en-US"));
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return scientific(value, digits);
  return signed(value.toLocaleString("en-US", { maximumSignificantDigits: digits }));
}

/** A number as a power of ten: 4.2×10²², or 10²² if the mantissa is 1. */
export function scientific(value, digits = 4) {
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const shown = trimmed(mantissa);
  const power = `10${superscript(Number(exponent))}`;
  return signed(shown === "1" ? power : `${shown}×${power}`);
}

/** A share of one as a percentage. */
export function percent(share, decimals = 2) {
  return share === null || Number.isNaN(share)
    ? "–"
    : signed(`${(100 * share).toFixed(decimals)}%`);
}

/** A metric's value, written by its scale: "percent", "count" or "number". */
export function value(scale, given, digits = 6) {
  return scale === "percent" ? percent(given) : number(given, digits);
}

/** A place on an axis, with its unit. */
export function position(axis, given, digits = 5) {
  if (axis === "step") return `step ${number(Math.round(given), 15)}`;
  if (axis === "wall_time") return duration(given);
  return `${number(given, digits)} ${axis === "flops" ? "RL FLOPs" : "tokens"}`;
}

/** Hours as 3 d 4 h, 2 h 5 min, 4 min 10 s or 3.2 s. */
export function duration(hours) {
  const seconds = hours * 3600;
  if (!(Math.abs(seconds) >= 60)) return `${number(Number(seconds.toFixed(1)))} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const days = Math.round(minutes / 60);
  return `${Math.floor(days / 24)} d ${days % 24} h`;
}

function trimmed(text) {
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
}

function signed(text) {
  return text.replace(/^-/, MINUS);
}
