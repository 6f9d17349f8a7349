"""Whether the files of an import are parts of one run, which each other's steps follow."""

from itertools import pairwise
from typing import TypeAlias

import numpy as np

from rlviz.importers.log import Floats, Log

_Values: TypeAlias = dict[float, float]
"""Step -> the last value there."""


def check_parts(log: Log, main: str, step: Floats) -> None:
    """Refuse files that can't be one run: a later one tells all steps of an earlier one otherwise.

    A part that begins after the one before it began is of a run that was resumed, and its steps
    replace those that it repeats. One that begins no later would replace all of them.

    Args:
        log: what was read of all the files.
        main: the series that the run is about.
        step: of each row, (rows,), NaN where it has none.

    Raises:
        ValueError: two files are of two runs, or stand in the wrong order.
    """
    ends = [row for _, row in log.parts[1:]] + [log.count]
    parts = [
        (file, values)
        for (file, first), end in zip(log.parts, ends, strict=True)
        if (values := _of(log, main, step, first, end))
    ]
    for (before, earlier), (after, later) in pairwise(parts):
        if min(later) <= min(earlier):
            _refuse_if_unrelated(main, before, earlier, after, later)


def _refuse_if_unrelated(
    name: str, before: str, earlier: _Values, after: str, later: _Values
) -> None:
    shared = earlier.keys() & later.keys()
    if 2 * sum(earlier[at] != later[at] for at in shared) > len(shared):
        raise ValueError(
            f"{before} and {after} are not the parts of one run: both tell the same steps, with "
            f"other values of {name!r}. Import each by itself, and compare the runs."
        )
    if max(later) < min(earlier):
        raise ValueError(
            f"{after} ends before {before} begins, at step {min(earlier):.0f}. Give the files in "
            "the order of their steps."
        )


def _of(log: Log, name: str, step: Floats, first: int, end: int) -> _Values:
    """The values of a series in one file: rows from `first` to, without, `end`."""
    series = log.series[name]
    rows = series.rows()
    low, high = np.searchsorted(rows, (first, end))
    steps, values = step[rows[low:high]], series.numbers()[low:high]
    known = ~np.isnan(steps)
    return dict(zip(steps[known].tolist(), values[known].tolist(), strict=True))
