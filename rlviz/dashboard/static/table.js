/** The runs and groups as a table: how far each got, what it reached at one place of the x axis, and
 * how it compares with a baseline. */

import { differenceCell, computeCell, multiplierCell, nothing, valueCell } from "./cells.js";
import { comparedMetric, Comparing, difference } from "./comparing.js";
import { element, setText } from "./elements.js";
import { seedsOf } from "./grouping.js";
import { keyOf } from "./legend.js";
import { typedNumber } from "./limits.js";
import { number } from "./numbers.js";
import { BaselineChoice, LevelChoice, levelText } from "./tablechoices.js";
import { TableHead } from "./tablehead.js";
import { UnitCurves } from "./unitcurves.js";
import { AXES, QUANTITIES } from "./vocabulary.js"; // the server makes it
import { labelOf } from "./words.js";

export class Table {
  #page;
  #curves;
  #comparing = new Comparing(() => this.update());
  #seen = false;
  #at = element("input", {
    type: "text",
    inputmode: "decimal",
    "aria-label": "At how much of it",
    size: "9",
  });
  #said = element("span", { class: "said", role: "alert" });
  #title = element("h2", { id: "rlviz-comparison" });
  #where = element("p", { class: "caption" });
  #unit = element("span", {});
  #baseline;
  #level;
  #head = new TableHead(() => this.#show());
  #rows = element("tbody", {});

  constructor(page) {
    this.#page = page;
    this.#curves = new UnitCurves(page, () => this.#show());
    this.#at.addEventListener("change", () => this.#take());
    this.#baseline = new BaselineChoice(page.state);
    this.#level = new LevelChoice(page.state);
    const table = element("table", {}, element("thead", {}, this.#head.node), this.#rows);
    this.node = element(
      "section",
      { class: "panel comparison", "aria-labelledby": "rlviz-comparison" },
      element(
        "header",
        { class: "panel-header" },
        this.#title,
        element("label", { class: "at" }, "at", this.#at, this.#unit),
        this.#baseline.node,
        this.#level.node,
        this.#said,
      ),
      element(
        "div",
        { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "Table of runs" },
        table,
      ),
      this.#where,
    );
    new IntersectionObserver((entries) => {
      this.#seen ||= entries.some((entry) => entry.isIntersecting);
      this.update();
    }).observe(this.node);
  }

  update() {
    this.node.hidden = !this.#page.view().shown.length;
    this.#show();
    if (!this.#seen) return;
    this.#curves.load();
    const asked = this.#asked();
    if (asked) this.#comparing.load(asked);
  }

  /** The place that the user typed: wrong input is said, and the field is as it was. */
  #take() {
    const text = this.#at.value.trim();
    const given = typedNumber(text);
    const isWrong = Number.isNaN(given) || given < 0;
    const { unit } = AXES[this.#page.view().axis];
    const back = typed(this.#place());
    setText(this.#said, isWrong ? `“${text}” is no number of ${unit}: it is ${back} again.` : "");
    if (isWrong) this.#at.value = back;
    else this.#page.state.set({ at: given });
    this.#show();
  }

  /** Where the values are read: as asked for, or the median of what the units reach. */
  #place() {
    const { state, units, axis } = this.#page.view();
    if (state.at !== null) return state.at;
    const ends = units
      .map(({ runs }) => runs.map(({ run }) => run.extent?.[axis]?.[1]).filter(Number.isFinite))
      .filter((of) => of.length)
      .map((of) => Math.min(...of))
      .sort((a, b) => a - b);
    return ends.length ? ends[(ends.length - 1) >> 1] : NaN;
  }

  get #reference() {
    const { state, units } = this.#page.view();
    return units.find(({ name }) => name === state.baseline) ?? null;
  }

  /** What to ask the server; null without a baseline or anything to compare with its compute. */
  #asked() {
    const { units, panels } = this.#page.view();
    const reference = this.#reference;
    const spends = ({ runs }) => runs.some(({ run }) => run.has_flops);
    const others = units.filter((unit) => unit !== reference && spends(unit));
    if (!reference || !spends(reference) || !others.length || !panels.length) return null;
    return {
      reference: reference.name,
      metric: comparedMetric(panels),
      units: units.map(({ name, runs }) => ({
        name,
        runs: runs.map((one) => one.name),
        version: JSON.stringify(runs.map(({ run }) => run.version)),
      })),
    };
  }

  #show() {
    const { units, axis, state, panels } = this.#page.view();
    const place = this.#place();
    const reference = this.#reference;
    const { unit } = AXES[axis];
    setText(this.#unit, unit);
    const kinds = units.some(({ isGroup }) => isGroup) ? "Runs and groups" : "Runs";
    setText(this.#title, `${kinds} at equal ${axis === "flops" ? "compute" : unit}`);
    if (document.activeElement !== this.#at) this.#at.value = typed(place);
    this.#baseline.show(units, state.baseline);
    const asked = this.#asked();
    const found = asked && this.#comparing.get(asked);
    const level = this.#level.show(found, state.level);
    setText(this.#where, this.#about(place, unit, asked, found));

    const columns = [
      { key: "name", title: units.some(({ isGroup }) => isGroup) ? "Group" : "Run", falls: false },
    ];
    for (const metric of panels) {
      columns.push({ key: `at ${metric}`, title: labelOf(metric) });
      if (!reference) continue;
      const points = scaleOf(metric) === "percent" ? ", points" : "";
      const title = `${labelOf(metric)} − ${reference.name}${points}`;
      columns.push({ key: `minus ${metric}`, title, short: `− baseline${points}` });
    }
    if (asked) {
      columns.push({ key: "times", title: "Compute multiplier" });
      const at = level === null ? "a level" : levelText(found, level);
      columns.push({ key: "spent", title: `RL FLOPs to reach ${at}` });
    }
    columns.push({ key: "step", title: "Last step" });
    if (axis !== "step") columns.push({ key: "far", title: `${AXES[axis].choice} so far` });
    const rows = units.map((one) => this.#row(one, { place, reference, found, level, asked }));
    this.#head.show(columns, panels.length ? `at ${panels[0]}` : "step");
    this.#rows.replaceChildren(
      ...this.#head.sorted(rows).map(({ cells }) => element("tr", {}, ...columns.map(({ key }) => cells[key]))),
    );
  }

  /** A unit's cells and what they are sorted by. */
  #row(unit, { place, reference, found, level, asked }) {
    const { axis, panels } = this.#page.view();
    const [steps, far] = [
      unit.runs.map(({ run }) => run.last?.step ?? NaN),
      unit.runs.map(({ run }) => run.extent?.[axis]?.[1] ?? NaN),
    ];
    const cells = { name: nameCell(unit), step: spanCell(steps, 15), far: spanCell(far, 3) };
    const keys = { name: unit.name, step: Math.min(...steps), far: Math.min(...far) };
    for (const metric of panels) {
      const [scale, key] = [scaleOf(metric), `minus ${metric}`];
      const reached = this.#curves.at(unit, metric, place);
      const isKnown = Number.isFinite(reached.y);
      cells[`at ${metric}`] = isKnown ? valueCell(reached, scale) : nothing(reached.why, reached.about);
      keys[`at ${metric}`] = isKnown ? reached.y : NaN;
      if (!reference) continue;
      const base = this.#curves.at(reference, metric, place);
      const both = isKnown && Number.isFinite(base.y);
      const minus = both && unit !== reference ? difference(reached, base) : null;
      if (unit === reference) cells[key] = element("td", {}, element("span", { class: "half" }, "baseline"));
      else if (minus) cells[key] = differenceCell(minus, scale);
      else cells[key] = nothing(isKnown ? `baseline ${base.why}` : "", base.about ?? reached.about);
      keys[key] = minus ? minus.value : NaN;
    }
    if (asked) this.#addCompute(unit, asked, found, level, cells, keys);
    return { cells, keys };
  }

  #addCompute({ name }, { reference }, found, level, cells, keys) {
    const times = found?.multipliers?.[reference]?.[name];
    const spent = level === null ? null : found?.flops?.[name]?.[level];
    const left = found?.left_out?.[name];
    const why = left ? "not comparable" : "";
    const isBase = name === reference;
    cells.times = times ? multiplierCell(times) : nothing(why, left ?? "No level that both surely reached.");
    if (isBase) cells.times = element("td", {}, element("span", { class: "half" }, "baseline"));
    cells.spent = spent ? computeCell(spent) : nothing(why, left ?? "It did not surely come to this level, or began beyond it.");
    keys.times = times ? times[0] : isBase ? 1 : NaN;
    keys.spent = spent ? spent[0] : NaN;
  }

  #about(place, unit, asked, found) {
    const { state, units } = this.#page.view();
    const most = state.at === null ? "the median of what they reach" : "as asked for";
    const parts = [
      `Read off the automatic curves at ${number(place, 4)} ${unit}, ${most}; ± half of the ` +
        `band${units.some(({ isGroup }) => isGroup) ? ", of a group the 95% interval of its mean" : ""}.`,
    ];
    if (this.#reference) parts.push("Brackets are 95% intervals, and what they tell is bold.");
    if (!asked) return parts.join(" ");
    if (!found) parts.push("Comparing …");
    else if (found.error) parts.push(found.error);
    else if (found.label) {
      const less = found.lower_is_better ? ", less is better" : "";
      parts.push(
        `Compute multiplier: RL FLOPs of ${asked.reference} / RL FLOPs of the other for the same ` +
          `${found.label}${less}, the geometric mean over the levels that both surely reached.`,
      );
      parts.push(...found.notes);
    }
    const left = Object.entries(found?.left_out ?? {});
    if (left.length) parts.push(`Not comparable: ${left[0][0]}: ${left[0][1]}`);
    return parts.join(" ");
  }
}

function scaleOf(metric) {
  if (metric.startsWith("accuracy/")) return "percent";
  return QUANTITIES[metric]?.scale ?? "number";
}

/** A number as a user can type it: 2730 or 2.73e22. */
function typed(value) {
  if (!Number.isFinite(value)) return "";
  const short = Number(value.toPrecision(4));
  return short < 1e6 ? String(short) : short.toExponential().replace("e+", "e");
}

function nameCell({ name, paint, isGroup, runs }) {
  const n = isGroup && element("span", { class: "count" }, ` n = ${runs.length}`);
  const words = element("span", { class: "run-name" }, name);
  return element("th", { scope: "row", title: name }, keyOf(paint), words, n || null);
}

/** A number, or the least and the greatest of several. */
function spanCell(values, digits) {
  const known = values.filter(Number.isFinite);
  if (!known.length) return nothing();
  const [least, most] = [Math.min(...known), Math.max(...known)].map((one) => number(one, digits));
  return element("td", {}, least === most ? least : `${least} … ${most}`);
}
