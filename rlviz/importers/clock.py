"""When the steps of a log ended, as far as it tells."""

from dataclasses import dataclass

import numpy as np

from rlviz.importers import names
from rlviz.importers.log import Floats, Log
from rlviz.importers.timeline import Timeline
from rlviz.importers.wanted import first, is_count


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall time of every step.

    Attributes:
        wall_time: seconds since 1970, never falling, (T,); all the same where nothing is known.
        column: where it came from; None for the format's own, or none.
        known: whether the log tells how long steps took.
        says: a sentence.
    """

    wall_time: Floats
    column: str | None
    known: bool
    says: str


def clock(log: Log, timeline: Timeline) -> Clock:
    """Find the times of the steps: their own, a timestamp, seconds elapsed, or durations."""
    if timeline.wall_time is not None and timeline.wall_time[0] > 0:
        return Clock(timeline.wall_time, None, True, "Times are those at which it was logged.")
    if name := first(log, names.TIMESTAMPS, _is_timestamp):
        seconds = _every(name, timeline) / _unit(log, name)
        return Clock(np.maximum.accumulate(seconds), name, True, f"Times are {name!r}.")
    for kind, add_up in ((names.ELAPSED, False), (names.DURATIONS, True)):
        name = first(log, kind, is_count)
        if name is not None and name in timeline.placed:
            seconds = _added_up(name, timeline) if add_up else _every(name, timeline)
            seconds = np.maximum.accumulate(seconds)
            return Clock(
                max(1.0, log.modified - float(seconds[-1])) + seconds,
                name,
                True,
                f"Times between steps are from {name!r}; that the run ended when its file was last "
                "changed is an assumption.",
            )
    ended = np.full(len(timeline.steps), log.modified)
    return Clock(
        ended, None, False, "How long the steps took is unknown: all have the time of the file."
    )


def _is_timestamp(log: Log, name: str) -> bool:
    values = log.series[name].numbers() / _unit(log, name)
    return bool(values.min() > 1e9 and values.max() < 1e10)


def _unit(log: Log, name: str) -> float:
    """How many of its units are a second: 1, or 1,000 where it counts milliseconds."""
    return 1000.0 if log.series[name].numbers().max() > 1e11 else 1.0


def _every(name: str, timeline: Timeline) -> Floats:
    """The last value at each step; of a step without one that of the step before."""
    at, values = timeline.placed[name].last(timeline.steps)
    latest = np.searchsorted(at, np.arange(len(timeline.steps)), side="right") - 1
    return values[np.maximum(latest, 0)]


def _added_up(name: str, timeline: Timeline) -> Floats:
    at, values = timeline.placed[name].sum(timeline.steps)
    seconds = np.zeros(len(timeline.steps))
    seconds[at] = values
    return np.cumsum(seconds)
