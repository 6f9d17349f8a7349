/** The values of a panel as a table, for users who can't see the chart or want the numbers. */

import { element, visible } from "./elements.js";
import { toPlace } from "./frames.js";
import { number } from "./numbers.js";
import { describe } from "./readout.js";
import { AXES } from "./vocabulary.js"; // the server makes it

const MOST = 200;
const SOON = 150; // ms: not at every frame of a pan

/** The table of one panel, which opens below it. */
export class Values {
  node = element("div", { class: "values", hidden: true, tabindex: "0", role: "group" });
  #pending = 0;
  #scene = null;
  #onToggle;

  /** @param {Function} onToggle gets whether it is open, and whether Escape has closed it. */
  constructor(onToggle) {
    this.#onToggle = onToggle;
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.toggle(true);
    });
  }

  /** Open it and go there, or close it. */
  toggle(byEscape = false) {
    this.node.hidden = !this.node.hidden;
    this.#onToggle(!this.node.hidden, byEscape);
    if (this.node.hidden) return;
    this.#show();
    this.node.focus();
  }

  update(scene) {
    this.#scene = scene;
    this.node.setAttribute("aria-label", visible(`Values of ${scene.label}`));
    if (!this.node.hidden) this.#show();
  }

  stop() {
    window.clearTimeout(this.#pending);
  }

  #show() {
    this.stop();
    this.node.setAttribute("aria-busy", "true");
    this.#pending = window.setTimeout(() => {
      if (this.#scene) this.node.replaceChildren(valuesTable(this.#scene));
      this.node.setAttribute("aria-busy", "false");
    }, SOON);
  }
}

/** The visible rows: all of them, or evenly spaced ones. */
function valuesTable(scene) {
  const found = [];
  for (const layer of scene.layers) {
    for (const { data, begin, end } of layer.dots.length ? layer.dots : layer.hidden) {
      for (let index = begin; index < end; index += 1) {
        const { low, high } = scene.frame;
        const y = toPlace(data.y[index], scene.logY);
        if (y >= low && y <= high) found.push({ layer, data, index });
      }
    }
  }
  const stride = Math.max(1, Math.ceil(found.length / MOST));
  const rows = found.filter((_, i) => i % stride === 0);
  const titles = ["Run", "Step", AXES[scene.axis].label, scene.label, "95% interval", "Smoothed"];
  const head = titles.map((title) => element("th", { scope: "col" }, title));
  const about =
    stride > 1
      ? `One in ${stride} of the ${number(found.length)} points drawn.`
      : "All points drawn.";
  return element(
    "table",
    {},
    element("caption", {}, about),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((row) => tableRow(row, scene))),
  );
}

function tableRow(row, scene) {
  const { data, index } = row;
  const told = describe(row, scene);
  const cells = [
    number(Math.round(data.step[index]), 15),
    number(data.x[index], 6),
    told.value,
    told.interval.replace(/^95% interval /, "") || "–",
    told.curve.replace(/^smoothed /, "") || "–",
  ];
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, told.run),
    ...cells.map((text) => element("td", {}, text)),
  );
}
