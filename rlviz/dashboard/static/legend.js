/** How a run is recognized: its line with its color and dashes, and its name where room is short. */

import { element, visible } from "./elements.js";

const LENGTH = 26; // pixels: the longest dashes once
const STRONG = 2; // pixels
const SVG = "http://www.w3.org/2000/svg";
const FEW = 26; // letters that need not be cut
const TAIL = 10; // letters at the end, where names of a sweep differ

/** The line of a run as it is drawn, to stand beside its name. */
export function keyOf({ key, dash }) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "path");
  const attributes = { class: "line-key", viewBox: `0 0 ${LENGTH} 8`, "aria-hidden": "true" };
  for (const [name, text] of Object.entries(attributes)) drawing.setAttribute(name, text);
  line.setAttribute("d", `M0 4h${LENGTH}`);
  line.setAttribute("stroke", key);
  line.setAttribute("stroke-width", String(STRONG));
  if (dash.length) line.setAttribute("stroke-dasharray", dashes(dash).join(" "));
  drawing.append(line);
  return drawing;
}

/** The same on a canvas, with its middle at y. Returns its width. */
export function drawKey(context, { key, dash }, x, y) {
  context.strokeStyle = key;
  context.lineWidth = STRONG;
  context.setLineDash(dashes(dash));
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + LENGTH, y);
  context.stroke();
  context.setLineDash([]);
  return LENGTH;
}

function dashes(dash) {
  return dash.map((length) => length * STRONG);
}

/** The parts of a name of which the first gives way where there is no room for all. */
export function nameParts(name) {
  const letters = [...visible(name)];
  if (letters.length <= FEW) return [name];
  const [head, tail] = [letters.slice(0, -TAIL), letters.slice(-TAIL)];
  return [
    element("span", { class: "name-head" }, head.join("")),
    element("span", { class: "name-tail" }, tail.join("")),
  ];
}

/** A name shortened in the middle to a width in pixels; `measure` gives the width of a text. */
export function fitted(name, room, measure) {
  const letters = [...visible(name)];
  const whole = letters.join("");
  if (measure(whole) <= room) return whole;
  const shorter = (kept) => {
    const tail = kept >> 1;
    return `${letters.slice(0, kept - tail).join("")}…${letters.slice(-tail).join("")}`;
  };
  let [fits, tooLong] = [1, letters.length];
  while (tooLong - fits > 1) {
    const kept = (fits + tooLong) >> 1;
    if (measure(shorter(kept)) <= room) fits = kept;
    else tooLong = kept;
  }
  return fits > 1 ? shorter(fits) : "…";
}

/** The ends of names, with as few folders as tell them apart. */
export function shortNames(names) {
  const split = names.map((name) => name.split("/"));
  const deepest = Math.max(0, ...split.map((parts) => parts.length));
  for (let depth = 1; depth < deepest; depth += 1) {
    const short = split.map((parts) => parts.slice(-depth).join("/"));
    if (new Set(short).size === names.length) return short;
  }
  return names;
}
