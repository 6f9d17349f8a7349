/** The RL FLOPs page: TensorBoard imports this module into a separate frame and calls render().
 *
 * The server joins all modules into this one. The list of runs and the style sheet are requested
 * at once, so that the page waits for nothing twice. */

import { fetchRuns } from "./api.js";
import { Page } from "./page.js";

export async function render() {
  document.documentElement.lang = "en";
  document.title = "RL FLOPs";
  const listing = fetchRuns();
  listing.catch(() => {}); // the page, once it is there, says what is wrong
  await loaded("style.css");
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
