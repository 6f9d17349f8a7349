"""Writes the run that `tests/report/history/test_old_run.py` reads: by the rlviz of an old commit.

It was made at commit 10037ca, in a checkout of it, with

    python make_run_of_10037ca.py FOLDER

and stays as it was written: whoever reads it differently has broken the runs that people have. The
folder holds the event files of two sessions, and in `expected.json` what that commit read in them.
"""

import json
import math
import sys
from pathlib import Path

import rlviz

STEPS, RESUMED_AFTER = 60, 40


def record(viz: "rlviz.Callback", step: int) -> None:
    right = 8 + (step * 7) % 25
    viz.record(correct=[True] * right + [False] * (64 - right), group="math" if step % 2 else None)
    viz.record(parallelism=[2.0 + step / 10, 3.0, float("nan")] if step % 5 else None)
    viz.record(flops={"rollout": 10**22 + step, "update": 3 * 10**21 + 7, "evaluation": 10**18})
    viz.record(seconds={"rollout": 1.5, "update": 0.5})
    metrics = {"loss": 1 / step, "kl/mean": math.nan if step == 3 else 0.01 * step}
    viz.on_step_end(step, metrics=metrics)


def main(folder: Path) -> None:
    with rlviz.Callback(folder, config={"lr": 1e-4}, figure_seconds=None) as viz:
        for step in range(1, RESUMED_AFTER + 1):
            record(viz, step)
        state = viz.state_dict()
        for step in range(RESUMED_AFTER + 1, RESUMED_AFTER + 6):  # lost by a crash
            record(viz, step)
    with rlviz.Callback(folder, config={"lr": 1e-4}, figure_seconds=None) as viz:
        viz.load_state_dict(state)
        for step in range(RESUMED_AFTER + 1, STEPS + 1):
            record(viz, step)
    history = rlviz.read(folder)
    columns = {
        name: [None if math.isnan(value) else value for value in values.tolist()]
        for name, values in history.table().items()
    }
    expected = {
        "columns": columns,
        "exact_flops": history.exact_flops(),
        "lost_flops": {str(k): v for k, v in history.lost_flops.items()},
        "superseded": history.superseded,
        "groups": history.groups,
        "phases": history.phases,
        "metrics": history.metrics,
    }
    (folder / "expected.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
