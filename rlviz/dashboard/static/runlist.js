/** The list of runs: search, groups, colors, which are shown, and what is wrong with each. */

import { element, icon, iconButton, setText } from "./elements.js";
import { number } from "./numbers.js";
import { BY_NAME } from "./runs.js";
import { plural } from "./words.js";

/** What a run's name begins with, up to its last slash. */
export function prefixOf(name) {
  const end = name.lastIndexOf("/");
  return end > 0 ? name.slice(0, end) : "";
}

export class RunList {
  #page;
  #rows = new Map();
  #groups = new Map();
  #order = "";
  #search = element("input", {
    type: "search",
    id: "rlviz-search",
    placeholder: "Filter runs",
    "aria-label": "Filter runs by words in their names",
    autocomplete: "off",
    spellcheck: "false",
  });
  #count = element("span", { class: "count", "aria-live": "polite" });
  #list = element("ul", { class: "run-list" });
  #nothing = element("p", { class: "hint", hidden: true }, "No run has these words in its name.");
  #grouped = element("input", { type: "checkbox" });

  constructor(page) {
    this.#page = page;
    const { state } = page;
    this.#search.addEventListener("input", () => state.set({ search: this.#search.value }));
    this.#grouped.addEventListener("change", () => state.set({ grouped: this.#grouped.checked }));
    const all = element("button", { type: "button", on: { click: () => this.#toggle(this.#found(), true) } }, "All");
    const none = element("button", { type: "button", on: { click: () => this.#toggle(this.#found(), false) } }, "None");
    this.#details = element(
      "details",
      { class: "runs", open: true },
      element("summary", {}, element("h2", {}, "Runs"), this.#count),
      element("div", { class: "run-tools" }, this.#search, all, none),
      element("label", { class: "check small" }, this.#grouped, "Group by folder"),
      this.#nothing,
      this.#list,
    );
    this.node = element("aside", { class: "sidebar", "aria-label": "Runs" }, this.#details);
    this.#list.addEventListener("pointerleave", () => page.stress(null));
  }

  #details;

  update() {
    const { state, shown, all } = this.#page.view();
    const painted = new Map(shown.map(({ name, paint }) => [name, paint]));
    if (this.#search.value !== state.search) this.#search.value = state.search;
    const hasGroups = all.some(({ name }) => prefixOf(name));
    this.#grouped.checked = state.grouped;
    this.#grouped.parentElement.hidden = !hasGroups;
    setText(this.#count, `${number(shown.length)} of ${number(all.length)} shown`);
    const found = this.#found();
    this.#nothing.hidden = found.length > 0 || !all.length;
    for (const run of all) this.#row(run.name).update(run, painted.get(run.name), state);
    for (const name of this.#rows.keys()) if (!this.#page.runs.get(name)) this.#rows.delete(name);
    this.#arrange(found, state, hasGroups && state.grouped);
    for (const [prefix, group] of this.#groups) group.update(painted, state.closed.includes(prefix));
  }

  /** Names of the runs that the search finds. */
  #found() {
    const words = this.#page.state.value.search.toLowerCase().split(/\s+/).filter(Boolean);
    const names = this.#page.runs.all.map(({ name }) => name);
    return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
  }

  #toggle(names, isShown) {
    const { state, runs } = this.#page;
    state.set({ runs: runs.toggled(state.value, names, isShown) });
  }

  #row(name) {
    if (!this.#rows.has(name)) this.#rows.set(name, new Row(name, this.#page));
    return this.#rows.get(name);
  }

  /** Put the rows into the list, anew only where they are others. */
  #arrange(found, state, isGrouped) {
    const order = JSON.stringify([found, isGrouped]);
    if (order === this.#order) return;
    this.#order = order;
    this.#groups.clear();
    if (!isGrouped) {
      for (const name of found) this.#row(name).showName(name);
      this.#list.replaceChildren(...found.map((name) => this.#row(name).node));
      return;
    }
    const members = new Map();
    for (const name of found) {
      const prefix = prefixOf(name);
      if (!members.has(prefix)) members.set(prefix, []);
      members.get(prefix).push(name);
      this.#row(name).showName(prefix ? name.slice(prefix.length + 1) : name);
    }
    const nodes = [];
    const prefixes = [...members.keys()].sort((a, b) => BY_NAME.compare(a, b));
    for (const prefix of prefixes) {
      const names = members.get(prefix);
      if (!prefix) {
        nodes.push(...names.map((name) => this.#row(name).node));
        continue;
      }
      const group = new Group(prefix, names, (isShown) => this.#toggle(names, isShown), this.#page);
      group.rows.append(...names.map((name) => this.#row(name).node));
      this.#groups.set(prefix, group);
      nodes.push(group.node);
    }
    this.#list.replaceChildren(...nodes);
  }
}

/** The runs of one folder. */
class Group {
  #names;
  #box;
  #count = element("span", { class: "count" });
  #arrow;

  constructor(prefix, names, onToggle, page) {
    this.#names = names;
    this.#box = element("input", {
      type: "checkbox",
      "aria-label": `Show all runs in ${prefix}`,
      on: { change: () => onToggle(this.#box.checked) },
    });
    this.#arrow = iconButton("down", `Runs in ${prefix}`, () => {
      const { closed } = page.state.value;
      const next = closed.includes(prefix) ? closed.filter((one) => one !== prefix) : [...closed, prefix];
      page.state.set({ closed: next });
    });
    this.rows = element("ul", { class: "run-list" });
    const title = element("span", { class: "group-name", title: prefix }, `${prefix}/`);
    const head = element("div", { class: "group-head" }, this.#arrow, this.#box, title, this.#count);
    this.node = element("li", { class: "group" }, head, this.rows);
  }

  update(painted, isClosed) {
    const shown = this.#names.filter((name) => painted.has(name)).length;
    this.#box.checked = shown === this.#names.length;
    this.#box.indeterminate = shown > 0 && shown < this.#names.length;
    setText(this.#count, `${shown}/${this.#names.length}`);
    this.rows.hidden = isClosed;
    this.#arrow.setAttribute("aria-expanded", String(!isClosed));
  }
}

/** One run. */
class Row {
  #name;
  #label = element("span", { class: "run-name" });
  #box;
  #color;
  #last = element("span", { class: "run-last" });
  #notes = element("div", { class: "run-notes" });
  #noted = "";

  constructor(name, page) {
    this.#name = name;
    const { state, runs } = page;
    this.#box = element("input", {
      type: "checkbox",
      on: { change: () => state.set({ runs: runs.toggled(state.value, [name], this.#box.checked) }) },
    });
    this.#color = element("input", {
      type: "color",
      "aria-label": `Color of ${name}`,
      title: "Choose another color",
      on: { change: () => state.set({ colors: new Map(state.value.colors).set(name, this.#color.value) }) },
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
    const label = element("label", { class: "run-label", title: name }, this.#box, this.#label);
    const line = element("div", { class: "run-line" }, label, this.#last, only, this.#color);
    this.node = element("li", { class: "run" }, line, this.#notes);
    this.node.addEventListener("pointerenter", () => page.stress(name));
  }

  showName(text) {
    setText(this.#label, text);
  }

  update(run, paint, state) {
    const isShown = paint !== undefined;
    this.#box.checked = isShown;
    this.node.classList.toggle("is-shown", isShown);
    const color = state.colors.get(this.#name) ?? paint?.key;
    if (color) this.node.style.setProperty("--run", color);
    else this.node.style.removeProperty("--run");
    this.#color.hidden = !isShown;
    if (color && this.#color.value !== color) this.#color.value = color;
    const [short, whole] = lastOf(run);
    setText(this.#last, short);
    this.#last.title = whole;
    this.#showNotes(run.notes);
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

/** How far a run is, in short and in words. */
function lastOf({ last, steps }) {
  if (!last || !steps) return ["–", "no steps yet"];
  const step = `step ${number(last.step, 15)}`;
  if (last.flops === null) return [number(last.step, 15), step];
  return [number(last.flops, 2), `${step}, ${number(last.flops, 6)} RL FLOPs`];
}
