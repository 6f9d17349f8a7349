"""Thins out the dots of a long run so that it looks as before: the extremes stay."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRIPES = 1000
"""About as many as a panel has pixels across."""
IN_A_STRIPE = 20


def thinned(place: Floats, y: Floats, *, runs: int = 1) -> NDArray[np.int64]:
    """Which points to draw, in their order: all of a short run; of a longer one at most 20 in each
    thousandth of the axis, evenly chosen, and the lowest and the highest of each.

    Args:
        place: never decreasing positions on the paper, (T,), finite.
        y: values, (T,), finite.
        runs: how many share a panel; each gets its part of the dots.
    """
    most = max(2, IN_A_STRIPE // runs)
    if len(y) <= STRIPES * most:
        return np.arange(len(y))
    edges = np.linspace(place[0], place[-1], STRIPES, endpoint=False)
    starts = np.unique(np.searchsorted(place, edges))
    counts = np.diff(starts, append=len(y))
    each = np.minimum(counts, most)
    number = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    even = np.repeat(starts, each) + number * np.repeat(counts, each) // np.repeat(each, each)
    lowest = _first_equal(y, np.minimum.reduceat(y, starts), starts, counts)
    highest = _first_equal(y, np.maximum.reduceat(y, starts), starts, counts)
    return np.unique(np.concatenate([even, lowest, highest]))


def _first_equal(
    y: Floats, values: Floats, starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """In each stripe the first point that has the stripe's value."""
    equal = np.flatnonzero(y == np.repeat(values, counts))
    stripe = np.searchsorted(starts, equal, side="right")
    return equal[np.unique(stripe, return_index=True)[1]]
