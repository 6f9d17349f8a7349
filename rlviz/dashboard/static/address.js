/** Keeps the state in the address of the browser window, so that users can save and send a view.
 *
 * The page is in a frame of TensorBoard, and nobody sees the frame's own address. TensorBoard keeps
 * its state in the fragment as `#tab&key=value`, and reserves keys of the form `p.<plugin>.<name>`
 * for plugins (it hands them out as `experimental.GetURLPluginData`): it leaves them alone while it
 * changes others. So the state goes there, with one key for each value that is not the default. */

import { HAS } from "./api.js";
import { isWay } from "./grouping.js";
import { DEFAULTS } from "./state.js";
import { AXES } from "./vocabulary.js"; // the server makes it

const TAB = "rlviz";
const PREFIX = `p.${TAB}.`;

/** The state that the address holds, without what can't be read. */
export function readAddress() {
  return decode(pairs(place().hash));
}

/** Put the state into the address, without adding an entry to the history. */
export function writeAddress(state) {
  const window_ = topmost();
  const [tab, others] = foreign(window_.location.hash);
  if (tab !== TAB && window_ !== window) return; // the user is on another tab
  const own = [...encode(state)].map(([k, v]) => `${PREFIX}${k}=${encodeURIComponent(v)}`);
  const hash = `#${[TAB, ...others, ...own].join("&")}`;
  if (hash === window_.location.hash) return;
  try {
    window_.history.replaceState(window_.history.state, "", hash);
  } catch {
    // A frame without an address of its own, as in a notebook: the state lives as long as it.
  }
}

/** The whole address, for copying. */
export function address() {
  return place().href;
}

/** Call `listener` with the state when the user goes to another address of this page. */
export function watchAddress(listener) {
  topmost().addEventListener("hashchange", () => {
    const [tab] = foreign(place().hash);
    if (tab === TAB || topmost() === window) listener(readAddress());
  });
}

/** State -> [name, text] of every value that is not the default. */
export function encode(state) {
  const found = new Map();
  const put = (name, text) => found.set(name, text);
  if (state.x !== DEFAULTS.x) put("x", state.x);
  if (state.log) put("log", "1");
  if (state.smooth !== "auto")
    put("smooth", state.smooth === "ema" ? `ema:${state.weight}` : "none");
  for (const name of ["dots", "band", "names", "grouped"]) if (!state[name]) put(name, "0");
  if (state.forecast) put("forecast", "1");
  if (state.panels) put("panels", joined(state.panels));
  if (state.full !== null) put("full", state.full);
  if (state.logs.length) put("logy", joined(state.logs));
  if (state.from !== null) put("from", String(state.from));
  if (state.to !== null) put("to", String(state.to));
  const heights = [...state.heights].flatMap(([m, [low, high]]) => [m, `${low}`, `${high}`]);
  if (heights.length) put("y", joined(heights));
  if (state.runs.mode !== "default") put(state.runs.mode, joined(state.runs.names));
  const colors = [...state.colors].flat();
  if (colors.length) put("colors", joined(colors));
  if (state.sort !== DEFAULTS.sort) put("sort", state.sort);
  if (state.falls) put("falls", "1");
  if (state.columns !== DEFAULTS.columns) put("columns", joined(state.columns));
  if (state.search) put("search", state.search);
  if (state.closed.length) put("closed", joined(state.closed));
  if (state.by !== DEFAULTS.by) put("by", state.by);
  if (state.baseline !== null) put("baseline", state.baseline);
  if (state.level !== null) put("level", String(state.level));
  if (state.at !== null) put("at", String(state.at));
  return found;
}

/** The inverse; it accepts any text as a value, because anyone can write an address. */
export function decode(found) {
  const state = {};
  const one = (name, words) => {
    if (words.includes(found.get(name))) state[name] = found.get(name);
  };
  one("x", Object.keys(AXES));
  if (found.get("log") === "1") state.log = true;
  if (found.get("forecast") === "1") state.forecast = true;
  for (const name of ["dots", "band", "names", "grouped"])
    if (found.get(name) === "0") state[name] = false;
  const smooth = found.get("smooth") ?? "";
  const weight = smooth.startsWith("ema:") ? Number(smooth.slice(4)) : NaN;
  if (smooth === "none") state.smooth = "none";
  if (HAS.server && weight >= 0 && weight < 1) Object.assign(state, { smooth: "ema", weight });
  if (found.has("panels")) state.panels = [...new Set(parted(found.get("panels")))];
  if (found.get("full")) state.full = found.get("full");
  if (found.has("logy")) state.logs = [...new Set(parted(found.get("logy")))];
  const by = found.get("by");
  if (by === "" || (by && isWay(by))) state.by = by;
  if (found.get("baseline")) state.baseline = found.get("baseline");
  for (const name of ["from", "to", "at", "level"]) {
    const text = found.get(name);
    if (text && Number.isFinite(Number(text))) state[name] = Number(text);
  }
  if (state.from >= state.to) (delete state.from, delete state.to);
  const heights = parted(found.get("y") ?? "");
  state.heights = new Map();
  for (let i = 0; i + 2 < heights.length; i += 3) {
    const [low, high] = [Number(heights[i + 1]), Number(heights[i + 2])];
    if (low < high) state.heights.set(heights[i], [low, high]);
  }
  for (const mode of ["show", "hide"]) {
    if (found.has(mode)) state.runs = { mode, names: parted(found.get(mode)) };
  }
  const colors = parted(found.get("colors") ?? "");
  state.colors = new Map();
  for (let i = 0; i + 1 < colors.length; i += 2) {
    if (/^#[0-9a-f]{6}$/.test(colors[i + 1])) state.colors.set(colors[i], colors[i + 1]);
  }
  if (found.get("sort")) state.sort = found.get("sort");
  if (found.get("falls") === "1") state.falls = true;
  if (found.has("columns")) state.columns = [...new Set(parted(found.get("columns")))];
  if (found.get("search")) state.search = found.get("search");
  if (found.has("closed")) state.closed = parted(found.get("closed"));
  return { ...DEFAULTS, ...state };
}

/** Names in one text, separated by commas; a backslash escapes a comma or backslash in a name. */
function joined(names) {
  return names.map((name) => name.replace(/[\\,]/g, "\\$&")).join(",");
}

function parted(text) {
  if (!text) return [];
  return [...text.matchAll(/((?:\\.|[^\\,])*)(?:,|$)/gs)]
    .slice(0, -1)
    .map((match) => match[1].replace(/\\(.)/gs, "$1"));
}

/** Name -> text, for this plugin's keys in a fragment. */
function pairs(hash) {
  const found = new Map();
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [key, ...rest] = part.split("=");
    try {
      const name = decodeURIComponent(key);
      const text = decodeURIComponent(rest.join("="));
      if (name.startsWith(PREFIX)) found.set(name.slice(PREFIX.length), text);
    } catch {
      // A percent sign that encodes nothing: we did not write it.
    }
  }
  return found;
}

/** The tab of a fragment, and the keys that are not ours. */
function foreign(hash) {
  const parts = hash.replace(/^#/, "").split("&").filter(Boolean);
  const tab = parts.length && !parts[0].includes("=") ? parts.shift() : "";
  return [tab, parts.filter((part) => !decodeURIComponentSafely(part).startsWith(PREFIX))];
}

function decodeURIComponentSafely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function place() {
  return topmost().location;
}

/** TensorBoard's window if the page is in one of its frames, else the page's own. */
function topmost() {
  try {
    if (HAS.server && window.parent !== window && window.parent.location.hash !== undefined) return window.parent;
  } catch {
    // The parent has another origin (a notebook that embeds the page alone).
  }
  return window;
}
