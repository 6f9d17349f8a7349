/** The downloads: the panels as PNG, rlviz's figure as SVG, PDF or PNG, the steps as CSV. */

import { HAS, route } from "./api.js";
import { element } from "./elements.js";
import { calledWithSeeds } from "./groups.js";
import { drawKey, fitted } from "./legend.js";
import { color, FAMILY } from "./theme.js";
import { DASHES, OF_RUNS } from "./vocabulary.js"; // the server makes it

const MOST_FIGURES = OF_RUNS.length * DASHES.length; // that can be told apart
const MOST_TABLES = 100;
const TITLE = 30;
const KEYS = 24;
const LONGEST = 260; // pixels of a name in the legend

/** Fill the menu with the downloads of the shown runs. */
export function fillDownloads(items, page) {
  const { state, shown, axis, panels } = page.view();
  const runs = shown.slice(0, MOST_FIGURES).map(({ name }) => name);
  const figure = {
    run: runs,
    x: axis,
    log: state.log ? 1 : 0,
    metric: panels,
    forecast: state.forecast ? 1 : 0,
    from: state.from,
    to: state.to,
    height: panels.map((metric) => state.heights.get(metric)?.join(":") ?? ""),
    logy: state.logs ?? [],
    dots: state.dots ? 1 : 0,
    smooth: page.state.smoothing,
    color: shown.slice(0, MOST_FIGURES).flatMap(({ paint }) => paint.onPaper ?? []),
  };
  const picture = element(
    "button",
    { type: "button", on: { click: () => savePicture(page) } },
    "PNG of the panels as they are",
  );
  const some =
    shown.length > runs.length ? `, the first ${runs.length} of ${shown.length} runs` : "";
  items.replaceChildren(picture);
  if (!runs.length || !HAS.server) return;
  const link = (text, address, title) =>
    element("a", { href: address, download: true, title }, text);
  const visible = { x: axis, from: state.from, to: state.to };
  const tables = shown
    .slice(0, MOST_TABLES)
    .map(({ name }) =>
      link(
        `CSV: ${name}`,
        route("rows", { run: name, format: "csv", ...visible }),
        "Every step that is seen, all columns",
      ),
    );
  items.append(
    link(`SVG, drawn as rlviz plot does${some}`, route("figure", { ...figure, format: "svg" })),
    link(`PDF, drawn as rlviz plot does${some}`, route("figure", { ...figure, format: "pdf" })),
    link(`PNG, drawn as rlviz plot does${some}`, route("figure", { ...figure, format: "png" })),
    element("div", { class: "menu-scroll" }, ...tables),
  );
}

/** One picture of all panels with their titles and the legend of the runs. */
function savePicture(page) {
  const canvas = composed(page);
  canvas.toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    const link = element("a", { href: address, download: "rlviz.png" });
    document.body.append(link);
    link.click();
    link.remove();
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }, "image/png");
}

function composed(page) {
  const panels = page.panels.all;
  const { units } = page.view();
  const ratio = window.devicePixelRatio || 1;
  const areas = panels.map((panel) => panel.canvas.getBoundingClientRect());
  const left = Math.min(...areas.map((area) => area.left));
  const top = Math.min(...areas.map((area) => area.top));
  const width = Math.max(...areas.map((area) => area.right)) - left;
  const height = Math.max(...areas.map((area) => area.bottom)) - top;
  const called = ({ name, isGroup, runs }) =>
    calledWithSeeds({ name, isGroup, seeds: runs.length });
  const rows = keyRows(
    units.map((unit) => ({ name: called(unit), paint: unit.paint })),
    width,
  );
  const canvas = element("canvas");
  canvas.width = Math.round((width + 24) * ratio);
  canvas.height = Math.round((height + TITLE + 24 + rows.length * KEYS) * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = color("panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  panels.forEach((panel, i) => {
    const [x, y] = [12 + areas[i].left - left, TITLE + areas[i].top - top];
    context.drawImage(panel.canvas, x, y, areas[i].width, areas[i].height);
    context.fillStyle = color("text");
    context.font = `600 14px ${FAMILY}`;
    context.fillText(panel.title, x + 8, y - 4, areas[i].width - 16);
  });
  rows.forEach((row, i) => drawKeys(context, row, TITLE + height + 18 + i * KEYS));
  return canvas;
}

/** The names of runs and groups in lines that fit the picture. */
function keyRows(shown, width) {
  const context = element("canvas").getContext("2d");
  context.font = `12px ${FAMILY}`;
  const rows = [[]];
  let x = 12;
  const measure = (text) => context.measureText(text).width;
  for (const { name: whole, paint } of shown) {
    const name = fitted(whole, LONGEST, measure);
    const wide = measure(name) + 54;
    if (x + wide > width && rows.at(-1).length) {
      rows.push([]);
      x = 12;
    }
    rows.at(-1).push({ name, paint, x });
    x += wide;
  }
  return rows;
}

function drawKeys(context, row, y) {
  context.font = `12px ${FAMILY}`;
  for (const { name, paint, x } of row) {
    const beside = drawKey(context, paint, x, y - 4);
    context.fillStyle = color("text");
    context.fillText(name, x + beside + 8, y);
  }
}
