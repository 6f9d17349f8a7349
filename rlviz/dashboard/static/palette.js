/** The colors of runs: told apart with any color vision, 3:1 or more against the panel. */

import { color, isDark } from "./theme.js";

// In the order of M. Okabe and K. Ito's Color Universal Design, as in rlviz's figures; darker on
// white and lighter on black than theirs, for contrast.
const OF_RUNS = {
  light: ["#0072b2", "#d1490c", "#00845f", "#b04f8f", "#a86a00", "#1f8fcb", "#5c4bb3", "#3d434d"],
  dark: ["#4fa9e6", "#ff8a4c", "#2fc49a", "#e08bc0", "#f0b13c", "#8fd0f7", "#a99bf5", "#c9d0da"],
};
const DASHES = [[], [7, 2.5], [2, 2], [8, 2.5, 2, 2.5]];
const ALONE = {
  light: { dots: "#1f77b4", curve: "#d62728" },
  dark: { dots: "#5ba7df", curve: "#ff6b63" },
};

const LIGHT = 0.55; // share of the panel in the tone of a run's dots: its curve stands out

/**
 * How a run is drawn.
 * @param {number} slot which of the colors, from 0; beyond them lines are dashed.
 * @param {string|undefined} chosen a color that the user gave to the run.
 * @param {boolean} alone whether it is the only run, drawn as in rlviz's figure.
 */
export function paint(slot, chosen, alone) {
  const theme = isDark() ? "dark" : "light";
  if (alone && !chosen) return { ...ALONE[theme], key: ALONE[theme].dots, dash: [] };
  const colors = OF_RUNS[theme];
  const own = chosen ?? colors[slot % colors.length];
  const dash = chosen ? [] : DASHES[Math.floor(slot / colors.length) % DASHES.length];
  return { dots: alone ? own : mixed(own, color("panel"), LIGHT), curve: own, key: own, dash };
}

/** A color between two. */
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
