/** The cells of the table: values, differences, multipliers and compute, with their intervals. */

import { element } from "./elements.js";
import { number, percent } from "./numbers.js";

const MOST_DECIMALS = 6;

/** What stands where there is nothing to tell: a dash, and why if that is known. */
export function nothing(why = "", about = "") {
  const reason = why && element("span", { class: "half" }, ` ${why}`);
  return element("td", { title: about || null }, "–", reason || null);
}

/** A value with half of its interval. */
export function valueCell({ y, low, high }, scale) {
  const text = (value) =>
    scale === "percent" ? percent(value, 1) : scale === "count" ? value.toFixed(2) : number(value, 4);
  const half = (high - low) / 2;
  const more = Number.isFinite(half) && element("span", { class: "half" }, ` ± ${text(half)}`);
  return element("td", {}, text(y), more || null);
}

/** A difference, in bold where its interval leaves out 0; of shares in percentage points. */
export function differenceCell({ value, low, high }, scale) {
  const times = scale === "percent" ? 100 : 1;
  const ends = [value, low, high].map((part) => times * part);
  const size = Math.max(...ends.filter(Number.isFinite).map(Math.abs));
  const decimals = scale === "percent" ? 1 : Math.max(0, 1 - Math.floor(Math.log10(size || 1)));
  return interval(ends, 0, decimals, "+");
}

/** How many times less compute, in bold where the interval leaves out 1. */
export function multiplierCell(parts) {
  return interval(parts, 1, 2, "");
}

/** Compute with its interval. */
export function computeCell([value, low, high]) {
  const between = ` [${number(low, 3)}, ${number(high, 3)}]`;
  return element("td", {}, number(value, 3), element("span", { class: "half" }, between));
}

/** As many decimals as it takes to see on which side of the neutral value the ends are. */
function interval([value, low, high], neutral, least, plus) {
  const isHidden = (decimals) =>
    [low, high].some(
      (end) =>
        Math.sign(end - neutral) !== Math.sign(Number(end.toFixed(decimals)) - neutral) &&
        end !== neutral,
    );
  let decimals = Math.min(least, MOST_DECIMALS);
  while (decimals < MOST_DECIMALS && isHidden(decimals)) decimals += 1;
  const text = (part) => {
    if (part === null || !Number.isFinite(part)) return "–";
    const written = Math.abs(part).toFixed(decimals);
    return `${part < 0 ? "−" : plus}${written}`;
  };
  const isTold = low > neutral || high < neutral;
  return element(
    "td",
    {},
    element(isTold ? "strong" : "span", {}, text(value)),
    element("span", { class: "half" }, ` [${text(low)}, ${text(high)}]`),
  );
}
