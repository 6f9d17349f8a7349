/** The head of a panel: its title, the legend of a single run or of groups, and its tools. */

import { element, icon, iconButton, setText, visible } from "./elements.js";
import { legendOfGroups } from "./groups.js";

let count = 0;

export class PanelHead {
  titleId = `rlviz-panel-${(count += 1)}`;
  #title = element("h2", { id: this.titleId });
  #legend = element("div", { class: "legend" });
  #values;
  #limits;
  #full;

  /** @param {Object} on values(), fill(), move(by), remove(), and limits(): whether they are open. */
  constructor(on) {
    const closed = { "aria-expanded": "false" };
    this.#values = iconButton("table", "Values as a table", on.values, closed);
    this.#limits = iconButton(
      "limits",
      "Limits of the axes",
      () => this.#limits.setAttribute("aria-expanded", String(on.limits())),
      closed,
    );
    this.#full = iconButton("full", "Full screen", on.fill, { "aria-pressed": "false" });
    const tools = element(
      "div",
      { class: "panel-tools" },
      this.#values,
      this.#limits,
      this.#full,
      iconButton("left", "Move this panel back", () => on.move(-1)),
      iconButton("right", "Move this panel on", () => on.move(1)),
      iconButton("close", "Remove this panel", on.remove),
    );
    this.node = element("header", { class: "panel-header" }, this.#title, this.#legend, tools);
  }

  get title() {
    return this.#title.textContent;
  }

  update(title, layers, { dots, smooth }, tip) {
    const whole = visible(tip ? `${title}\n${tip}` : title);
    if (this.#title.title !== whole) this.#title.title = whole;
    setText(this.#title, title);
    const hasGroups = layers.some(({ isGroup }) => isGroup);
    const single = layers.length === 1 ? `${dots} ${smooth} ${layers[0].paint.dots}` : "";
    const wanted = hasGroups
      ? JSON.stringify(layers.map(({ name, behind, seeds, paint }) => [name, behind, seeds, paint]))
      : single;
    if (this.#legend.dataset.shown === wanted) return;
    this.#legend.dataset.shown = wanted;
    this.#legend.replaceChildren(...(hasGroups ? legendOfGroups(layers) : []));
    this.node.classList.toggle("has-groups", hasGroups);
    if (!single) return;
    const { paint } = layers[0];
    if (dots) this.#legend.append(entry("key", paint.dots, "each step"));
    if (smooth !== "none") this.#legend.append(entry("stroke", paint.curve, "smoothed"));
  }

  showValues(isOpen) {
    this.#values.setAttribute("aria-expanded", String(isOpen));
  }

  showFull(isFull) {
    if (this.#full.getAttribute("aria-pressed") === String(isFull)) return;
    this.#full.setAttribute("aria-pressed", String(isFull));
    this.#full.replaceChildren(icon(isFull ? "small" : "full"));
  }
}

function entry(kind, color, text) {
  const mark = element("span", { class: kind, style: { "--run": color } });
  return element("span", { class: "legend-entry" }, mark, text);
}
