"""Leaves out what can't be seen: dots hidden in other dots, and points within a line's column."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_DOTS = 20_000
_ACROSS, _UP = 450, 180
"""Cells across and up a figure's panel: a cell is about as wide and half as high as a dot of a long
run."""
_CELL_PIXELS = 1 / 3
"""The smallest side of a cell on a screen; where there are too many dots, it grows to about a dot's
radius."""
_MOST_CELLS = 4_000_000
"""Cells of a grid, whatever the size of the screen: they take 32 MB. A viewport of 1,300 × 340
pixels still has the smallest cells."""
_AT_A_TIME = 1 << 18
"""Points that are looked at together, which bounds the memory."""
_GROWTH = 0.6
"""How the side grows: the number of dots falls with the square of a cell's side if they fill an
area, and with the side if they follow a line."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """The visible part of a panel and its size: x as drawn on the screen, y, and pixels."""

    left: float
    right: float
    low: float
    high: float
    width: int
    height: int

    @property
    def sides(self) -> tuple[float, float, float, float]:
        return self.left, self.right, self.low, self.high


def thinned(place: Floats, y: Floats, *, runs: int = 1) -> Indices:
    """Which dots a figure draws, in their order. A short run keeps all. A run of more than 20,000
    keeps the first dot in each cell of a grid over the panel, and the lowest and the highest in
    each column.

    Args:
        place: positions as drawn, (T,), finite, never decreasing.
        y: values, (T,), finite.
        runs: how many runs share a panel; the more, the fewer dots each keeps.
    """
    if len(y) * runs <= MOST_DOTS:
        return np.arange(len(y))
    across, up = (max(20, int(cells / math.sqrt(runs))) for cells in (_ACROSS, _UP))
    sides = float(place.min()), float(place.max()), float(y.min()), float(y.max())
    return _one_of_each(place, y, sides, across, up)


def thinned_for_screen(
    place: Floats, y: Floats, viewport: Viewport, most: int = MOST_DOTS
) -> Indices:
    """Which dots a screen draws, in their order, so that the picture looks the same as with all
    dots.

    Up to `most` dots, all are drawn. Beyond that, the dots within the viewport are thinned as in
    `thinned`, with cells that grow until at most `most` dots remain.

    Args:
        place: never decreasing, (T,), finite, all within the viewport.
        y: (T,), finite; what is above or below the viewport is left out.
        viewport: the visible part.
        most: how many there may be, at least 10.
    """
    if len(y) <= most:
        return np.arange(len(y))
    kept = np.flatnonzero((y >= viewport.low) & (y <= viewport.high))
    cell = max(_CELL_PIXELS, math.sqrt(viewport.width * viewport.height / _MOST_CELLS))
    while len(kept) > most:
        across, up = (max(1, int(side / cell)) for side in (viewport.width, viewport.height))
        kept = kept[_one_of_each(place[kept], y[kept], viewport.sides, across, up)]
        cell *= max(1.1, (len(kept) / most) ** _GROWTH)
    return kept


def thinned_line(place: Floats, y: Floats, viewport: Viewport) -> Indices:
    """Which points of a line to draw: the first, lowest, highest and last in each column of pixels,
    so that the line looks the same as through all points. A short line keeps all its points."""
    if len(y) <= 4 * viewport.width:
        return np.arange(len(y))
    column = _cells(place, viewport.left, viewport.right, viewport.width)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(y)) - 1
    lowest, highest = _Extremes(viewport.width), _Extremes(viewport.width)
    lowest.look(y, column, 0)
    highest.look(-y, column, 0)
    return _marked(len(y), starts, ends, lowest.found(), highest.found())


def _one_of_each(
    place: Floats, y: Floats, sides: tuple[float, float, float, float], across: int, up: int
) -> Indices:
    """The first point in each of across × up cells, and the lowest and the highest in each column
    of them; `sides` of the grid are left, right, low and high."""
    left, right, low, high = sides
    first = np.full(across * up, -1)
    lowest, highest = _Extremes(across), _Extremes(across)
    for begin in range(0, len(y), _AT_A_TIME):
        part = slice(begin, begin + _AT_A_TIME)
        column = _cells(place[part], left, right, across)
        cell = column * up + _cells(y[part], low, high, up)
        empty = np.flatnonzero(first[cell] < 0)[::-1]
        # Of several assignments to one place NumPy keeps the last: the first point, from behind.
        first[cell[empty]] = begin + empty
        lowest.look(y[part], column, begin)
        highest.look(-y[part], column, begin)
    return _marked(len(y), first[first >= 0], lowest.found(), highest.found())


def _marked(count: int, *rows: Indices) -> Indices:
    """All of these indices into `count` rows, each once and in order."""
    marked = np.zeros(count, dtype=bool)
    for some in rows:
        marked[some] = True
    return np.flatnonzero(marked)


class _Extremes:
    """The first lowest point of each column, of points that come a part at a time."""

    def __init__(self, columns: int) -> None:
        self._value = np.full(columns, np.inf)
        self._at = np.full(columns, -1)

    def look(self, y: Floats, column: Indices, begin: int) -> None:
        """Take some points, the first of which is number `begin`; columns never decrease."""
        starts = np.flatnonzero(np.diff(column, prepend=-1))
        least = np.minimum.reduceat(y, starts)
        at = _first_equal(y, least, starts) + begin
        of = column[starts]
        lower = (least < self._value[of]) | (self._at[of] < 0)
        self._value[of[lower]], self._at[of[lower]] = least[lower], at[lower]

    def found(self) -> Indices:
        """Their numbers."""
        return self._at[self._at >= 0]


def _first_equal(y: Floats, values: Floats, starts: Indices) -> Indices:
    """The first point in each stretch, beginning at `starts`, that has the stretch's value."""
    equal = np.flatnonzero(y == np.repeat(values, np.diff(starts, append=len(y))))
    stretch = np.searchsorted(starts, equal, side="right")
    return np.asarray(equal[np.unique(stretch, return_index=True)[1]])


def _cells(values: Floats, low: float, high: float, count: int) -> Indices:
    """The number of the cell that holds each value; `count` equal cells span from low to high."""
    width = (high - low) / count
    if not 0 < width < math.inf:
        return np.zeros(len(values), dtype=np.int64)
    return np.clip((values - low) / width, 0, count - 1).astype(np.int64)
