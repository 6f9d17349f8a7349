/** What the keyboard does in a chart. */

const CLOSER = 0.7;
const HALF = 0.5;
const FAR = 1e9; // points, enough to reach the end of any run

/**
 * Listen on a chart.
 * @param {HTMLElement} chart
 * @param {Object} on walk(by) points of a run, walkRuns(by), scale(factor, share), shift(by) in
 *     shares of the width, reset(), leave().
 */
export function listenToKeys(chart, on) {
  chart.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== chart) return;
    const by = event.shiftKey ? 10 : 1;
    const acts = {
      ArrowLeft: () => on.walk(-by),
      ArrowRight: () => on.walk(by),
      ArrowUp: () => on.walkRuns(-1),
      ArrowDown: () => on.walkRuns(1),
      Home: () => on.walk(-FAR),
      End: () => on.walk(FAR),
      "+": () => on.scale(CLOSER, 0.5),
      "=": () => on.scale(CLOSER, 0.5),
      "-": () => on.scale(1 / CLOSER, 0.5),
      PageUp: () => on.shift(-HALF),
      PageDown: () => on.shift(HALF),
      0: () => on.reset(),
      Escape: () => on.leave(),
    };
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  });
}
