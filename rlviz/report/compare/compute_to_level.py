"""How much compute a curve needed to reach a level."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MOST_LEVELS = 8


def reach(x: Floats, curves: Floats, levels: Floats) -> Floats:
    """The first x at which each curve is at each level, whether or not it stays there.

    Between two points a curve is a straight line.

    Args:
        x: (T,), increasing.
        curves: (S, T).
        levels: (L,).

    Returns:
        (S, L); NaN where a curve never reaches the level, or starts at or above it, so that what it
        needed is unknown.

    Example:
        >>> reach(np.array([1.0, 2.0, 4.0]), np.array([[0.2, 0.4, 0.3]]), np.array([0.3, 0.5, 0.1]))
        array([[1.5, nan, nan]])
    """
    highest = np.maximum.accumulate(curves, axis=1)
    found = np.full((len(curves), len(levels)), np.nan)
    for k, level in enumerate(levels):
        at = (highest < level).sum(axis=1)
        rows = np.flatnonzero((at > 0) & (at < len(x)))
        after = at[rows]
        below, above = curves[rows, after - 1], curves[rows, after]
        part = (level - below) / (above - below)
        found[rows, k] = x[after - 1] + part * (x[after] - x[after - 1])
    return found


def round_levels(starts: Sequence[float], peaks: Sequence[float], *, percent: bool) -> Floats:
    """At most 8 round levels that at least two curves may have passed.

    >>> round_levels([0.30, 0.32], [0.61, 0.66], percent=True).tolist()
    [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]
    """
    low, high = sorted(starts)[1], sorted(peaks)[-2]
    if not low < high:
        return np.array([])
    decade = 10.0 ** math.floor(math.log10((high - low) / _MOST_LEVELS))
    steps = [m * decade for m in (1, 2, 5, 10)]
    if percent:
        steps = [0.01, 0.02, 0.05, 0.1, 0.2]
    step = next(s for s in steps if (high - low) / s <= _MOST_LEVELS)
    numbers = np.arange(math.floor(low / step) + 1, math.ceil(high / step))
    return np.round(numbers * step, 12 - math.floor(math.log10(max(abs(low), abs(high)))))
