"""Leaves out dots of a long run that others cover, so that it looks as before, extremes and all."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ALL_UP_TO = 20_000
_ACROSS, _UP = 450, 180
"""Cells of a panel; about as wide and half as high as a dot of a long run."""


def thinned(place: Floats, y: Floats, *, runs: int = 1) -> NDArray[np.int64]:
    """Which points to draw, in their order: all of a short run; of one with more than 20,000 the
    first in each cell of a grid over the panel, and the lowest and the highest in each column.

    Args:
        place: never decreasing positions on the paper, (T,), finite.
        y: values, (T,), finite.
        runs: how many share a panel; the more, the fewer dots each has.
    """
    if len(y) * runs <= ALL_UP_TO:
        return np.arange(len(y))
    across, up = (max(20, int(cells / math.sqrt(runs))) for cells in (_ACROSS, _UP))
    column, row = _cells(place, across), _cells(y, up)
    first = np.full(across * up, -1)
    # Of several assignments to one place NumPy keeps the last: the first point, from behind.
    first[(column * up + row)[::-1]] = np.arange(len(y))[::-1]
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    lowest = _first_equal(y, np.minimum.reduceat(y, starts), starts)
    highest = _first_equal(y, np.maximum.reduceat(y, starts), starts)
    return np.unique(np.concatenate([first[first >= 0], lowest, highest]))


def _cells(values: Floats, count: int) -> NDArray[np.int64]:
    """The number of the cell that each value lies in, of `count` equal ones."""
    low, high = float(values.min()), float(values.max())
    width = (high - low) / count
    if not width > 0:
        return np.zeros(len(values), dtype=np.int64)
    return np.minimum((values - low) / width, count - 1).astype(np.int64)


def _first_equal(y: Floats, values: Floats, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """In each stretch that begins at `starts` the first point that has the stretch's value."""
    equal = np.flatnonzero(y == np.repeat(values, np.diff(starts, append=len(y))))
    stretch = np.searchsorted(starts, equal, side="right")
    return equal[np.unique(stretch, return_index=True)[1]]
