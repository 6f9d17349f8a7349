/** The head of the table, by whose columns it is sorted. */

import { element } from "./elements.js";

export class TableHead {
  node = element("tr", {});
  #sort = null;
  #column = "";
  #falls = true;
  #onSort;

  /** @param {Function} onSort called when the user sorts by another column. */
  constructor(onSort) {
    this.#onSort = onSort;
  }

  /**
   * @param {Array} columns of {key, title, short: shown in its place, falls: its first order}.
   * @param {string} first the column to sort by until the user chooses one that is there.
   */
  show(columns, first) {
    const chosen = columns.find(({ key }) => key === this.#sort?.key);
    [this.#column, this.#falls] = chosen ? [chosen.key, this.#sort.falls] : [first, true];
    const wanted = JSON.stringify([columns, this.#column, this.#falls]);
    if (this.node.dataset.shown === wanted) return;
    this.node.dataset.shown = wanted;
    this.node.replaceChildren(...columns.map((column) => this.#cell(column)));
  }

  /** Rows in the chosen order; those without a number come last. */
  sorted(rows) {
    const sign = this.#falls ? -1 : 1;
    return rows.sort((a, b) => {
      const [one, other] = [a.keys[this.#column], b.keys[this.#column]];
      if (typeof one === "string") return sign * one.localeCompare(other);
      const [lacks, alsoLacks] = [one, other].map((key) => !Number.isFinite(key));
      if (lacks || alsoLacks) return lacks - alsoLacks;
      return sign * (one - other);
    });
  }

  #cell({ key, title, short, falls: first = true }) {
    const isSorted = this.#column === key;
    const sort = () => {
      this.#sort = { key, falls: isSorted ? !this.#falls : first };
      this.#onSort();
      this.node.querySelector("[aria-sort] button")?.focus();
    };
    const arrow = isSorted ? (this.#falls ? " ↓" : " ↑") : "";
    const button = element("button", { type: "button", on: { click: sort } }, short ?? title, arrow);
    const order = this.#falls ? "descending" : "ascending";
    return element("th", { scope: "col", title, "aria-sort": isSorted ? order : null }, button);
  }
}
