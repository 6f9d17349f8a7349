/** The panels in order: makes, moves and removes them as the user likes. */

import { element } from "./elements.js";
import { Panel } from "./panel.js";

export class Panels {
  #page;
  #panels = new Map();
  #dragged = null;
  node = element("div", { class: "panels", tabindex: "-1", "aria-label": "Panels" });

  constructor(page) {
    this.#page = page;
  }

  get(metric) {
    return this.#panels.get(metric);
  }

  get all() {
    return [...this.#panels.values()];
  }

  /** Make the panels that should be visible, remove the others, and put them in order. */
  arrange() {
    const { panels } = this.#page.view();
    for (const [metric, panel] of this.#panels) {
      if (panels.includes(metric)) continue;
      panel.destroy();
      this.#panels.delete(metric);
    }
    const ordered = new Map();
    panels.forEach((metric, place) => {
      const panel = this.#panels.get(metric) ?? this.#make(metric);
      // Move only a panel that is out of place: moving takes the focus away.
      if (this.node.children[place] !== panel.node) {
        this.node.insertBefore(panel.node, this.node.children[place] ?? null);
      }
      ordered.set(metric, panel);
    });
    this.#panels = ordered;
    this.node.classList.toggle("is-single", panels.length === 1);
    this.node.classList.toggle("is-one-row", panels.length <= 2);
  }

  update() {
    for (const panel of this.#panels.values()) panel.update();
  }

  point(hover) {
    for (const panel of this.#panels.values()) panel.point(hover);
  }

  focus() {
    this.node.focus();
  }

  /** Move a panel by some positions. */
  move(metric, by) {
    const panels = [...this.#page.view().panels];
    const from = panels.indexOf(metric);
    const to = Math.min(panels.length - 1, Math.max(0, from + by));
    if (from === to) return;
    const focused = document.activeElement;
    panels.splice(to, 0, ...panels.splice(from, 1));
    this.#page.state.set({ panels });
    if (focused instanceof HTMLElement) focused.focus();
    this.#page.say(`Panel ${to + 1} of ${panels.length}`);
  }

  #make(metric) {
    const panel = new Panel(metric, this.#page);
    const { header, node } = panel;
    header.draggable = true;
    header.addEventListener("dragstart", (event) => {
      this.#dragged = metric;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", metric);
      node.classList.add("is-dragged");
    });
    header.addEventListener("dragend", () => {
      this.#dragged = null;
      node.classList.remove("is-dragged");
    });
    node.addEventListener("dragover", (event) => {
      if (this.#dragged === null || this.#dragged === metric) return;
      event.preventDefault();
      node.classList.add("is-target");
    });
    node.addEventListener("dragleave", () => node.classList.remove("is-target"));
    node.addEventListener("drop", (event) => {
      event.preventDefault();
      node.classList.remove("is-target");
      if (this.#dragged === null) return;
      const { panels } = this.#page.view();
      this.move(this.#dragged, panels.indexOf(metric) - panels.indexOf(this.#dragged));
    });
    return panel;
  }
}
