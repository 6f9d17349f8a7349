/** What a new user sees: that no run has rows yet, and the lines of code that make one. */

import { element } from "./elements.js";

const LINES = [
  ["import rlviz", null, true],
  [],
  ['with rlviz.Callback("runs/my-run") as viz:', "in TensorBoard's logdir", true],
  ["    for step in range(1, steps + 1):"],
  ["        …", "your rollout and update"],
  ['        viz.on_step_end(step, correct=rewards > 0.5, flops={"update": flops})', null, true],
];

export function emptyPage() {
  const code = element("code", {});
  for (const [line = "", comment, isNew] of LINES) {
    code.append(isNew ? element("strong", {}, line) : line);
    if (comment) code.append("  ", element("span", { class: "comment" }, `# ${comment}`));
    code.append("\n");
  }
  return element(
    "section",
    { class: "empty" },
    element("h2", {}, "No run with RL FLOPs yet"),
    element(
      "p",
      {},
      "This page shows training accuracy and average parallelism over cumulative compute, live. ",
      "Three lines in your training loop are enough:",
    ),
    element("pre", {}, code),
    element(
      "p",
      { class: "hint" },
      "Runs that you already have can be brought in: ",
      element("code", {}, "rlviz import trainer_state.json -o runs/old"),
      ". The page looks for new runs by itself; there is nothing to reload.",
    ),
  );
}
