"""Hands the steps of a log to `rlviz.Callback`, as a training loop would."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rlviz.importers.clock import Clock
from rlviz.importers.compute import Spent
from rlviz.importers.log import Floats, Indices
from rlviz.importers.metrics import Metrics
from rlviz.importers.timeline import Placed, Timeline
from rlviz.importers.wanted import Roles

_CHUNK = 512
"""Steps between two flushes: far fewer than the callback keeps for a disk that is slow."""

Step: TypeAlias = dict[str, Any]
"""The arguments of one `Callback.on_step_end`."""


def steps_of(
    roles: Roles,
    timeline: Timeline,
    spent: Spent,
    times: Clock,
    metrics: Metrics,
) -> Iterator[list[Step]]:
    """The steps, some hundred at a time."""
    rates, weights = _accuracy(roles, timeline)
    side_by_side = (
        timeline.placed[roles.parallelism].mean(timeline.steps)
        if roles.parallelism in timeline.placed
        else None
    )
    for start in range(0, len(timeline.steps), _CHUNK):
        end = min(start + _CHUNK, len(timeline.steps))
        chunk: list[Step] = [
            {"step": step, "wall_time": wall, "metrics": {}}
            for step, wall in zip(
                timeline.steps[start:end].tolist(), times.wall_time[start:end].tolist(), strict=True
            )
        ]
        for name, (_, at, values) in metrics.items():
            for row, value in _within(at, values, start, end):
                chunk[row]["metrics"][name] = value
        for row, value in _within(*rates, start, end):
            chunk[row]["accuracy"] = min(max(value, 0.0), 1.0)
        for row, value in _within(*weights, start, end):
            if "accuracy" in chunk[row]:
                chunk[row]["graded"] = int(value) if value.is_integer() else value
        if side_by_side is not None:
            for row, value in _within(*side_by_side, start, end):
                chunk[row]["parallelism"] = value
        low, high = np.searchsorted(spent.at, (start, end)).tolist()
        for k, row in enumerate((spent.at[low:high] - start).tolist(), low):
            if spent.phases:
                phases = {phase: counts[k] for phase, counts in spent.phases.items()}
                chunk[row]["flops"] = phases.get("", phases)
        yield chunk


def _within(at: Indices, values: Floats, start: int, end: int) -> Iterator[tuple[int, float]]:
    low, high = np.searchsorted(at, (start, end))
    return zip((at[low:high] - start).tolist(), values[low:high].tolist(), strict=True)


def _accuracy(
    roles: Roles, timeline: Timeline
) -> tuple[tuple[Indices, Floats], tuple[Indices, Floats]]:
    """Accuracy and number of graded answers at each step that has them.

    Rows of one step are weighed by their answers, by one each where that number is unknown.
    """
    nothing = np.empty(0, np.int64), np.empty(0)
    placed, steps = timeline.placed, timeline.steps
    counts = placed.get(roles.graded) if isinstance(roles.graded, str) else None
    if roles.correct in placed and counts is not None:
        return _quotient(placed[roles.correct], counts, steps), counts.sum(steps)
    if roles.accuracy not in placed:
        return nothing, nothing
    rates = placed[roles.accuracy]
    rates = Placed(rates.step, rates.values / roles.full_score)
    if counts is None:
        each = 1.0 if roles.graded is None else float(roles.graded)
        counts = Placed(rates.step, np.full(len(rates.step), each))
    if np.array_equal(counts.step, rates.step):
        weighted = Placed(rates.step, rates.values * counts.values)
        return _quotient(weighted, counts, steps), counts.sum(steps)
    return rates.mean(steps), counts.sum(steps)


def _quotient(sums: Placed, counts: Placed, steps: Indices) -> tuple[Indices, Floats]:
    """Sum over sum at the steps that have both, without 0/0."""
    above, total = sums.sum(steps), counts.sum(steps)
    both, i, j = np.intersect1d(above[0], total[0], return_indices=True)
    answered = total[1][j] > 0
    return both[answered], above[1][i][answered] / total[1][j][answered]


def write(
    logdir: Path, steps: Iterable[list[Step]], *, config: Mapping[str, str], figure: bool
) -> None:
    """Record steps in a new run.

    Args:
        logdir: its directory.
        steps: their arguments for `Callback.on_step_end`, some hundred at a time.
        config: for TensorBoard's Text tab.
        figure: whether to draw figure and summary at the end.

    Raises:
        OSError: the run can't be written.
    """
    from rlviz.callback import Callback

    viz = Callback(
        logdir,
        config=config,
        figure_seconds=_NEVER if figure else None,
        strict=True,
    )
    try:
        for chunk in steps:
            for step in chunk:
                if (flops := step.pop("flops", None)) is not None:
                    viz.record(flops=flops)  # apart: plain floats are queued at a tenth of the cost
                viz.on_step_end(**step)
            viz.flush(None)  # whatever the disk's pace, nothing waits in memory and gets dropped
    finally:
        viz.close(None)
    health = viz.health
    if health.written != health.logged:
        raise OSError(f"only {health.written} of {health.logged} steps were written to {logdir}.")


_NEVER = 1e6
"""Seconds between live figures: the one at the end is all that an import needs."""
