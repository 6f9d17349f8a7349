/** The form below a panel's title: limits of its axes, typed, and whether y is logarithmic. */

import { element, setText } from "./elements.js";
import { extentOfY, fromPlace } from "./frames.js";
import { percent } from "./numbers.js";

const NAMES = { from: ["from", "to"], to: ["from", "to"], low: ["low", "high"], high: ["low", "high"] };
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** A number as people type it: 1,200, 50%, 4.2e22, 4.2×10²² or 4.2*10^22; null for nothing, NaN for
 * anything else. */
export function typedNumber(given) {
  const text = given.trim().replace(/[−–]/g, "-").replace(/[,\s_]/g, "");
  if (!text) return null;
  const digit = (letter) => (letter === "⁻" ? "-" : SUPERSCRIPTS.indexOf(letter));
  const plain = text
    .replace(/⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+$/, (power) => `^${[...power].map(digit).join("")}`)
    .replace(/[×*x]10\^/, "e")
    .replace(/^10\^/, "1e");
  if (!/^-?[\d.]+(e[+-]?\d+)?%?$/i.test(plain)) return NaN;
  const found = Number(plain.replace("%", ""));
  return plain.endsWith("%") ? found / 100 : found;
}

export class Limits {
  #metric;
  #page;
  #fields = {};
  #log = element("input", { type: "checkbox" });
  #scene = null;
  #typing = null; // the field whose text is not taken yet
  #said = element("span", { class: "limits-said", role: "alert" });

  constructor(metric, page) {
    this.#metric = metric;
    this.#page = page;
    this.#log.addEventListener("change", () => this.#toggle());
    this.node = element(
      "div",
      { class: "limits", hidden: true, role: "group", "aria-label": "Limits of the axes" },
      this.#pair("x", "from", "to"),
      this.#pair("y", "low", "high"),
      element("label", { class: "check" }, this.#log, "log y"),
      this.#said,
    );
  }

  /** Show the limits of a scene, but for the field in which the user types. */
  update(scene) {
    this.#scene = scene;
    if (this.node.hidden) return;
    const { frame, log, logY, scale } = scene;
    const shown = {
      from: short(fromPlace(frame.left, log)),
      to: short(fromPlace(frame.right, log)),
      low: ofScale(scale, fromPlace(frame.low, logY)),
      high: ofScale(scale, fromPlace(frame.high, logY)),
    };
    for (const [name, field] of Object.entries(this.#fields)) {
      if (this.#typing !== field) field.value = shown[name];
    }
    this.#log.checked = logY;
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
    if (this.#scene) this.update(this.#scene);
    if (!this.node.hidden) this.#fields.low.focus();
    return !this.node.hidden;
  }

  #pair(axis, ...names) {
    const fields = names.map((name, i) => {
      const field = element("input", {
        type: "text",
        size: "8",
        autocomplete: "off",
        spellcheck: "false",
        "aria-label": `${axis} ${i ? "to" : "from"}`,
      });
      field.addEventListener("input", () => (this.#typing = field));
      field.addEventListener("change", () => this.#take(name));
      this.#fields[name] = field;
      return field;
    });
    return element("span", { class: "limits-pair" }, axis, fields[0], "to", fields[1]);
  }

  /** Take one limit; an empty field lets the data decide, of y about both ends. */
  #take(name) {
    const { frame, log, logY } = this.#scene;
    const { state } = this.#page;
    const [low, high] = NAMES[name];
    const text = this.#fields[name].value;
    const given = typedNumber(text);
    const isX = low === "from";
    const known = isX ? state.value : this.#heights(frame, logY);
    const limits = { [low]: known[low], [high]: known[high], [name]: given };
    const ends = [limits[low], limits[high]];
    const wrong =
      complaint(text, given, isX ? log : logY) ||
      (given !== null && this.#nothingIn(...ends, isX, text)) ||
      (given !== null && disorder(...ends));
    setText(this.#said, wrong || "");
    if (wrong) return;
    this.#typing = null;
    if (isX) state.set(limits);
    else {
      const heights = new Map(state.value.heights);
      if (given === null) heights.delete(this.#metric);
      else heights.set(this.#metric, [limits.low, limits.high]);
      state.set({ heights });
    }
    this.update(this.#scene);
  }

  #heights(frame, logY) {
    const [low, high] = this.#page.state.value.heights.get(this.#metric) ?? [
      fromPlace(frame.low, logY),
      fromPlace(frame.high, logY),
    ];
    return { low, high };
  }

  /** That limits show nothing, and where the data are; empty if they show some. */
  #nothingIn(low, high, isX, text) {
    const { axis, shown } = this.#page.view();
    const { layers, frame, logY, scale } = this.#scene;
    const extents = shown.map(({ run }) => run.extent?.[axis]).filter(Boolean);
    const [first, last] = isX
      ? [Math.min(...extents.map(([x]) => x)), Math.max(...extents.map(([, x]) => x))]
      : extentOfY(layers, frame).map((place) => fromPlace(place, logY));
    const isShare = !isX && scale === "percent";
    const isPercent = isShare && !text.includes("%") && Math.max(low, high) >= 2;
    const some = (low ?? first) <= last && (high ?? last) >= first;
    if (!(first <= last) || (some && !isPercent)) return "";
    const told = (value) => (isShare ? ofScale(scale, value) : short(value));
    const hint = isPercent ? " Write 30% or 0.3." : "";
    return `The data go from ${told(first)} to ${told(last)}, so this would show nothing.${hint}`;
  }

  #toggle() {
    const { state } = this.#page;
    const others = state.value.logs.filter((name) => name !== this.#metric);
    const heights = new Map(state.value.heights);
    if (this.#log.checked && !(heights.get(this.#metric)?.[0] > 0)) heights.delete(this.#metric);
    state.set({ logs: this.#log.checked ? [...others, this.#metric] : others, heights });
  }
}

/** What is wrong with a limit that was typed; empty if nothing is. */
function complaint(text, given, isLog) {
  if (Number.isNaN(given)) return `“${text.trim()}” is no number: write 1200, 50% or 4.2e22.`;
  if (given === null) return "";
  return isLog && given <= 0 ? "A logarithmic axis needs limits above 0." : "";
}

function disorder(low, high) {
  const isWrong = low !== null && high !== null && low >= high;
  return isWrong ? "The second limit has to be above the first." : "";
}

function ofScale(scale, value) {
  return scale === "percent" ? percent(Number(value.toPrecision(6)), 2) : short(value);
}

/** A number as it can be typed: 2730 or 2.73e+22. */
function short(value) {
  return String(Number(value.toPrecision(5))).replace("e+", "e");
}
