/** The panels in order: makes, moves and removes them as the user likes. */

import { element, setText } from "./elements.js";
import { Panel } from "./panel.js";
import { prefixOf } from "./words.js";

const MOST_UNTITLED = 2; // panels: two stand side by side

/** Panels that follow each other and whose metrics have the same prefix. */
function sectionsOf(panels) {
  const found = [];
  for (const metric of panels) {
    const prefix = prefixOf(metric);
    if (found.at(-1)?.prefix === prefix) found.at(-1).metrics.push(metric);
    else found.push({ prefix, metrics: [metric] });
  }
  return found;
}

export class Panels {
  #page;
  #panels = new Map();
  #headings = [];
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
    const { panels, state } = this.#page.view();
    for (const [metric, panel] of this.#panels) {
      if (panels.includes(metric)) continue;
      panel.destroy();
      this.#panels.delete(metric);
    }
    const ordered = new Map();
    panels.forEach((metric) => {
      ordered.set(metric, this.#panels.get(metric) ?? this.#make(metric));
    });
    this.#panels = ordered;
    const full = panels.includes(state.full) ? state.full : null;
    for (const [metric, panel] of ordered)
      panel.show({ isFull: metric === full, isAside: full !== null && metric !== full });
    this.#page.fill(full !== null);
    this.#place(panels);
    this.node.classList.toggle("is-single", panels.length === 1);
    this.node.classList.toggle("is-one-row", panels.length <= 2);
  }

  /** Put the panels in order, many of them below the prefixes of their metrics. */
  #place(panels) {
    const parts = sectionsOf(panels);
    const isTitled = panels.length > MOST_UNTITLED && parts.length > 1;
    const nodes = parts.flatMap(({ prefix, metrics }, i) => [
      ...(isTitled ? [this.#heading(i, prefix)] : []),
      ...metrics.map((metric) => this.#panels.get(metric).node),
    ]);
    for (const old of [...this.node.children]) if (!nodes.includes(old)) old.remove();
    nodes.forEach((node, place) => {
      // Move only what is out of place: moving takes the focus away.
      const there = this.node.children[place];
      if (there !== node) this.node.insertBefore(node, there ?? null);
    });
  }

  #heading(place, prefix) {
    this.#headings[place] ??= element("p", { class: "panel-group", role: "heading", "aria-level": "2" });
    setText(this.#headings[place], prefix || "others");
    this.#headings[place].classList.toggle("hidden-words", !prefix && place === 0);
    return this.#headings[place];
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
