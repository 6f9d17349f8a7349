/** The controls above the panels: axis, scale, smoothing, layers, panels, downloads, theme. */

import { HAS } from "./api.js";
import { copyButton } from "./copy.js";
import { fillDownloads } from "./download.js";
import { element, icon, iconButton, setText } from "./elements.js";
import { groupingChoice } from "./groupchoice.js";
import { fillMetrics, menu } from "./menus.js";
import { nextTheme, themeChoice } from "./theme.js";
import { AXES } from "./vocabulary.js"; // the server makes it

const THEMES = {
  auto: "Theme: automatic",
  light: "Theme: light",
  dark: "Theme: dark",
};
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" };
const DEBOUNCE = 60;

export class Toolbar {
  #page;
  #updates = [];
  #live = element("span", { class: "live", role: "status" });

  constructor(page) {
    this.#page = page;
    const group = (label, ...children) =>
      element(
        "div",
        { class: "control", role: "group", "aria-label": label },
        element("span", { class: "control-name", "aria-hidden": "true" }, label),
        ...children,
      );
    this.node = element(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "View" },
      element("h1", { class: "hidden-words" }, "RL FLOPs"),
      group("x axis", this.#axes(), this.#scale()),
      group("Smoothing", this.#smoothing(), this.#slider()),
      group("Groups", groupingChoice(page, this.#updates)),
      element(
        "div",
        { class: "control", role: "group", "aria-label": "Layers" },
        this.#check("dots", "Dots"),
        this.#check("band", "Band"),
        this.#check("names", "Names"),
        HAS.server && this.#check("forecast", "Forecast"),
      ),
      element(
        "div",
        { class: "toolbar-end" },
        this.#reset(),
        menu("plus", "Panels", (items) => fillMetrics(items, page)),
        menu("download", "Download", (items) => fillDownloads(items, page)),
        HAS.link && copyButton((sentence) => page.say(sentence)),
        this.#theme(),
        HAS.server && this.#live,
      ),
    );
  }

  update() {
    const { state, axis, all } = this.#page.view();
    for (const update of this.#updates) update(state, axis, all);
  }

  /** Whether the server answers. */
  showLive(isWell) {
    this.#live.classList.toggle("is-down", !isWell);
    setText(this.#live, isWell ? "Live" : "Offline");
  }

  #segments(label, choices, read, write) {
    const buttons = choices.map(([value, text]) => {
      const button = element(
        "button",
        { type: "button", on: { click: () => this.#page.state.set(write(value)) } },
        text,
      );
      this.#updates.push((state, axis, all) => {
        button.setAttribute("aria-pressed", String(read(state, axis) === value));
        if (label === "Axis")
          button.disabled = !all.some((run) => run.axes.includes(value)) && axis !== value;
      });
      return button;
    });
    return element("div", { class: "segments", role: "group", "aria-label": label }, ...buttons);
  }

  #axes() {
    return this.#segments(
      "Axis",
      Object.values(AXES).map(({ name, choice }) => [name, choice]),
      (_, axis) => axis,
      (x) => ({ x }),
    );
  }

  #scale() {
    const choices = [
      [false, "Linear"],
      [true, "Log"],
    ];
    return this.#segments(
      "Scale",
      choices,
      (state) => state.log,
      (log) => ({ log }),
    );
  }

  #smoothing() {
    const choices = [
      ["auto", "Auto"],
      ...(HAS.server ? [["ema", "EMA"]] : []),
      ["none", "None"],
    ];
    return this.#segments(
      "Smoothing",
      choices,
      (state) => state.smooth,
      (smooth) => ({ smooth }),
    );
  }

  #slider() {
    const slider = element("input", {
      type: "range",
      min: "0",
      max: "0.999",
      step: "0.001",
      "aria-label": "EMA weight",
    });
    const text = element("output", {});
    let pending = 0;
    slider.addEventListener("input", () => {
      setText(text, Number(slider.value).toFixed(3));
      window.clearTimeout(pending);
      pending = window.setTimeout(
        () => this.#page.state.set({ weight: Number(slider.value) }),
        DEBOUNCE,
      );
    });
    const box = element("span", { class: "slider" }, slider, text);
    this.#updates.push(({ smooth, weight }) => {
      box.hidden = smooth !== "ema";
      if (document.activeElement !== slider) slider.value = String(weight);
      setText(text, Number(slider.value).toFixed(3));
    });
    return box;
  }

  #check(name, label) {
    const box = element("input", {
      type: "checkbox",
      on: { change: () => this.#page.state.set({ [name]: box.checked }) },
    });
    this.#updates.push((state) => {
      box.checked = state[name];
    });
    return element("label", { class: "check" }, box, label);
  }

  #reset() {
    const button = element(
      "button",
      {
        type: "button",
        class: "text-button",
        title: "Show everything (double click on a chart, or 0)",
        on: { click: () => this.#page.resetZoom() },
      },
      icon("reset"),
      element("span", { class: "word" }, "Reset"),
    );
    this.#updates.push(({ from, to, heights }) => {
      button.disabled = from === null && to === null && !heights.size;
    });
    return button;
  }

  #theme() {
    const button = iconButton("auto", "Theme", () => {
      nextTheme();
      show();
    });
    const show = () => {
      button.replaceChildren(icon(THEME_ICONS[themeChoice()]));
      button.setAttribute("aria-label", THEMES[themeChoice()]);
      button.title = THEMES[themeChoice()];
    };
    show();
    return button;
  }
}
