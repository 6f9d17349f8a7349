"""Leaves out what can't be seen: dots that lie in others, and the points within a line's column."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_DOTS = 20_000
_CELL_PIXELS = 1 / 3
"""The least side of a cell; where there are too many, it grows to about the radius of a dot."""


_GROWTH = 0.6
"""Dots that fill an area become fewer with the square of a cell's side, those along a line with the
side."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What is visible, and how large: x as it lies on the screen, y, and pixels."""

    left: float
    right: float
    low: float
    high: float
    width: int
    height: int


def dots(place: Floats, y: Floats, panel: Panel, most: int = MOST_DOTS) -> Rows:
    """Which dots to draw so that the picture is the same as with all of them, in their order.

    All where there are no more than `most`; else, within the panel, the first in each cell of a
    grid over it, and the lowest and the highest in each column of cells.

    Args:
        place: never decreasing, (T,), finite, all within the panel.
        y: (T,), finite; what is above or below the panel is left out.
        panel: the visible part.
        most: how many there may be, at least 10.
    """
    if len(y) <= most:
        return np.arange(len(y))
    kept = np.flatnonzero((y >= panel.low) & (y <= panel.high))
    cell = _CELL_PIXELS
    while len(kept) > most:
        across, up = (max(1, int(side / cell)) for side in (panel.width, panel.height))
        kept = kept[_one_of_each(place[kept], y[kept], panel, across, up)]
        cell *= max(1.1, (len(kept) / most) ** _GROWTH)
    return kept


def _one_of_each(place: Floats, y: Floats, panel: Panel, across: int, up: int) -> Rows:
    column = _cells(place, panel.left, panel.right, across)
    row = _cells(y, panel.low, panel.high, up)
    first = np.full(across * up, -1)
    # Of several assignments to one place NumPy keeps the last: the first point, from behind.
    first[(column * up + row)[::-1]] = np.arange(len(y))[::-1]
    return _marked(len(y), first[first >= 0], *_extremes(y, column))


def line(place: Floats, y: Floats, panel: Panel) -> Rows:
    """Which points of a line to draw: the first, the lowest, the highest and the last in each
    column of pixels, through which it looks as through all; all of a short line."""
    if len(y) <= 4 * panel.width:
        return np.arange(len(y))
    column = _cells(place, panel.left, panel.right, panel.width)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(y)) - 1
    return _marked(len(y), starts, ends, *_extremes(y, column))


def _marked(count: int, *rows: Rows) -> Rows:
    """All of these of `count` rows, each once and in order."""
    marked = np.zeros(count, dtype=bool)
    for some in rows:
        marked[some] = True
    return np.flatnonzero(marked)


def _extremes(y: Floats, column: Rows) -> tuple[Rows, Rows]:
    """The first lowest and the first highest point of each column."""
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    return (
        _first_equal(y, np.minimum.reduceat(y, starts), starts),
        _first_equal(y, np.maximum.reduceat(y, starts), starts),
    )


def _first_equal(y: Floats, values: Floats, starts: Rows) -> Rows:
    """In each stretch that begins at `starts` the first point that has the stretch's value."""
    equal = np.flatnonzero(y == np.repeat(values, np.diff(starts, append=len(y))))
    stretch = np.searchsorted(starts, equal, side="right")
    return np.asarray(equal[np.unique(stretch, return_index=True)[1]])


def _cells(values: Floats, low: float, high: float, count: int) -> Rows:
    """The number of the cell that each value lies in, of `count` equal ones from low to high."""
    width = (high - low) / count
    if not 0 < width < math.inf:
        return np.zeros(len(values), dtype=np.int64)
    return np.clip((values - low) / width, 0, count - 1).astype(np.int64)
