/** The menus of the toolbar, and the menu of the panels. */

import { element, icon } from "./elements.js";
import { labelOf, prefixOf } from "./words.js";

/**
 * A button that opens a list below it.
 * @param {string} drawing its icon.
 * @param {string} label
 * @param {Function} fill gets the element of the list each time it opens.
 */
export function menu(drawing, label, fill) {
  const items = element("div", { class: "menu-items" });
  const word = element("span", { class: "word" }, label);
  const button = element("summary", { class: "text-button", title: label }, icon(drawing), word);
  const made = element("details", { class: "menu" }, button, items);
  const close = () => {
    made.open = false;
  };
  made.addEventListener("toggle", () => made.open && fill(items));
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    button.focus();
  });
  document.addEventListener("pointerdown", (event) => !made.contains(event.target) && close());
  window.addEventListener("blur", close);
  return made;
}

/** The list of all metrics by their prefixes, from which the user chooses panels. */
export function fillMetrics(items, page) {
  const groups = new Map();
  for (const metric of page.runs.metrics) {
    const prefix = prefixOf(metric);
    groups.set(prefix, [...(groups.get(prefix) ?? []), metric]);
  }
  const rows = [];
  for (const [prefix, metrics] of groups) {
    const own = metrics.map((metric) => metricRow(metric, page));
    if (prefix && metrics.length > 1) rows.push(groupRow(prefix, metrics, own, page));
    rows.push(...own);
  }
  const search = element("input", {
    type: "search",
    placeholder: "Filter metrics",
    "aria-label": "Filter metrics",
  });
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(words);
  });
  items.replaceChildren(search, element("div", { class: "menu-scroll" }, ...rows));
  search.focus();
}

/** A box for all metrics of a prefix. */
function groupRow(prefix, metrics, rows, page) {
  const shown = page.view().panels;
  const box = element("input", {
    type: "checkbox",
    checked: metrics.every((metric) => shown.includes(metric)),
    on: {
      change: () => {
        const others = page.view().panels.filter((one) => !metrics.includes(one));
        page.state.set({ panels: box.checked ? [...others, ...metrics] : others });
        for (const row of rows) row.querySelector("input").checked = box.checked;
      },
    },
  });
  const text = element("span", {}, `${prefix}/ (${metrics.length})`);
  return element("label", { class: "check menu-group" }, box, text);
}

function metricRow(metric, page) {
  const toggle = () => {
    const others = page.view().panels.filter((one) => one !== metric);
    page.state.set({ panels: box.checked ? added(others, metric) : others });
  };
  const box = element("input", {
    type: "checkbox",
    checked: page.view().panels.includes(metric),
    on: { change: toggle },
  });
  const text = element("span", {}, labelOf(metric));
  return element("label", { class: "check", title: metric }, box, text);
}

/** The panels with one more, after the others of its prefix. */
function added(panels, metric) {
  const last = panels.map(prefixOf).lastIndexOf(prefixOf(metric));
  const place = prefixOf(metric) && last >= 0 ? last + 1 : panels.length;
  return panels.toSpliced(place, 0, metric);
}
