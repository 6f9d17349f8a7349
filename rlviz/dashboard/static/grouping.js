/** Which runs make a group: those alike in their names, in a setting or in what an expression finds.
 *
 * A unit is what has a curve and a color of its own: a group of at least two shown runs, or a run
 * by itself. */

import { WAYS } from "./api.js";
import { paint } from "./palette.js";
import { compareNames } from "./runs.js";
import { Slots } from "./slots.js";

export const EXPRESSION = "regex:";
const SETTING = "config:";
const LONGEST = 200; // letters of an expression

/** The expression of a way to group; null if it is none that can be read. */
function expressionOf(by) {
  const text = by.slice(EXPRESSION.length);
  if (!text || text.length > LONGEST) return null;
  try {
    return new RegExp(text);
  } catch {
    return null;
  }
}

/** What is wrong with an expression; empty if nothing is. */
export function complaint(text) {
  if (text.length > LONGEST) return `An expression has at most ${LONGEST} letters.`;
  try {
    new RegExp(text);
    return "";
  } catch (error) {
    return error.message;
  }
}

/** Whether a text names a way to group. */
export function isWay(by) {
  if (WAYS) return WAYS.includes(by);
  if (by.startsWith(EXPRESSION)) return expressionOf(by) !== null;
  return by === "name" || (by.startsWith(SETTING) && by.length > SETTING.length);
}

/**
 * A function that gives the name of a run's group; null for a run by itself.
 * @param {string} by "", "name", "config:<setting>" or "regex:<expression>".
 * @param {Object} told has the settings of the runs.
 */
export function namer(by, told) {
  if (by === "name") return ({ prefix }) => prefix;
  if (by.startsWith(SETTING)) {
    const key = by.slice(SETTING.length);
    return ({ name }) => {
      const settings = told.settings(name);
      if (!Object.hasOwn(settings, key)) return null;
      const given = settings[key];
      return typeof given === "string" && given ? given : `${key} = ${given}`;
    };
  }
  const expression = by.startsWith(EXPRESSION) ? expressionOf(by) : null;
  if (!expression) return () => null;
  return ({ name }) => {
    const found = expression.exec(name);
    if (!found) return null;
    const parts = found.slice(1).filter((part) => part !== undefined);
    return (parts.length ? parts.join(" ") : found[0]) || null;
  };
}

/** The ways to group that the runs offer, as [by, words]. */
export function ways(all, told) {
  const found = [
    ["", "No groups"],
    ["name", "Name"],
  ];
  const values = new Map();
  for (const { name } of all) {
    for (const [key, given] of Object.entries(told.settings(name))) {
      if (!values.has(key)) values.set(key, []);
      values.get(key).push(String(given));
    }
  }
  const groups = ([, given]) => {
    const different = new Set(given).size;
    return different < given.length && (different > 1 || given.length < all.length);
  };
  const keys = [...values].filter(groups).map(([key]) => key);
  for (const key of keys.sort(compareNames)) found.push([`${SETTING}${key}`, key]);
  found.push([EXPRESSION, "Expression …"]);
  return WAYS ? found.filter(([by]) => !by || WAYS.includes(by)) : found;
}

/** The names of a unit's runs that have a metric over an axis, and the version of all of these. */
export function seedsOf({ runs }, metric, axis) {
  const having = runs.filter(({ run }) => run.metrics.includes(metric) && run.axes.includes(axis));
  return {
    runs: having.map(({ name }) => name),
    version: JSON.stringify(having.map(({ name, run }) => [name, run.version])),
  };
}

export class Grouping {
  #slots = new Slots();

  /**
   * The units of the shown runs, and these runs as they are drawn: those of a group in its color.
   * @returns {{shown: Array, units: Array}} shown: with the `unit` of each; units: of {id, name,
   *     runs, isGroup, paint}.
   */
  of(shown, { by, colors }, told) {
    const nameOf = namer(by, told);
    const members = new Map();
    for (const one of shown) {
      const group = nameOf(one.run);
      const key = group === null ? one.name : `group\u0000${group}`;
      if (!members.has(key)) members.set(key, { group, runs: [] });
      members.get(key).runs.push(one);
    }
    this.#slots.assign(by ? members.keys() : []);
    const units = [...members].map(([key, { group, runs }]) => {
      const isGroup = runs.length > 1;
      const [first] = runs;
      const name = isGroup ? group : first.name;
      const own = by && shown.length > 1;
      const look = own ? paint(this.#slots.get(key), colors.get(name), false) : first.paint;
      return { id: isGroup ? key : first.name, name, runs, isGroup, paint: look };
    });
    const single = new Set(units.filter(({ isGroup }) => !isGroup).map(({ name }) => name));
    for (const unit of units) if (unit.isGroup && single.has(unit.name)) unit.name += " (group)";
    const unitOf = new Map(units.flatMap((unit) => unit.runs.map(({ name }) => [name, unit])));
    return {
      units,
      shown: shown.map((one) => {
        const unit = unitOf.get(one.name);
        return { ...one, unit, paint: unit.paint };
      }),
    };
  }
}
