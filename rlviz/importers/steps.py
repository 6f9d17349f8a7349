"""The steps of a log as `rlviz.Callback` records them: their times, metrics, accuracies, FLOPs."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from rlviz import schema, wording
from rlviz.conventions import ConventionName
from rlviz.importers import names
from rlviz.importers.compute import Spent
from rlviz.importers.log import Floats, Indices, Log
from rlviz.importers.options import Options
from rlviz.importers.roles import Roles
from rlviz.importers.timeline import Placed, Timeline
from rlviz.wall_time import pauses

_CHUNK = 512
"""Steps between two flushes: far fewer than the callback keeps for a slow disk."""

_NEVER = 1e6
"""Seconds between live figures: an import needs only the one at the end."""

Step: TypeAlias = dict[str, Any]
"""The arguments of one `Callback.on_step_end`."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall time of every step.

    Attributes:
        wall_time: seconds since 1970, never decreasing, (T,); all equal if nothing is known.
        column: the column that it came from; None for the format's own time, or none.
        known: whether the log tells how long steps took.
        says: a sentence about it.
        adds_up: whether it was added up from what each row took.
    """

    wall_time: Floats
    column: str | None
    known: bool
    says: str
    adds_up: bool = False


def clock(log: Log, timeline: Timeline, options: Options) -> Clock:
    """Find the times of the steps: their own, a timestamp, seconds elapsed, or durations."""
    if timeline.wall_time is not None and timeline.wall_time[0] > 0:
        wall = timeline.wall_time
        says = f"The times are those at which values were logged{_paused(wall)}."
        return Clock(wall, None, True, says)
    if name := log.first(names.TIMESTAMPS, partial(_is_timestamp, log)):
        return _of_column(log, name, timeline)
    elapsed = log.first(names.ELAPSED, log.is_count) or log.first(names.TIMES, log.is_count)
    for name, add_up in (
        (elapsed, elapsed is not None and _falls(elapsed, timeline)),
        (log.first(names.DURATIONS, log.is_count), True),
    ):
        if name is not None and name in timeline.placed:
            seconds = _added_up(name, timeline, options) if add_up else _every(name, timeline)
            seconds = seconds / _unit(log, name)
            seconds = np.maximum.accumulate(seconds if add_up else _joined(seconds))
            rows = _of_the_rows_alone(float(seconds[-1]), timeline, options) if add_up else ""
            return Clock(
                max(1.0, log.modified - float(seconds[-1])) + seconds,
                name,
                True,
                f"Times between steps are from {name!r}{rows}; that the run ended when its file "
                "was last changed is an assumption.",
                add_up,
            )
    if name := log.first(names.DATES, partial(_tells_rows_apart, log)):
        return _of_column(log, name, timeline)
    ended = np.full(len(timeline.steps), log.modified)
    return Clock(
        ended, None, False, "How long the steps took is unknown: all have the time of the file."
    )


def _of_column(log: Log, name: str, timeline: Timeline) -> Clock:
    """The times that stand in a column."""
    seconds = np.maximum.accumulate(_every(name, timeline) / _unit(log, name))
    return Clock(seconds, name, True, f"The times are those of {name!r}{_paused(seconds)}.")


def _paused(wall: Floats) -> str:
    paused = pauses(wall)
    return f"; pauses of {wording.duration(paused)} are no training time" if paused else ""


def _of_the_rows_alone(seconds: float, timeline: Timeline, options: Options) -> str:
    if not timeline.is_sampled:
        return ""
    if options.extrapolate:
        return ", extrapolated to the steps between the rows"
    every = timeline.stand_for(np.arange(len(timeline.steps))).sum() / len(timeline.steps)
    return (
        f", {wording.duration(seconds)} of the {len(timeline.steps):,} logged rows alone (with the "
        f"steps between them about {wording.duration(seconds * float(every))})"
    )


_LATEST_SECONDS = 1e8
"""Of seconds since 1970 in milliseconds or finer: those of 1973, the least that are seen."""


def _is_timestamp(log: Log, name: str) -> bool:
    values = log.series[name].numbers() / _unit(log, name)
    return bool(values.min() > 1e9 and values.max() < 1e10)


def _tells_rows_apart(log: Log, name: str) -> bool:
    """Whether a column holds times, and not the one day or the one start of all rows."""
    values = log.series[name].numbers()
    return _is_timestamp(log, name) and 2 * len(np.unique(values)) > min(len(values), log.count)


def _falls(name: str, timeline: Timeline) -> bool:
    """Whether a column of times falls, so that each is the time of its step."""
    if names.plain(name) not in names.TIMES or name not in timeline.placed:
        return False
    return bool((np.diff(_every(name, timeline)) < 0).any())


def _unit(log: Log, name: str) -> float:
    """How many of the column's units make a second: 1, or 1,000 if it counts milliseconds, 10⁶ or
    10⁹ if microseconds or nanoseconds since 1970."""
    latest = float(log.series[name].numbers().max())
    if name.endswith("(ms)"):
        return 1e3
    return next((unit for unit in (1e9, 1e6, 1e3) if latest > _LATEST_SECONDS * unit), 1.0)


def _every(name: str, timeline: Timeline) -> Floats:
    """The last value at each step; a step without one gets that of the step before."""
    at, values = timeline.placed[name].last(timeline.steps)
    latest = np.searchsorted(at, np.arange(len(timeline.steps)), side="right") - 1
    return values[np.maximum(latest, 0)]


def _joined(seconds: Floats) -> Floats:
    """Seconds since a start, also where a resumed run counts them from 0 again."""
    before = np.append(0.0, seconds[:-1])
    restarted = seconds < before / 2
    joined: Floats = seconds + np.cumsum(np.where(restarted, before, 0.0))
    return joined


def _added_up(name: str, timeline: Timeline, options: Options) -> Floats:
    at, values = timeline.placed[name].mean(timeline.steps)  # ranks are at work at the same time
    seconds = np.zeros(len(timeline.steps))
    seconds[at] = values * timeline.stand_for(at) if options.extrapolate else values
    return np.cumsum(seconds)


Metrics: TypeAlias = dict[str, tuple[str, Indices, Floats]]
"""Name -> the column it came from, the index of the steps that have a value, and the values."""


def metrics_of(timeline: Timeline, roles: Roles, times: Clock, spent: Spent) -> Metrics:
    """All numbers of a log that have no other role, averaged over the rows of a step."""
    found: Metrics = {}
    if spent.tokens is not None and roles.tokens is not None:
        found["tokens"] = (roles.tokens, spent.at, spent.tokens)
    others = [name for name in timeline.placed if name not in roles.columns() | {times.column}]
    for name in ([roles.return_] if roles.return_ in timeline.placed else []) + others:
        called = metric_name("return" if name == roles.return_ else name, found)
        found[called] = (name, *timeline.placed[name].mean(timeline.steps))
    return found


def metric_name(name: str, taken: Container[str] = ()) -> str:
    """The name of a column as a metric: one that is free and that rlviz itself does not use.

    >>> metric_name("actor/kl_loss"), metric_name("accuracy/mean"), metric_name("reward/ema")
    ('actor/kl_loss', 'log/accuracy/mean', 'reward_ema')
    >>> metric_name("return", taken={"return"})
    'return_2'
    """
    name = name.encode(errors="replace").decode().strip()[:240] or "unnamed"
    if name.endswith("/ema"):
        name = f"{name[:-4]}_ema"
    try:
        schema.check_metric(name)
    except ValueError:  # reserved
        name = f"log/{name}"
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return schema.check_metric(free)


def steps_of(
    roles: Roles,
    timeline: Timeline,
    spent: Spent,
    times: Clock,
    metrics: Metrics,
) -> Iterator[list[Step]]:
    """The steps, a few hundred at a time."""
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

    Rows of one step are weighted by their number of answers, by one each if it is unknown: then no
    number is given, and there is none but where single answers were logged, 0 or 1 each.
    """
    nothing = np.empty(0, np.int64), np.empty(0)
    placed, steps = timeline.placed, timeline.steps
    counts = placed.get(roles.graded) if isinstance(roles.graded, str) else None
    if roles.correct in placed and counts is not None:
        return _quotient(placed[roles.correct], counts, steps), counts.sum(steps)
    if roles.accuracy not in placed:
        return nothing, nothing
    rates = placed[roles.accuracy]
    low, high = roles.scale
    rates = Placed(rates.step, (rates.values - low) / (high - low))
    if counts is None:
        each = roles.graded if isinstance(roles.graded, (int, float)) else _single(roles, rates)
        if each is None:
            return rates.mean(steps), nothing
        counts = Placed(rates.step, np.full(len(rates.step), float(each)))
    if np.array_equal(counts.step, rates.step):
        weighted = Placed(rates.step, rates.values * counts.values)
        return _quotient(weighted, counts, steps), counts.sum(steps)
    return rates.mean(steps), counts.sum(steps)


def _single(roles: Roles, rates: Placed) -> float | None:
    """1 where each row is one answer, right or wrong; None where that can't be told."""
    single = names.plain(roles.accuracy or "") in names.SINGLE_ANSWERS
    return 1.0 if single and bool(np.isin(rates.values, (0.0, 1.0)).all()) else None


def _quotient(sums: Placed, counts: Placed, steps: Indices) -> tuple[Indices, Floats]:
    """The quotient of the sums at the steps that have both, without 0/0."""
    above, total = sums.sum(steps), counts.sum(steps)
    both, i, j = np.intersect1d(above[0], total[0], return_indices=True)
    answered = total[1][j] > 0
    return both[answered], above[1][i][answered] / total[1][j][answered]


def write(
    logdir: Path,
    steps: Iterable[list[Step]],
    *,
    config: Mapping[str, str | bool],
    figure: bool,
    convention: str = "",
) -> None:
    """Record steps in a new run.

    Args:
        logdir: its directory.
        steps: arguments for `Callback.on_step_end`, a few hundred steps at a time.
        config: configuration for TensorBoard's Text tab.
        figure: whether to draw figure and summary at the end.
        convention: by which the FLOPs are counted; "" where it is not known.

    Raises:
        OSError: the run can't be written.
    """
    from rlviz.callback import Callback

    viz = Callback(
        logdir,
        config=config,
        figure_seconds=_NEVER if figure else None,
        convention=cast(ConventionName | None, convention or None),
        strict=True,
    )
    try:
        for chunk in steps:
            for step in chunk:
                if (flops := step.pop("flops", None)) is not None:
                    viz.record(flops=flops)  # separate: plain floats queue at a tenth of the cost
                viz.on_step_end(**step)
            viz.flush(None)  # a slow disk must not make the callback drop steps
    finally:
        viz.close(None)
    health = viz.health
    if health.written != health.logged:
        raise OSError(f"only {health.written} of {health.logged} steps were written to {logdir}.")
