/** The runs as a table: how far each got, and what it reached at equal compute. */

import { fetchSeries } from "./api.js";
import { element, setText } from "./elements.js";
import { number, percent } from "./numbers.js";
import { between } from "./points.js";
import { QUANTITIES } from "./vocabulary.js"; // the server makes it
import { labelOf } from "./words.js";

const FEWEST_DOTS = 100; // the least that the server gives; the table needs only the curve
const TOLERANCE = 1e-3;
const METRICS = Object.keys(QUANTITIES).filter((name) => QUANTITIES[name].core);

export class Table {
  #page;
  #curves = new Map();
  #loading = false;
  #seen = false;
  #sort = { column: "accuracy", falls: true };
  #at = element("input", {
    type: "text",
    inputmode: "decimal",
    "aria-label": "At how much of it",
    size: "9",
  });
  #title = element("h2", { id: "rlviz-comparison" });
  #where = element("p", { class: "caption" });
  #unit = element("span", {});
  #head = element("tr", {});
  #rows = element("tbody", {});

  constructor(page) {
    this.#page = page;
    this.#at.addEventListener("change", () => {
      const given = Number(this.#at.value.replace("×10^", "e"));
      page.state.set({ at: this.#at.value.trim() && given > 0 ? given : null });
      this.#show();
    });
    const table = element("table", {}, element("thead", {}, this.#head), this.#rows);
    this.node = element(
      "section",
      { class: "panel comparison", "aria-labelledby": "rlviz-comparison" },
      element(
        "header",
        { class: "panel-header" },
        this.#title,
        element("label", { class: "at" }, "at", this.#at, this.#unit),
      ),
      element(
        "div",
        { class: "table-scroll", tabindex: "0", role: "group", "aria-label": "Table of runs" },
        table,
      ),
      this.#where,
    );
    new IntersectionObserver((entries) => {
      this.#seen ||= entries.some((entry) => entry.isIntersecting);
      this.update();
    }).observe(this.node);
  }

  update() {
    const { shown } = this.#page.view();
    this.node.hidden = !shown.length;
    this.#show();
    if (this.#seen) this.#load();
  }

  /** The axis of the comparison: compute, or steps if no run has compute. */
  get #axis() {
    return this.#page.view().shown.some(({ run }) => run.axes.includes("flops")) ? "flops" : "step";
  }

  /** Fetch the curves one after the other, because the panels come first. */
  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      for (;;) {
        const next = this.#missing();
        if (!next) break;
        while (this.#page.store.isBusy) await new Promise((done) => window.setTimeout(done, 100));
        const { name, metric, axis, version } = next;
        let curve = null;
        try {
          curve = await fetchSeries({ run: name, metric, x: axis, dots: FEWEST_DOTS });
        } catch (error) {
          if (error.status !== 404) break; // the next listing tries again
        }
        this.#curves.set(JSON.stringify([name, metric, axis]), { version, curve });
        this.#show();
      }
    } finally {
      this.#loading = false;
    }
  }

  #missing() {
    const axis = this.#axis;
    for (const { name, run } of this.#page.view().shown) {
      for (const metric of METRICS) {
        if (!run.metrics.includes(metric) || !run.axes.includes(axis)) continue;
        const known = this.#curves.get(JSON.stringify([name, metric, axis]));
        if (known?.version !== run.version) return { name, metric, axis, version: run.version };
      }
    }
    return null;
  }

  #show() {
    const { shown, state } = this.#page.view();
    const axis = this.#axis;
    const ends = shown.map(({ run }) => run.extent?.[axis]?.[1]).filter(Number.isFinite);
    const common = Math.min(...ends);
    const at = state.at ?? common;
    const unit = axis === "flops" ? "RL FLOPs" : "steps";
    setText(this.#unit, unit);
    setText(this.#title, axis === "flops" ? "Runs at equal compute" : "Runs at equal steps");
    if (document.activeElement !== this.#at) {
      this.#at.value = typed(at);
    }
    const most = state.at === null ? "the most that every shown run has reached" : "as asked for";
    setText(
      this.#where,
      `Read off the smoothed curves at ${number(at, 4)} ${unit}, ${most}; ` +
        "± half of the curve's band. A dash: the run has not come that far, or has no such measure.",
    );
    const rows = shown.map(({ name, run, paint }) => ({
      name,
      paint,
      step: run.last?.step ?? NaN,
      flops: run.last?.flops ?? NaN,
      ...Object.fromEntries(
        METRICS.map((metric) => [metric, this.#reached(name, metric, axis, at)]),
      ),
    }));
    this.#showHead();
    this.#rows.replaceChildren(...this.#sorted(rows).map(tableRow));
  }

  /** {y, half} of a curve. */
  #reached(name, metric, axis, at) {
    const curve = this.#curves.get(JSON.stringify([name, metric, axis]))?.curve;
    if (!curve?.curve?.length) return null;
    // A long run's curve passes through means of neighbors and ends a little before the run.
    const end = curve.curve_x.at(-1);
    const place = at > end && at <= end * (1 + TOLERANCE) ? end : at;
    const [y, low, high] = ["curve", "curve_low", "curve_high"].map(
      (line) => curve[line] && between(curve.curve_x, curve[line], place),
    );
    return Number.isFinite(y) ? { y, half: Number.isFinite(low) ? (high - low) / 2 : NaN } : null;
  }

  #showHead() {
    const columns = [
      ["name", "Run"],
      ["step", "Last step"],
      ["flops", "RL FLOPs so far"],
      ...METRICS.map((metric) => [metric, labelOf(metric)]),
    ];
    const key = JSON.stringify(this.#sort);
    if (this.#head.dataset.sort === key) return;
    this.#head.dataset.sort = key;
    this.#head.replaceChildren(
      ...columns.map(([column, title]) => {
        const isSorted = this.#sort.column === column;
        const button = element(
          "button",
          {
            type: "button",
            on: {
              click: () => {
                this.#sort = { column, falls: isSorted ? !this.#sort.falls : column !== "name" };
                this.#show();
                this.#head.querySelector("[aria-sort] button")?.focus();
              },
            },
          },
          title,
          isSorted ? (this.#sort.falls ? " ↓" : " ↑") : "",
        );
        const order = this.#sort.falls ? "descending" : "ascending";
        return element("th", { scope: "col", "aria-sort": isSorted ? order : null }, button);
      }),
    );
  }

  #sorted(rows) {
    const { column, falls } = this.#sort;
    const sign = falls ? -1 : 1;
    const key = (row) => (METRICS.includes(column) ? (row[column]?.y ?? NaN) : row[column]);
    return rows.sort((a, b) => {
      const [one, other] = [key(a), key(b)];
      if (column === "name") return sign * one.localeCompare(other);
      if (Number.isNaN(one) || Number.isNaN(other)) return Number.isNaN(one) - Number.isNaN(other);
      return sign * (one - other);
    });
  }
}

/** A number as a user can type it: 2730 or 2.73e22. */
function typed(value) {
  if (!Number.isFinite(value)) return "";
  const short = Number(value.toPrecision(4));
  return short < 1e6 ? String(short) : short.toExponential().replace("e+", "e");
}

function tableRow({ name, paint, step, flops, ...reached }) {
  const key = element("span", { class: "key", style: { "--run": paint.key } });
  return element(
    "tr",
    {},
    element("th", { scope: "row", title: name }, key, element("span", { class: "run-name" }, name)),
    element("td", {}, number(step, 15)),
    element("td", {}, number(flops, 4)),
    ...METRICS.map((metric) => reachedCell(reached[metric], textOf(metric))),
  );
}

function textOf(metric) {
  return QUANTITIES[metric].scale === "percent" ? (y) => percent(y, 1) : (y) => y.toFixed(2);
}

function reachedCell(reached, text) {
  if (!reached) return element("td", {}, "–");
  const { half: size } = reached;
  const half = Number.isFinite(size)
    ? element("span", { class: "half" }, ` ± ${text(size)}`)
    : null;
  return element("td", {}, text(reached.y), half);
}
