/** The page's sentences about the panels: labels, captions, and why a panel is empty. */

import { HAS } from "./api.js";
import { groupCaption } from "./groups.js";
import { number, percent } from "./numbers.js";
import { lostOnLog, MANY_BANDS } from "./scene.js";
import { AXES, CONVENTIONS, QUANTITIES, WORK_UNITS } from "./vocabulary.js"; // the server makes it

const OTHERS = HAS.server ? "zoom in for the others" : "the others are not in this file";

export function labelOf(metric) {
  if (metric.startsWith("accuracy/")) return `Accuracy, ${metric.slice("accuracy/".length)}`;
  return QUANTITIES[metric]?.label ?? metric;
}

/** The first part of a metric's name, if it has several: "train" of "train/loss". */
export function prefixOf(metric) {
  const end = metric.indexOf("/");
  return end > 0 ? metric.slice(0, end) : "";
}

/** The units of work and span of shown runs -> the names of the runs that have them. */
function unitsOf(shown) {
  const found = new Map();
  for (const { name, run } of shown) {
    for (const unit of run.parallelism_units) found.set(unit, [...(found.get(unit) ?? []), name]);
  }
  return found;
}

const hasUnit = (metric) => metric === "average_parallelism";

/** What stands at a panel's axis: the label that its data has, with the unit of work and span in all
 *  shown runs where that is another than agent steps. */
export function axisLabel(metric, shown, given) {
  if (!hasUnit(metric)) return given ?? labelOf(metric);
  const units = [...unitsOf(shown).keys()];
  if (!units.length || units.join() === "steps") return labelOf(metric);
  return `${labelOf(metric)} (${units.map((unit) => WORK_UNITS[unit]).join(" and ")})`;
}

function unitCaption(metric, shown) {
  if (!hasUnit(metric)) return "";
  const found = [...unitsOf(shown)];
  if (found.length === 1) return `work and span in ${WORK_UNITS[found[0][0]]}`;
  if (!found.length) return "";
  const each = found.map(([unit, names]) => `${WORK_UNITS[unit]} (${which(names)})`).join("; ");
  return `⚠ work and span are in different units, so these are no values of one measure: ${each}`;
}

/** The tooltip of a panel's title: what the measure is, and in what unit. */
export function measureTip(metric, shown) {
  if (!hasUnit(metric)) return "";
  const unit = unitCaption(metric, shown) || "unit of work and span not said";
  return `Mean over a step's episodes of work / span\n${unit}`;
}

/** 1 run, 2 runs. */
export function plural(count, noun) {
  return `${number(count, 15)} ${noun}${count === 1 ? "" : "s"}`;
}

/** What the curve is, how many dots are drawn, and what can't be drawn. */
export function caption(metric, { state, shown, units, store, axis, forecasts }, layers) {
  const series = shown.map(({ name }) => store.get(name, metric)).filter((one) => one?.whole);
  const parts = [...groupCaption(metric, { units, store, state }), curveCaption(state, series, units)];
  const seen = series.map(({ whole, part }) => part ?? whole);
  if (state.dots && seen.length) {
    const total = seen.reduce((sum, one) => sum + one.total, 0);
    const drawn = seen.reduce((sum, one) => sum + one.shown, 0);
    if (drawn < total)
      parts.push(`${number(drawn)} of ${plural(total, "step")} drawn; ${OTHERS}`);
  }
  const outside = seen.reduce((sum, one) => sum + one.outside, 0);
  const isLog = state.logs.includes(metric);
  const lost = isLog ? seen.reduce((sum, one) => sum + lostOnLog(one.y), 0) : 0;
  if (lost) parts.push(`${plural(lost, "value")} not above 0, which a logarithmic axis leaves out`);
  if (isLog && state.smooth !== "none" && series.length)
    parts.push("on a logarithmic scale the curve of the values themselves");
  if (outside && !isLog && !state.heights.has(metric)) {
    const total = seen.reduce((sum, one) => sum + one.total, 0);
    parts.push(`${number(outside)} of ${plural(total, "value")} outside the scale`);
  }
  const lacking = shown.filter(({ run }) => !run.axes.includes(axis)).length;
  if (lacking) parts.push(`${plural(lacking, "run")} without ${AXES[axis].label} not shown`);
  const resumed = layers.filter(({ resumes }) => resumes.length).length;
  if (resumed) parts.push("▲ a session resumed");
  if (state.forecast && metric === "accuracy")
    parts.push(...forecastCaptions(axis, shown, forecasts));
  parts.push(unitCaption(metric, shown));
  parts.push(conventionCaption(axis, shown));
  return parts.filter(Boolean).join(" · ");
}

const which = (names) => (names.length > 2 ? plural(names.length, "run") : names.join(", "));

const NOT_SAID = "convention not said";

/** What the shown runs say of how their RL FLOPs are counted -> the names of those that say it. */
function saidBy(shown) {
  const said = new Map();
  for (const { name, run } of shown) {
    if (!run.conventions.length) continue;
    const words = run.conventions.map((one) => one || NOT_SAID).join(" and ");
    said.set(words, [...(said.get(words) ?? []), name]);
  }
  return said;
}

function conventionCaption(axis, shown) {
  const said = [...saidBy(shown)];
  if (axis !== "flops" || !said.length) return "";
  const each = said.map(([words, names]) => `${words} (${which(names)})`).join("; ");
  if (said.filter(([words]) => words !== NOT_SAID).length > 1)
    return `⚠ the runs count RL FLOPs by different conventions, so this is no common axis: ${each}`;
  if (said.length > 1) return `RL FLOPs: convention ${each}`;
  const [[words]] = said;
  return `RL FLOPs: ${words === NOT_SAID ? "" : "convention "}${words}`;
}

/** The tooltip of the axis: by which conventions its RL FLOPs are counted, and what these count. */
export function axisTip(axis, shown) {
  if (axis !== "flops") return "";
  const names = new Set(shown.flatMap(({ run }) => run.conventions));
  const told = [...names].map((one) => {
    if (!one) return "Convention not said: the script gave its Callback no convention=…";
    return CONVENTIONS[one] ? `Convention ${one}: ${CONVENTIONS[one]}` : `Convention ${one}`;
  });
  return told.length ? ["Cumulative RL FLOPs", ...told].join("\n") : "";
}

function curveCaption(state, series, units) {
  if (state.smooth === "none") return "";
  if (state.smooth === "ema") return `Curve: EMA of all steps, weight ${number(state.weight, 3)}`;
  const first = series[0]?.whole;
  if (!first) return "";
  const isGrouped = units.some(({ isGroup }) => isGroup);
  const hasBand = state.band && series.length <= MANY_BANDS && !isGrouped;
  const ends = series.length === 1 && first.bandwidth ? first.bandwidth : [];
  const widths = [...new Set(ends.map((end) => number(end, 2)))].join(" – ");
  const bandwidth = widths ? `, bandwidth ${widths} ${first.bandwidth_unit ?? ""}` : "";
  const band = hasBand ? "; band: ±2 standard errors" : "";
  return `Curve: local quadratic regression${bandwidth}${band}`;
}

function forecastCaptions(axis, shown, forecasts) {
  if (axis !== "flops") return ["The forecast is drawn over RL FLOPs only"];
  const known = shown.map(({ name }) => [name, forecasts.get(name)]).filter(([, found]) => found);
  const without = known.filter(([, { identifiable }]) => !identifiable);
  const parts = [];
  const found = known.filter(([, { identifiable }]) => identifiable);
  if (found.length === 1) {
    const [, { A: ceiling, ceiling: interval, x }] = found[0];
    const between = interval.map((share) => percent(share, 1)).join(" – ");
    const limit = ceiling === null ? "" : `, ceiling ${percent(ceiling, 1)} (${between})`;
    parts.push(`dashed: forecast to ${number(x.at(-1) / x[0], 2)} times the compute${limit}`);
  } else if (found.length) {
    parts.push("dashed: forecasts to up to twice the compute");
  }
  if (without.length) {
    const [name, { why_not: why }] = without[0];
    const which = without.length === 1 ? name : `${plural(without.length, "run")}, such as ${name}`;
    parts.push(`no forecast of ${which}: ${why}`);
  }
  return parts;
}

/** Why nothing is drawn; empty if something is. */
export function message(metric, { shown, store, axis }) {
  if (!shown.length) return "No run is shown. Choose one in the list.";
  const having = shown.filter(({ run }) => run.metrics.includes(metric));
  if (!having.length) return `No shown run has ${labelOf(metric)}.`;
  const placed = having.filter(({ run }) => run.axes.includes(axis));
  if (!placed.length) return `No shown run with ${labelOf(metric)} has ${AXES[axis].label}.`;
  const series = placed.map(({ name }) => store.get(name, metric));
  if (series.some((one) => one?.whole)) return "";
  return series.find((one) => one?.error)?.error ?? "Loading …";
}
