/** What the keyboard does in a chart. */

const CLOSER = 0.7;
const HALF = 0.5;
const FAR = 1e9; // points, enough to reach the end of any run

/**
 * Listen on a chart.
 * @param {HTMLElement} chart
 * @param {Object} on walk(by) points of a run, walkRuns(by), scale(factor, share), shift(by) in
 *     shares of the width, reset(), leave(), share(): of the width, where the pointer or the point
 *     is; values() opens the table of values; fill() the window with the chart.
 * @param {AbortSignal} until stops listening.
 */
export function listenToKeys(chart, on, until) {
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // A chart under the pointer is meant even if the user has clicked nowhere.
    const isMeant = event.target === document.body && chart.matches(":hover");
    if (event.target !== chart && !isMeant) return;
    const by = event.shiftKey ? 10 : 1;
    const acts = {
      ArrowLeft: () => on.walk(-by),
      ArrowRight: () => on.walk(by),
      ArrowUp: () => on.walkRuns(-1),
      ArrowDown: () => on.walkRuns(1),
      Home: () => on.walk(-FAR),
      End: () => on.walk(FAR),
      "+": () => on.scale(CLOSER, on.share()),
      "=": () => on.scale(CLOSER, on.share()),
      "-": () => on.scale(1 / CLOSER, on.share()),
      PageUp: () => on.shift(-HALF),
      PageDown: () => on.shift(HALF),
      0: () => on.reset(),
      v: () => on.values(),
      f: () => on.fill(),
      Escape: () => on.leave(),
    };
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  };
  document.addEventListener("keydown", onKey, { signal: until });
}
