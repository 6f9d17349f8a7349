/** The crosshair of a panel and the exact values beside it. */

import { element } from "./elements.js";
import { fromPlace, toPlace } from "./frames.js";
import { calledWithSeeds } from "./groups.js";
import { keyOf, nameParts } from "./legend.js";
import { number, percent, position, value } from "./numbers.js";
import { curveAt } from "./points.js";

const MOST_OTHERS = 4;
const GAP = 14;

export class Readout {
  #plot;
  #column = element("div", { class: "cross cross-x", hidden: true });
  #row = element("div", { class: "cross cross-y", hidden: true });
  #ring = element("div", { class: "ring", hidden: true });
  #tip = element("div", { class: "tip", hidden: true });

  constructor(plot) {
    this.#plot = plot;
    plot.over.append(this.#column, this.#row, this.#ring, this.#tip);
  }

  hide() {
    for (const part of [this.#column, this.#row, this.#ring, this.#tip]) part.hidden = true;
  }

  /** Show only the vertical line, if the panel has nothing of the run. */
  showPlace(place) {
    this.hide();
    this.#showColumn(this.#plot.pixelOf(place, 0).left);
  }

  /**
   * Show a point.
   * @param {Object} found {layer, data, index}.
   * @param {Object} scene of the panel: axis, scale, label, layers.
   * @param {boolean} isSource whether the pointer is in this panel.
   */
  show(found, scene, isSource) {
    const { data, index, layer } = found;
    const at = this.#plot.pixelOf(data.place[index], toPlace(data.y[index], scene.logY));
    const { width, height } = this.#plot.size;
    const isInside = at.top >= 0 && at.top <= height && at.left >= 0 && at.left <= width;
    this.hide();
    this.#showColumn(at.left);
    if (!isInside) return;
    this.#row.hidden = !isSource;
    this.#row.style.transform = `translateY(${at.top}px)`;
    this.#ring.hidden = false;
    this.#ring.style.transform = `translate(${at.left}px, ${at.top}px)`;
    this.#ring.style.setProperty("--run", layer.paint.key);
    this.#tip.replaceChildren(...contents(found, scene, isSource));
    this.#tip.hidden = false;
    this.#place(at, width, height);
  }

  #showColumn(left) {
    this.#column.hidden = !(left >= 0 && left <= this.#plot.size.width);
    this.#column.style.transform = `translateX(${left}px)`;
  }

  #place(at, width, height) {
    const { offsetWidth, offsetHeight } = this.#tip;
    const isLeft = at.left + GAP + offsetWidth > width + 8;
    const left = isLeft ? Math.max(-40, at.left - GAP - offsetWidth) : at.left + GAP;
    // Below on the right, above on the left: this keeps clear of a rising curve.
    const wanted = isLeft ? at.top - GAP - offsetHeight : at.top + GAP;
    const top = Math.min(Math.max(2, wanted), Math.max(2, height - offsetHeight - 2));
    this.#tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}

/** A point in words, for users of a screen reader. */
export function spoken(found, scene) {
  const told = describe(found, scene);
  return [told.run, told.where, `${scene.label} ${told.value}`, told.interval, told.curve]
    .filter(Boolean)
    .join(", ");
}

/** The texts of a point. */
export function describe({ layer, data, index }, { axis, scale, logY }) {
  const step = number(Math.round(data.step[index]), 15);
  const curve = fromPlace(curveAt(layer, data.place[index]), logY);
  const flops = axis === "flops" ? data.x[index] : data.flops?.[index];
  const where = [`step ${step}`];
  if (Number.isFinite(flops)) where.push(`${number(flops, 6)} RL FLOPs`);
  if (axis === "tokens" || axis === "wall_time") where.push(position(axis, data.x[index], 6));
  const low = data.low?.[index];
  return {
    run: layer.name,
    where: where.join(" · "),
    value: value(scale, data.y[index]),
    interval: Number.isFinite(low)
      ? `95% interval ${percent(low, 1)} – ${percent(data.high[index], 1)}`
      : "",
    curve: Number.isFinite(curve) ? `smoothed ${value(scale, curve, 5)}` : "",
  };
}

function contents(found, scene, isSource) {
  const told = describe(found, scene);
  if (!isSource) return linked(told);
  const line = (name, text) => element("div", { class: name }, text);
  const head = element(
    "div",
    { class: "tip-run" },
    keyOf(found.layer.paint),
    element("span", { class: "tip-name", title: told.run }, ...nameParts(told.run)),
  );
  const main = element("div", { class: "tip-value" }, told.value);
  if (told.interval) main.append(element("span", { class: "tip-interval" }, told.interval));
  const made = [head, main, line("tip-where", told.where)];
  if (told.curve) made.push(line("tip-where", told.curve));
  made.push(...others(found, scene));
  return made;
}

/** The texts in a panel without the pointer: only what the panel adds. */
function linked({ value: text, curve, where }) {
  const main = element("div", { class: "tip-value" }, text);
  const rest = [where.split(" · ")[0], curve].filter(Boolean).join(" · ");
  return [main, element("div", { class: "tip-where" }, rest)];
}

/** The curves of other runs, or of groups, at this place, nearest to the point first. */
function others({ layer, data, index }, { layers, scale, logY }) {
  const values = layers
    .filter((other) => other !== layer && !other.behind)
    .map((other) => ({ other, y: fromPlace(curveAt(other, data.place[index]), logY) }))
    .filter(({ y }) => Number.isFinite(y))
    .sort((a, b) => Math.abs(a.y - data.y[index]) - Math.abs(b.y - data.y[index]));
  if (!values.length) return [];
  const rows = values.slice(0, MOST_OTHERS).sort((a, b) => b.y - a.y);
  const list = element("ul", { class: "tip-others" });
  for (const { other, y } of rows) {
    const name = element("span", { class: "tip-name" }, ...nameParts(calledWithSeeds(other)));
    list.append(
      element(
        "li",
        {},
        keyOf(other.paint),
        name,
        element("span", { class: "tip-number" }, value(scale, y, 4)),
      ),
    );
  }
  const more = values.length - rows.length;
  const title = `Curves here${more > 0 ? `, ${rows.length} of ${values.length}` : ""}`;
  return [element("div", { class: "tip-title" }, title), list];
}
