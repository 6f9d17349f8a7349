/** The names of runs at the ends of their curves, moved apart so that none covers another. */

import { firstFrom } from "./frames.js";
import { fitted, shortNames } from "./legend.js";
import { color, FAMILY } from "./theme.js";

const FONT = `12px ${FAMILY}`;
const LINE = 14; // pixels from one name to the next
const LEADER = 10; // from the end of a curve to its name
const EDGE = 3;
const FARTHEST = 3 * LINE; // from the end of a curve to its name, up or down
const [WIDEST, SHARE] = [132, 0.26]; // the most room beside the plotting area, pixels and share
const NARROWEST = 320; // a chart that is narrower has no room for names

/** The layers with a name: a run behind the mean of its group has none. */
function named({ layers }) {
  return layers.filter((layer) => !layer.behind);
}

/** The room that the names need on the right of the plotting area, in pixels. */
export function roomOf(context, scene, chart) {
  const layers = named(scene);
  if (!scene.names || layers.length < 2 || chart.width < NARROWEST) return 0;
  context.font = FONT;
  const names = shortNames(layers.map(({ name }) => name));
  const widest = Math.max(...names.map((name) => context.measureText(name).width));
  return Math.min(WIDEST, SHARE * chart.width, LEADER + widest + EDGE);
}

/**
 * Where each name stands.
 * @param {Array} ends of {x, y}: where a curve ends; {width}: of its name; {isStrong}.
 * @param {Object} area {left, top, right, bottom}: where names may stand.
 * @returns {Array} of {end, left, y}: those that have room, none over another.
 */
export function apart(ends, { top, right, bottom }) {
  const placed = ends
    .map((end) => ({ end, left: Math.min(end.x + LEADER, right - end.width), y: end.y }))
    .sort((a, b) => a.left - b.left);
  const groups = [];
  let reach = -Infinity;
  for (const one of placed) {
    if (one.left < reach) groups.at(-1).push(one);
    else groups.push([one]);
    reach = Math.max(reach, one.left + one.end.width + EDGE);
  }
  return groups.flatMap((group) => spread(group, top + LINE / 2, bottom - LINE / 2));
}

/** Move names as little as possible, keeping their order; the most crowded give way where there
 * is no room for all near their ends. */
function spread(group, top, bottom) {
  const most = Math.max(1, Math.floor((bottom - top) / LINE) + 1);
  const kept = [...group].sort((a, b) => a.end.y - b.end.y);
  for (;;) {
    const found = kept.length <= most ? fit(kept, top, bottom) : [];
    const isNear = found.every(({ end, y }) => end.isStrong || Math.abs(y - end.y) <= FARTHEST);
    if ((found.length && isNear) || kept.length === 1) return fit(kept, top, bottom);
    kept.splice(mostCrowded(kept), 1);
  }
}

/** The places of names, each LINE below the one before, least far from their ends. */
function fit(kept, top, bottom) {
  // The least squares fit that never falls, of the places less the room of the names above.
  const blocks = [];
  kept.forEach(({ end }, i) => {
    blocks.push({ sum: end.y - i * LINE, count: 1 });
    while (blocks.length > 1 && mean(blocks.at(-2)) > mean(blocks.at(-1))) {
      const { sum, count } = blocks.pop();
      blocks.at(-1).sum += sum;
      blocks.at(-1).count += count;
    }
  });
  const last = bottom - (kept.length - 1) * LINE;
  const places = blocks.flatMap((block) =>
    Array(block.count).fill(Math.max(top, Math.min(last, mean(block)))),
  );
  return kept.map((one, i) => ({ ...one, y: places[i] + i * LINE }));
}

function mean({ sum, count }) {
  return sum / count;
}

function mostCrowded(kept) {
  const room = (i) => {
    if (kept[i].end.isStrong) return Infinity;
    const above = i > 0 ? kept[i].end.y - kept[i - 1].end.y : Infinity;
    const below = i + 1 < kept.length ? kept[i + 1].end.y - kept[i].end.y : Infinity;
    return Math.min(above, below);
  };
  let [worst, least] = [0, Infinity];
  for (let i = 0; i < kept.length; i += 1) {
    if (room(i) >= least) continue;
    [worst, least] = [i, room(i)];
  }
  return worst;
}

/** Write the names of a scene's layers; `room` is what `roomOf` gave. */
export function drawEnds(context, scene, to, box, room) {
  if (!room) return;
  context.font = FONT;
  const measure = (text) => context.measureText(text).width;
  const { frame } = scene;
  const layers = named(scene);
  const names = shortNames(layers.map(({ name }) => name));
  const ends = [];
  layers.forEach((layer, i) => {
    const at = endOf(layer, frame);
    if (!at) return;
    const text = fitted(names[i], room - LEADER - EDGE, measure);
    const isStrong = layer.opacity === 1 && layers.some(({ opacity }) => opacity < 1);
    ends.push({ x: to.x(at[0]), y: to.y(at[1]), width: measure(text), text, layer, isStrong });
  });
  const right = box.left + box.width + room - EDGE;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  for (const { end, left, y } of apart(ends, { top: box.top, right, bottom: box.top + box.height })) {
    const { layer, text } = end;
    context.globalAlpha = layer.opacity;
    context.strokeStyle = layer.paint.curve;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(end.x + 1, end.y);
    context.lineTo(left - 2, y);
    context.stroke();
    context.strokeStyle = color("panel");
    context.lineWidth = 3;
    context.strokeText(text, left, y);
    context.fillStyle = color("text");
    context.fillText(text, left, y);
  }
  context.globalAlpha = 1;
}

/** The last visible point of a curve, or of the dots where there is no curve; null without one. */
function endOf({ curves, dots, hidden }, { left, right, low, high }) {
  const lines = curves.map(({ place, y }) => ({ place, y, begin: 0, end: place.length }));
  for (const { place, y, begin, end } of [...lines.reverse(), ...dots, ...hidden].slice(0, 3)) {
    const last = Math.min(end, firstFrom(place, right + 1e-12 * Math.abs(right))) - 1;
    if (last < begin || place[last] < left) continue;
    return y[last] >= low && y[last] <= high ? [place[last], y[last]] : null;
  }
  return null;
}
