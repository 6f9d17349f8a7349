/** The RL FLOPs page: TensorBoard imports this module into a separate frame and calls render().
 *
 * It requests all that the page needs at once: imports alone would load one level of modules after
 * the other, and the list of runs after the last level. */

import { fetchRuns } from "./api.js";

const MODULES = [
  "address",
  "axes",
  "copy",
  "dots",
  "download",
  "elements",
  "empty",
  "frames",
  "gestures",
  "keys",
  "live",
  "menus",
  "motion",
  "numbers",
  "page",
  "palette",
  "panel",
  "panels",
  "payload",
  "plot",
  "points",
  "readout",
  "runlist",
  "runrow",
  "runs",
  "scene",
  "state",
  "store",
  "strokes",
  "table",
  "theme",
  "ticks",
  "toolbar",
  "values",
  "vocabulary",
  "words",
];

export async function render() {
  document.documentElement.lang = "en";
  document.title = "RL FLOPs";
  const listing = fetchRuns();
  listing.catch(() => {}); // the page, once loaded, says what is wrong
  for (const name of MODULES) link({ rel: "modulepreload", href: address(`${name}.js`) });
  const [{ Page }] = await Promise.all([import("./page.js"), loaded("style.css")]);
  new Page(document.body).start(listing);
}

/** Waits for a style sheet; without it the page is plain but works. */
function loaded(name) {
  const sheet = link({ rel: "stylesheet", href: address(name) });
  return new Promise((done) => {
    sheet.addEventListener("load", done);
    sheet.addEventListener("error", done);
  });
}

function link(properties) {
  const made = Object.assign(document.createElement("link"), properties);
  document.head.append(made);
  return made;
}

function address(name) {
  return new URL(name, import.meta.url).href;
}
