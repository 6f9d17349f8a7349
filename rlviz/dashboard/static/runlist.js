/** The list of runs: search, folders, colors, which runs are shown, and what is wrong with each. */

import { element, icon, setText } from "./elements.js";
import { namer } from "./grouping.js";
import { number } from "./numbers.js";
import { Group, Row } from "./runrow.js";
import { compareNames } from "./runs.js";
import { orderOf, RunTools } from "./runtools.js";

const NARROW = "(max-width: 900px)"; // as in the style sheet, where the charts then come first

/** The beginning of a run's name, up to its last slash. */
export function prefixOf(name) {
  const end = name.lastIndexOf("/");
  return end > 0 ? name.slice(0, end) : "";
}

/** What a search asks of a name: each of its words is a regular expression, or a text if it is none. */
function sought(search) {
  const words = search.split(/\s+/).filter(Boolean);
  let wrong = "";
  const tests = words.map((word) => {
    try {
      const expression = new RegExp(word, "i");
      return (name) => expression.test(name);
    } catch {
      wrong = `“${word}” is no regular expression; names with this text are shown.`;
      const text = word.toLowerCase();
      return (name) => name.toLowerCase().includes(text);
    }
  });
  return { tests, wrong };
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
    title: "Words or regular expressions; a name has to have them all",
    "aria-label": "Filter runs by words or regular expressions",
    autocomplete: "off",
    spellcheck: "false",
  });
  #count = element("span", { class: "count", "aria-live": "polite" });
  #list = element("ul", { class: "run-list" });
  #nothing = element("p", { class: "hint", role: "status", hidden: true });
  #tools;
  #grouped = element("input", { type: "checkbox" });

  constructor(page) {
    this.#page = page;
    const { state } = page;
    this.#search.addEventListener("input", () => state.set({ search: this.#search.value }));
    this.#grouped.addEventListener("change", () => state.set({ grouped: this.#grouped.checked }));
    const all = element(
      "button",
      { type: "button", on: { click: () => this.#toggle(this.#found(), true) } },
      "All",
    );
    const none = element(
      "button",
      { type: "button", on: { click: () => this.#toggle(this.#found(), false) } },
      "None",
    );
    this.#tools = new RunTools(page);
    this.#details = element(
      "details",
      { class: "runs", open: !window.matchMedia(NARROW).matches },
      element("summary", {}, icon("right"), element("h2", {}, "Runs"), this.#count),
      element("div", { class: "run-tools" }, this.#search, all, none),
      this.#tools.node,
      element("label", { class: "check small" }, this.#grouped, "Group by folder"),
      this.#nothing,
      this.#list,
    );
    this.node = element("aside", { class: "sidebar", "aria-label": "Runs" }, this.#details);
    this.#list.addEventListener("pointerleave", () => page.stress(null));
  }

  #details;

  /** One run stands out, because the pointer is at its line. */
  stress(name) {
    for (const [one, row] of this.#rows) row.node.classList.toggle("is-strong", one === name);
  }

  update() {
    const { state, shown, all } = this.#page.view();
    const painted = new Map(shown.map(({ name, paint }) => [name, paint]));
    if (this.#search.value !== state.search) this.#search.value = state.search;
    const hasGroups = state.by !== "" || all.some(({ name }) => prefixOf(name));
    this.#grouped.checked = state.grouped;
    this.#grouped.parentElement.hidden = !hasGroups || state.by !== "";
    setText(this.#count, `${number(shown.length)} of ${number(all.length)} shown`);
    this.#tools.update();
    const found = this.#found();
    const { wrong } = sought(state.search);
    this.#nothing.hidden = (found.length > 0 && !wrong) || !all.length;
    setText(this.#nothing, wrong || "No run's name has all of these.");
    for (const run of all) this.#row(run.name).update(run, painted.get(run.name), state);
    for (const name of this.#rows.keys()) if (!this.#page.runs.get(name)) this.#rows.delete(name);
    this.#arrange(found, state, hasGroups && (state.grouped || state.by !== ""));
    for (const [prefix, group] of this.#groups)
      group.update(painted, state.closed.includes(prefix), this.#unitOf(group));
  }

  /** Names of the runs that the search finds, in the order that the user chose. */
  #found() {
    const { tests } = sought(this.#page.state.value.search);
    const runs = this.#page.runs.all.filter(({ name }) => tests.every((test) => test(name)));
    return runs.sort(orderOf(this.#page)).map(({ name }) => name);
  }

  /** A function that gives the part of the list that a run stands in; empty for none. */
  #groupNames({ by }) {
    if (!by) return prefixOf;
    const { runs, told } = this.#page;
    const nameOf = namer(by, told);
    return (name) => nameOf(runs.get(name)) ?? "";
  }

  #toggle(names, isShown) {
    const { state, runs } = this.#page;
    state.set({ runs: runs.toggled(state.value, names, isShown) });
  }

  /** The unit of which a part of the list has the runs; undefined for a folder. */
  #unitOf({ names }) {
    const { state, units } = this.#page.view();
    if (!state.by) return undefined;
    return units.find(({ isGroup, runs }) => isGroup && runs.some(({ name }) => names.includes(name)));
  }

  #row(name) {
    if (!this.#rows.has(name)) this.#rows.set(name, new Row(name, this.#page));
    return this.#rows.get(name);
  }

  /** Put the rows into the list, but only if they have changed. */
  #arrange(found, state, isGrouped) {
    const groupOf = this.#groupNames(state);
    const groups = found.map(groupOf);
    const order = JSON.stringify([found, isGrouped, groups, state.by, state.sort, state.falls]);
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
      const prefix = groupOf(name);
      if (!members.has(prefix)) members.set(prefix, []);
      members.get(prefix).push(name);
    }
    const nodes = [];
    // Else a folder stands where its first run would.
    const isByName = state.sort === "name" && !state.falls;
    const prefixes = isByName ? [...members.keys()].sort(compareNames) : [...members.keys()];
    for (const prefix of prefixes) {
      const names = members.get(prefix);
      const isAlone = !prefix || (state.by && names.length === 1);
      for (const name of names) {
        const isInside = !isAlone && name.startsWith(`${prefix}/`);
        this.#row(name).showName(isInside ? name.slice(prefix.length + 1) : name);
      }
      if (isAlone) {
        nodes.push(...names.map((name) => this.#row(name).node));
        continue;
      }
      const toggle = (isShown) => this.#toggle(names, isShown);
      const title = state.by ? prefix : `${prefix}/`;
      const group = new Group(prefix, title, names, toggle, this.#page);
      group.rows.append(...names.map((name) => this.#row(name).node));
      this.#groups.set(prefix, group);
      nodes.push(group.node);
    }
    this.#list.replaceChildren(...nodes);
  }
}
