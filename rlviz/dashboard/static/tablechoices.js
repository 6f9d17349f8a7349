/** The choices above the table: the baseline, and the level for which the compute is told. */

import { element } from "./elements.js";
import { number } from "./numbers.js";

/** A level of a comparison in words. */
export function levelText({ levels, scale }, i) {
  const level = Number(levels[i].toPrecision(6));
  return scale === "percent" ? `${number(100 * level, 4)}%` : number(level, 4);
}

export class BaselineChoice {
  #choice = element("select", { "aria-label": "Baseline" });
  #shown = "";
  node = element("label", { class: "at" }, "baseline", this.#choice);

  constructor(state) {
    this.#choice.addEventListener("change", () =>
      state.set({ baseline: this.#choice.value || null, level: null }),
    );
  }

  /** Offer the units; a baseline that is not among them stays chosen. */
  show(units, baseline) {
    const names = units.map(({ name }) => name);
    const wanted = JSON.stringify([names, baseline]);
    if (this.#shown === wanted) return;
    this.#shown = wanted;
    const gone = baseline !== null && !names.includes(baseline) ? [baseline] : [];
    this.#choice.replaceChildren(
      element("option", { value: "" }, "none"),
      ...names.map((name) => element("option", { value: name }, name)),
      ...gone.map((name) => element("option", { value: name }, `${name} (not shown)`)),
    );
    this.#choice.value = baseline ?? "";
  }
}

export class LevelChoice {
  #choice = element("select", { "aria-label": "Level" });
  #shown = "";
  node = element("label", { class: "at", hidden: true }, "level", this.#choice);

  constructor(state) {
    this.#choice.addEventListener("change", () => state.set({ level: Number(this.#choice.value) }));
  }

  /** Offer the levels of a comparison; returns the index of the one that is told, null without any:
   * the chosen one, else the last that most have reached. */
  show(found, level) {
    const levels = found?.levels ?? [];
    this.node.hidden = !levels.length;
    if (!levels.length) return null;
    const wanted = JSON.stringify([levels, found.metric]);
    if (this.#shown !== wanted) {
      this.#shown = wanted;
      this.#choice.replaceChildren(
        ...levels.map((one, i) => element("option", { value: String(one) }, levelText(found, i))),
      );
    }
    const reached = levels.map((_, i) => Object.values(found.flops).filter((of) => of[i]).length);
    const chosen = levels.indexOf(level);
    const at = chosen >= 0 ? chosen : reached.lastIndexOf(Math.max(...reached));
    this.#choice.value = String(levels[at]);
    return at;
  }
}
