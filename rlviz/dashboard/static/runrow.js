/** A line of the list of runs: a run, or a folder of them. */

import { element, icon, iconButton, setText, visible } from "./elements.js";
import { keyOf, nameParts } from "./legend.js";
import { number } from "./numbers.js";
import { columnsOf } from "./runtools.js";
import { plural } from "./words.js";

/** The runs of one folder, or of one group. */
export class Group {
  #box;
  #key = element("span", { class: "run-key" });
  #keyed = "";
  #stress = "";
  #count = element("span", { class: "count" });
  #arrow;

  constructor(prefix, title, names, onToggle, page) {
    this.names = names;
    this.#box = element("input", {
      type: "checkbox",
      "aria-label": `Show all runs in ${prefix}`,
      on: { change: () => onToggle(this.#box.checked) },
    });
    this.#arrow = iconButton("down", `Runs in ${prefix}`, () => {
      const { closed } = page.state.value;
      const next = closed.includes(prefix)
        ? closed.filter((one) => one !== prefix)
        : [...closed, prefix];
      page.state.set({ closed: next });
    });
    this.rows = element("ul", { class: "run-list" });
    const words = element("span", { class: "group-name", title: prefix }, ...nameParts(title));
    const head = element(
      "div",
      { class: "group-head" },
      this.#arrow,
      this.#box,
      this.#key,
      words,
      this.#count,
    );
    head.addEventListener("pointerenter", () => this.#stress && page.stress(this.#stress));
    this.node = element("li", { class: "group" }, head, this.rows);
  }

  /** @param {Object|undefined} unit the group that its shown runs make, if they make one. */
  update(painted, isClosed, unit) {
    const { length } = this.names;
    const shown = this.names.filter((name) => painted.has(name)).length;
    this.#box.checked = shown === length;
    this.#box.indeterminate = shown > 0 && shown < length;
    setText(this.#count, unit && shown === length ? `n = ${length}` : `${shown}/${length}`);
    this.#showKey(unit);
    this.rows.hidden = isClosed;
    this.#arrow.setAttribute("aria-expanded", String(!isClosed));
  }

  #showKey(unit) {
    this.#stress = unit?.id ?? "";
    const wanted = unit ? `${unit.paint.key} ${unit.paint.dash}` : "";
    if (wanted === this.#keyed) return;
    this.#keyed = wanted;
    this.#key.replaceChildren(...(unit ? [keyOf(unit.paint)] : []));
  }
}

/** One run. */
export class Row {
  #name;
  #label = element("span", { class: "run-name" });
  #box;
  #color;
  #last = element("span", { class: "run-last" });
  #columns = element("p", { class: "run-columns" });
  #page;
  #key = element("span", { class: "run-key" });
  #keyed = "";
  #notes = element("div", { class: "run-notes" });
  #noted = "";

  constructor(name, page) {
    this.#name = name;
    this.#page = page;
    const { state, runs } = page;
    this.#box = element("input", {
      type: "checkbox",
      on: {
        change: () => state.set({ runs: runs.toggled(state.value, [name], this.#box.checked) }),
      },
    });
    this.#color = element("input", {
      type: "color",
      "aria-label": `Color of ${name}`,
      title: "Choose another color",
      on: {
        change: () =>
          state.set({ colors: new Map(state.value.colors).set(name, this.#color.value) }),
      },
    });
    const only = element(
      "button",
      {
        type: "button",
        class: "only",
        "aria-label": `Show only ${name}`,
        on: { click: () => state.set({ runs: { mode: "show", names: [name] } }) },
      },
      "only",
    );
    const label = element("label", { class: "run-label", title: name }, this.#box, this.#key, this.#label);
    const line = element("div", { class: "run-line" }, label, this.#last, only, this.#color);
    this.node = element("li", { class: "run" }, line, this.#columns, this.#notes);
    this.node.addEventListener("pointerenter", () => page.stress(name));
  }

  showName(text) {
    if (this.#label.textContent !== visible(text)) this.#label.replaceChildren(...nameParts(text));
  }

  update(run, paint, state) {
    const isShown = paint !== undefined;
    this.#box.checked = isShown;
    this.node.classList.toggle("is-shown", isShown);
    const color = state.colors.get(this.#name) ?? paint?.key;
    if (color) this.node.style.setProperty("--run", color);
    else this.node.style.removeProperty("--run");
    this.#showKey(paint);
    this.#color.hidden = !isShown;
    if (color && this.#color.value !== color) this.#color.value = color;
    const [short, whole] = lastOf(run);
    setText(this.#last, short);
    this.#last.title = whole;
    this.#showColumns(columnsOf(run, this.#page));
    this.#showNotes(run.notes);
  }

  #showColumns(found) {
    const wanted = JSON.stringify(found);
    if (wanted === this.#columns.dataset.shown) return;
    this.#columns.dataset.shown = wanted;
    this.#columns.hidden = !found.length;
    this.#columns.replaceChildren(
      ...found.map(({ text, title, kind }) => element("span", { class: `is-${kind}`, title }, text)),
    );
  }

  #showKey(paint) {
    const wanted = paint ? `${paint.key} ${paint.dash}` : "";
    if (wanted === this.#keyed) return;
    this.#keyed = wanted;
    this.#key.replaceChildren(...(paint ? [keyOf(paint)] : []));
  }

  #showNotes(notes) {
    const wanted = JSON.stringify(notes);
    if (wanted === this.#noted) return;
    this.#noted = wanted;
    if (!notes.length) {
      this.#notes.replaceChildren();
      return;
    }
    const more = notes.length > 1 ? ` (${plural(notes.length - 1, "more note")})` : "";
    this.#notes.replaceChildren(
      element(
        "details",
        {},
        element("summary", {}, icon("warning"), element("span", {}, notes[0] + more)),
        ...notes.map((note) => element("p", {}, note)),
      ),
    );
  }
}

/** How far a run got, in short and in words. */
function lastOf({ last, steps }) {
  if (!last || !steps) return ["–", "no steps yet"];
  const step = `step ${number(last.step, 15)}`;
  if (last.flops === null) return [number(last.step, 15), step];
  return [number(last.flops, 2), `${step}, ${number(last.flops, 6)} RL FLOPs`];
}
