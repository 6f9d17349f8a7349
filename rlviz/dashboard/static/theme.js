/** Light or dark: follows TensorBoard, else the system, until the user chooses. */

/** The style sheet's font, for what is drawn on a canvas. */
export const FAMILY =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif';

const KEY = "rlviz.theme";
const CHOICES = ["auto", "light", "dark"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");

let choice = remembered();
let onChange = () => {};
const colors = new Map(); // reading a style in every frame is slow

/** Apply the theme and call `listener` at each change. */
export function watchTheme(listener) {
  onChange = listener;
  dark.addEventListener("change", apply);
  const host = hostBody();
  if (host) {
    new MutationObserver(apply).observe(host, { attributes: true, attributeFilter: ["class"] });
  }
  apply();
}

/** The user's choice: "auto", "light" or "dark". */
export function themeChoice() {
  return choice;
}

/** Choose the next of the three. */
export function nextTheme() {
  choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
  try {
    window.localStorage.setItem(KEY, choice);
  } catch {
    // A browser that stores nothing still keeps the theme until the page closes.
  }
  apply();
}

export function isDark() {
  if (choice !== "auto") return choice === "dark";
  const host = hostBody();
  return host ? host.classList.contains("dark-mode") : dark.matches;
}

/** A color of the style sheet, for what is drawn on a canvas. */
export function color(name) {
  if (!colors.has(name)) {
    const styles = window.getComputedStyle(document.documentElement);
    colors.set(name, styles.getPropertyValue(`--${name}`).trim());
  }
  return colors.get(name);
}

function apply() {
  const now = isDark() ? "dark" : "light";
  const root = document.documentElement;
  if (root.dataset.theme === now && root.dataset.choice === choice) return;
  root.dataset.theme = now;
  root.dataset.choice = choice;
  colors.clear();
  onChange();
}

/** TensorBoard's own body, whose class says whether it is dark; null outside TensorBoard. */
function hostBody() {
  try {
    const host = window.parent === window ? null : window.parent.document;
    return host && host.querySelector("tb-webapp") ? host.body : null;
  } catch {
    return null;
  }
}

function remembered() {
  try {
    const kept = window.localStorage.getItem(KEY);
    return CHOICES.includes(kept) ? kept : "auto";
  } catch {
    return "auto";
  }
}
