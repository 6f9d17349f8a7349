/** How groups are drawn: the mean of the runs' curves with its band, the runs thin behind it. */

import { keyOf, nameParts } from "./legend.js";
import { element } from "./elements.js";

const FEW = 6; // bands that don't blur
const MOST_ENTRIES = 16;

/** The layer of a run that stands behind the mean of its group. */
export function behind(layer, isStrong) {
  return {
    ...layer,
    behind: true,
    width: isStrong ? 2 : 1,
    opacity: isStrong ? 1 : 0.45 * layer.opacity,
    dotOpacity: 0.3 * layer.dotOpacity,
    bandOpacity: 0,
  };
}

/**
 * The layer of a group.
 * @param {Object} unit
 * @param {Object|undefined} found {seeds, …}: the answer about its mean.
 * @param {Array} curves of this answer.
 * @param {Object} view {state, units, strong}.
 */
export function groupLayer(unit, found, curves, { state, units, strong }) {
  const isStrong = strong === unit.id;
  const isFaint = strong !== null && !isStrong && !unit.runs.some(({ name }) => name === strong);
  const seeds = found?.seeds ?? unit.runs.length;
  const dark = units.filter(({ isGroup }) => isGroup).length <= FEW ? 0.18 : 0.1;
  return {
    id: unit.id,
    name: unit.name,
    seeds,
    isGroup: true,
    paint: unit.paint,
    radius: 0,
    dots: [],
    hidden: [],
    curves,
    forecast: null,
    resumes: [],
    width: isStrong ? 3.4 : 2.6,
    opacity: isFaint ? 0.35 : 1,
    dotOpacity: 0,
    bandOpacity: state.band && !isFaint ? (isStrong ? 0.24 : dark) : 0,
  };
}

/** What a layer is called: of a group with how many runs its mean is of. */
export function calledWithSeeds({ name, isGroup, seeds }) {
  return isGroup ? `${name} (n = ${seeds})` : name;
}

/** The legend of a panel with groups: each group with its n, and the runs by themselves. */
export function legendOfGroups(layers) {
  const listed = layers.filter((layer) => !layer.behind);
  const sorted = [...listed.filter((one) => one.isGroup), ...listed.filter((one) => !one.isGroup)];
  const entries = sorted.slice(0, MOST_ENTRIES).map((layer) => {
    const name = element("span", { class: "run-name", title: layer.name }, ...nameParts(layer.name));
    const n = layer.isGroup ? element("span", { class: "count" }, `n = ${layer.seeds}`) : null;
    return element("span", { class: "legend-entry" }, keyOf(layer.paint), name, n);
  });
  if (sorted.length > MOST_ENTRIES) {
    const more = `and ${sorted.length - MOST_ENTRIES} more in the list`;
    entries.push(element("span", { class: "legend-entry" }, more));
  }
  return entries;
}

/** What the curves of groups are, and of which there are none, in a caption. */
export function groupCaption(metric, { units, store, state }) {
  const groups = units.filter(({ isGroup }) => isGroup);
  if (!groups.length) return [];
  const band = state.band ? "; band: 95% interval of the mean over its runs, by Student's t" : "";
  const parts = [`Thick: the mean of the curves of a group's n runs${band}`];
  const without = groups
    .map(({ id, name }) => [name, store.get(id, metric)?.error])
    .filter(([, error]) => error);
  if (without.length) {
    const [name, error] = without[0];
    const which =
      without.length === 1 ? name : `${without.length} groups, such as ${name}`;
    parts.push(`no mean of ${which}: ${error.replace(/\.$/, "")}`);
  }
  return parts;
}
