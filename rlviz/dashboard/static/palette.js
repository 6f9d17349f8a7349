/** How runs are drawn: in the figure's colors, made legible on the page's background. */

import { ALONE, DASHES, OF_RUNS } from "./vocabulary.js"; // the server makes it
import { color } from "./theme.js";

const PAPER = "#ffffff"; // the background that the figure's colors were chosen for
const LEAST_CONTRAST = 3; // of graphics, by WCAG 2.1
const LIGHTER = 1 / 4; // share of white in all colors in the dark; keeps blue and sky blue apart
const LIGHT = 0.55; // share of the panel's color in a run's dots, so that its curve stands out

const onGround = new Map();

/**
 * How a run is drawn.
 * @param {number} slot the index of the color, from 0; lines beyond the last color are dashed.
 * @param {string|undefined} chosen a color that the user gave the run.
 * @param {boolean} alone whether it is the only run, drawn as in rlviz's figure.
 */
export function paint(slot, chosen, alone) {
  if (alone && !chosen) {
    const [dots, curve] = [legible(ALONE.dots), legible(ALONE.curve)];
    return { dots, curve, key: dots, dash: [] };
  }
  const own = chosen ?? legible(OF_RUNS[slot % OF_RUNS.length]);
  const dash = chosen ? [] : DASHES[Math.floor(slot / OF_RUNS.length) % DASHES.length];
  const dots = alone ? own : mixed(own, color("panel"), LIGHT);
  const onPaper = chosen ?? OF_RUNS[slot % OF_RUNS.length];
  return { dots, curve: own, key: own, dash, onPaper };
}

/** A color of the figure, changed to stand out from the panel no less than from paper: in the dark
 * all colors are lighter, and black becomes white. */
function legible(hex) {
  const ground = color("panel");
  const key = `${hex} ${ground}`;
  if (!onGround.has(key)) {
    const isDark = luminance(ground) < 0.5;
    const wanted = Math.max(LEAST_CONTRAST, contrast(hex, PAPER));
    const toned = (share) => mixed(hex, isDark ? "#ffffff" : "#000000", share);
    let share = isDark ? LIGHTER : 0;
    while (contrast(toned(share), ground) < wanted && share < 1) share += 1 / 64;
    onGround.set(key, toned(share));
  }
  return onGround.get(key);
}

/** The contrast of two colors, 1 to 21, as WCAG 2.1 defines it. */
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex) {
  const [red, green, blue] = channels(hex)
    .map((channel) => channel / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** A color between two others. */
function mixed(one, other, share) {
  const b = channels(other);
  const parts = channels(one).map((a, i) => Math.round(a + (b[i] - a) * share));
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** Red, green and blue, 0..255, of #rrggbb. */
export function channels(hex) {
  const whole = Number.parseInt(hex.slice(1), 16);
  return [(whole >> 16) & 255, (whole >> 8) & 255, whole & 255];
}

/** #rrggbb with an opacity, for a canvas. */
export function faded(hex, opacity) {
  return `rgba(${channels(hex).join(", ")}, ${opacity})`;
}
