/** Light or dark: follows TensorBoard, or else the system, until the user says otherwise. */

const KEY = "rlviz.theme";
const CHOICES = ["auto", "light", "dark"];
const dark = window.matchMedia("(prefers-color-scheme: dark)");

let choice = remembered();
let onChange = () => {};
const colors = new Map(); // asking for a style in each frame is slow

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

/** "auto", "light" or "dark": what the user chose. */
export function themeChoice() {
  return choice;
}

/** Choose the next of the three. */
export function nextTheme() {
  choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
  try {
    window.localStorage.setItem(KEY, choice);
  } catch {
    // A browser that keeps nothing still has its theme until the page is closed.
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

/** TensorBoard's own body, which says by its class whether it is dark; null outside of it. */
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
