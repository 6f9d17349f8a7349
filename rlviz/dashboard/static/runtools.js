/** The order of the list of runs, and what stands below each name; both are the user's choice. */

import { element, iconButton, setText } from "./elements.js";
import { number, value } from "./numbers.js";
import { menu } from "./menus.js";
import { compareNames } from "./runs.js";
import { QUANTITIES } from "./vocabulary.js"; // the server makes it
import { labelOf } from "./words.js";

const FIXED = {
  name: "Name",
  state: "State",
  step: "Last step",
  flops: "RL FLOPs",
  written: "Last written",
};
const VALUE = "value:";
const SETTING = "setting:";

/** The names of all settings of any run, those first that differ between runs. */
function settingsOf(page) {
  const found = new Map();
  const { all } = page.runs;
  for (const { name } of all) {
    for (const [setting, given] of Object.entries(page.told.settings(name))) {
      if (!found.has(setting)) found.set(setting, []);
      found.get(setting).push(String(given));
    }
  }
  const differs = (setting) => {
    const given = found.get(setting);
    return given.length < all.length || new Set(given).size > 1;
  };
  const names = [...found.keys()].sort(compareNames);
  return [...names.filter(differs), ...names.filter((one) => !differs(one))];
}

/** Compares two runs as the user chose; runs that lack what is compared come last. */
export function orderOf(page) {
  const { sort, falls } = page.state.value;
  const key = keyOf(sort, page);
  const sign = falls ? -1 : 1;
  return (a, b) => {
    const [one, other] = [key(a), key(b)];
    const lacks = [one, other].map((k) => k === null || k === undefined || Number.isNaN(k));
    if (lacks[0] || lacks[1]) return lacks[0] - lacks[1] || compareNames(a.name, b.name);
    const isNumber = typeof one === "number" && typeof other === "number";
    const order = isNumber ? one - other : compareNames(String(one), String(other));
    return sign * order || compareNames(a.name, b.name);
  };
}

function keyOf(sort, page) {
  if (sort === "state") return (run) => page.told.state(run, page.runs.now).rank;
  if (sort === "step") return (run) => run.last?.step;
  if (sort === "flops") return (run) => run.last?.flops;
  if (sort === "written") return (run) => run.last?.wall_time;
  if (sort.startsWith(VALUE)) return (run) => run.values[sort.slice(VALUE.length)];
  if (sort.startsWith(SETTING)) {
    return ({ name }) => {
      const settings = page.told.settings(name);
      const setting = sort.slice(SETTING.length);
      return Object.hasOwn(settings, setting) ? settings[setting] : null;
    };
  }
  return (run) => run.name;
}

/** The texts below a run's name, each with a longer one for its tooltip. */
export function columnsOf(run, page) {
  const { columns } = page.state.value;
  const found = [];
  const settings = page.told.settings(run.name);
  for (const column of columns) {
    if (column === "state") {
      const { word, kind } = page.told.state(run, page.runs.now);
      if (word) found.push({ text: word, title: "", kind });
    } else if (column === "values") {
      for (const metric of page.view().panels) {
        const last = Object.hasOwn(run.values, metric) ? run.values[metric] : null;
        if (last === null) continue;
        const text = value(QUANTITIES[metric]?.scale ?? scaleOf(metric), last, 4);
        const title = `${labelOf(metric)}, last value: ${text}`;
        const named = QUANTITIES[metric]?.core ? text : `${metric} ${text}`;
        found.push({ text: named, title, kind: "value" });
      }
    } else if (Object.hasOwn(settings, column)) {
      const short = column.split(".").at(-1);
      const given = settings[column];
      const text = typeof given === "number" ? number(given, 4) : String(given);
      found.push({ text: `${short} ${text}`, title: `${column}: ${given}`, kind: "setting" });
    }
  }
  return found;
}

function scaleOf(metric) {
  return metric.startsWith("accuracy/") ? "percent" : "number";
}

export class RunTools {
  #page;
  #choice = element("select", { "aria-label": "Sort runs by" });
  #falls;
  #listed = "";

  constructor(page) {
    this.#page = page;
    const { state } = page;
    this.#choice.addEventListener("change", () => {
      const sort = this.#choice.value;
      const falls = sort !== "name" && sort !== "state" && !sort.startsWith(SETTING);
      state.set({ sort, falls });
    });
    this.#falls = iconButton("rise", "", () => state.set({ falls: !state.value.falls }));
    const columns = menu("table", "Columns", (items) => this.#fill(items));
    this.node = element("div", { class: "run-order" }, this.#choice, this.#falls, columns);
  }

  update() {
    const { sort, falls } = this.#page.state.value;
    const { panels } = this.#page.view();
    const settings = settingsOf(this.#page);
    const listed = JSON.stringify([panels, settings, sort]);
    if (listed !== this.#listed) {
      this.#listed = listed;
      const options = Object.entries(FIXED);
      for (const metric of panels) options.push([`${VALUE}${metric}`, labelOf(metric)]);
      for (const setting of settings) options.push([`${SETTING}${setting}`, setting]);
      if (!options.some(([key]) => key === sort)) options.push([sort, sort.replace(/^\w+:/, "")]);
      this.#choice.replaceChildren(
        ...options.map(([key, text]) => element("option", { value: key }, text)),
      );
    }
    this.#choice.value = sort;
    const title = falls ? "Falling order" : "Rising order";
    this.#falls.setAttribute("aria-label", title);
    this.#falls.title = title;
    this.#falls.classList.toggle("is-falling", falls);
  }

  #fill(items) {
    const settings = settingsOf(this.#page);
    const row = (column, label) => {
      const box = element("input", {
        type: "checkbox",
        checked: this.#page.state.value.columns.includes(column),
        on: { change: () => this.#toggle(column, box.checked) },
      });
      return element("label", { class: "check", title: column }, box, element("span", {}, label));
    };
    const rows = settings.map((name) => row(name, name));
    const none = "Settings: no run has a configuration (Callback(config=…)).";
    const about = element("p", { class: "hint" });
    setText(about, settings.length ? "Settings, first those that differ" : none);
    items.replaceChildren(
      row("state", "State"),
      row("values", "Last values"),
      about,
      element("div", { class: "menu-scroll" }, ...rows),
    );
  }

  #toggle(column, isShown) {
    const others = this.#page.state.value.columns.filter((one) => one !== column);
    this.#page.state.set({ columns: isShown ? [...others, column] : others });
  }
}
