/** The page RL FLOPs: TensorBoard imports this module into a frame of its own and calls render(). */

import { element } from "./elements.js";
import { Page } from "./page.js";

export async function render() {
  document.documentElement.lang = "en";
  document.title = "RL FLOPs";
  await Promise.all(["uplot.css", "style.css"].map(loadStyles));
  new Page(document.body).start();
}

/** Load a style sheet; without it the page is plain, but there. */
function loadStyles(name) {
  const link = element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href });
  return new Promise((done) => {
    link.addEventListener("load", done);
    link.addEventListener("error", done);
    document.head.append(link);
  });
}
