/** Makes elements of the page. Data from a run goes in as text, never as HTML. */

// Signs that end a line or turn the text around them, as rlviz/wording.py names them.
const COMMANDS =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** A text with names of runs and metrics in it: signs that would change how the rest of it is shown
 * stand as escapes. */
export function visible(text) {
  return String(text ?? "").replace(COMMANDS, (sign) => {
    const code = sign.charCodeAt(0);
    const digits = code.toString(16);
    return code > 255 ? `\\u${digits.padStart(4, "0")}` : `\\x${digits.padStart(2, "0")}`;
  });
}

const TEXTS = new Set(["title", "aria-label", "placeholder", "alt"]);

/**
 * An element with attributes and children.
 * @param {string} tag
 * @param {Object} attributes null, undefined and false omit an attribute; `on` holds listeners by
 *     event, `style` properties by name (set one by one: a policy may forbid style attributes).
 * @param {...(Node|string|null|false)} children strings become text nodes.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (name === "style") {
      for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    } else {
      made.setAttribute(name, value === true ? "" : TEXTS.has(name) ? visible(value) : value);
    }
  }
  const some = children.filter((child) => child !== null && child !== false);
  made.append(...some.map((child) => (typeof child === "string" ? visible(child) : child)));
  return made;
}

/** Replace the children of an element, or leave it alone if its text would not change. */
export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  left: "M10 3.5L5.5 8l4.5 4.5",
  right: "M6 3.5L10.5 8 6 12.5",
  down: "M3.5 6L8 10.5 12.5 6",
  plus: "M8 3.5v9M3.5 8h9",
  reset: "M3.2 8a4.8 4.8 0 1 0 1.5-3.5M4.4 2v2.8h2.8",
  link: "M6.8 9.2l2.4-2.4M7.5 5l1.3-1.3a2.5 2.5 0 0 1 3.5 3.5L11 8.5M8.5 11l-1.3 1.3a2.5 2.5 0 0 1-3.5-3.5L5 7.5",
  download: "M8 2.5v7.5M4.8 7L8 10.2 11.2 7M3 13.2h10",
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 6.5v6",
  limits: "M4 2.5v11M4 5.5h4M12 2.5v11M12 10.5H8",
  full: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  small: "M6 3v3H3M13 6h-3V3M10 13v-3h3M3 10h3v3",
  rise: "M8 13V3M4.5 6.5L8 3l3.5 3.5",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13 9.3A5.3 5.3 0 0 1 6.7 3a5.3 5.3 0 1 0 6.3 6.3",
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11M9.5 4.5h2.6M9.5 8h4M9.5 11.5h2.6",
  warning: "M8 2.6L14 13H2zM8 6.5v3.2M8 11.2v.3",
};

/** One of the page's own icons; words beside it must say what it means. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** A button with an icon and a name, which is also its tooltip. */
export function iconButton(name, label, onClick, attributes = {}) {
  return element(
    "button",
    {
      type: "button",
      class: "icon-button",
      "aria-label": label,
      title: label,
      on: { click: onClick },
      ...attributes,
    },
    icon(name),
  );
}
