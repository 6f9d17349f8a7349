"""A plateau: a stretch over which the curve stays level."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rlviz.report.statistics.noise import Noise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CELLS = 40
_POINTS = 4
"""The fewest points in a cell."""
_SHORTEST = 0.2
"""The shortest plateau, as a share of the extent of x."""
_FEWEST = 8
_TOLERANCE = 0.1
"""How much the curve may change over a plateau, as a share of its range."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """The longest stretch over which the curve changes by less than a tenth of its range.

    Attributes:
        start, end: as shares of the extent of x.
        level: the mean over the plateau, in the unit of y.
        level_error: the standard error of the level.
        change: 95 % upper bound of the change over the plateau, in the unit of y.
    """

    start: float
    end: float
    level: float
    level_error: float
    change: float


def find_plateau(x: Floats, y: Floats, noise: Noise) -> Plateau | None:
    """A plateau by an equivalence test: the 95 % bound of the change is under a tenth of the range.

    The range is the range of means over a twentieth of the points each. If noise alone makes it, no
    stretch has a bound under a tenth of it, and no plateau is claimed.

    The bound adds the squares of two changes. The first is the 95 % bound of the rise of a straight
    line through the stretch. The second is how far the means over cells deviate from that line
    beyond their noise, expressed as the rise of a line that deviates as much from its own mean.
    Without the second, a dip and the way back would count as level.
    """
    inflation = (1 + noise.correlation) / (1 - noise.correlation)
    parts = [part.mean() for part in np.array_split(y, 20)]
    allowed = _TOLERANCE * (max(parts) - min(parts))
    cells = max(min(_CELLS, len(x) // _POINTS), 1)
    ends = np.linspace(0, len(x), cells + 1).astype(int)
    sides = np.array(list(itertools.combinations(range(cells + 1), 2)))
    first, last = ends[sides].T
    length = x[last - 1] - x[first]
    wide = (last - first >= _FEWEST) & (length >= _SHORTEST)
    sides, first, last, length = sides[wide], first[wide], last[wide], length[wide]
    slope, error, level, spread = _lines(x, y, first, last)
    rise = np.abs(slope) + stats.t.ppf(0.95, last - first - 2) * error * np.sqrt(inflation)
    bend = _bends(x, y, ends, sides, slope, spread**2 * inflation)
    change = np.hypot(rise * length, bend)
    flat = np.flatnonzero(change < allowed)
    if not len(flat):
        return None
    best = flat[length[flat].argmax()]
    level_error = spread[best] * np.sqrt(inflation / (last[best] - first[best]))
    return Plateau(
        float(x[first[best]]),
        float(x[last[best] - 1]),
        float(level[best]),
        float(level_error),
        float(change[best]),
    )


def _bends(
    x: Floats, y: Floats, ends: Ints, sides: Ints, slope: Floats, variance: Floats
) -> Floats:
    """How much stretches of cells, (k, 2), deviate from lines of these slopes, (k,), in the unit of
    y.

    A line that rises by d deviates from its mean by a variance of d²/12.
    """
    first, last = sides.T
    count = np.diff(ends)
    at, means = (np.add.reduceat(v - v.mean(), ends[:-1]) / count for v in (x, y))

    def over(values: Floats) -> Floats:
        sums = np.concatenate([[0.0], np.cumsum(count * values)])
        return np.asarray((sums[last] - sums[first]) / (ends[last] - ends[first]))

    x_mean, y_mean = over(at), over(means)
    x_variance, y_variance = over(at**2) - x_mean**2, over(means**2) - y_mean**2
    covariance = over(at * means) - x_mean * y_mean
    off = y_variance - 2 * slope * covariance + slope**2 * x_variance
    by_noise = (last - first - 2) * variance / (ends[last] - ends[first])
    return np.asarray(np.sqrt(12 * np.maximum(off - by_noise, 0.0)))


def _lines(x: Floats, y: Floats, first: Ints, last: Ints) -> tuple[Floats, ...]:
    """Straight lines through stretches -> slopes, their standard errors, means, residual sizes."""

    def over(values: Floats) -> Floats:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray((sums[last] - sums[first]) / (last - first))

    y_mean = y.mean()
    y = y - y_mean  # the sums stay small
    at, level = over(x), over(y)
    x_variance = over(x * x) - at**2
    slope = (over(x * y) - at * level) / x_variance
    left = np.maximum(over(y * y) - level**2 - slope**2 * x_variance, 0.0)
    spread = np.sqrt(left * (last - first) / (last - first - 2))
    return slope, spread / np.sqrt(x_variance * (last - first)), level + y_mean, spread
