"""A plateau: a stretch over which the curve stays where it is."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rlviz.report.statistics.noise import Noise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ENDS = 41
_SHORTEST = 0.2
"""Of the extent of x."""
_FEWEST = 8
_TOLERANCE = 0.1
"""Of the range of the curve: so little it may change over a plateau."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """The longest stretch over which the curve changes by less than a tenth of its range.

    Attributes:
        start, end: as shares of the extent of x.
        level: the mean over it, in the unit of y.
        level_error: its standard error.
        change: at most so much the curve changes over it, at 95 %, in the unit of y.
    """

    start: float
    end: float
    level: float
    level_error: float
    change: float


def find_plateau(x: Floats, y: Floats, noise: Noise) -> Plateau | None:
    """By equivalence: the 95 % bound of the change over a stretch is under a tenth of the range.

    The range is that of means over a twentieth of the points each. Where noise alone makes it, no
    stretch has a bound under a tenth of it, and none is named.
    """
    inflation = (1 + noise.correlation) / (1 - noise.correlation)
    parts = [part.mean() for part in np.array_split(y, 20)]
    allowed = _TOLERANCE * (max(parts) - min(parts))
    ends = np.unique(np.linspace(0, len(x), _ENDS).astype(int))
    first, last = (np.array(side) for side in zip(*itertools.combinations(ends, 2), strict=True))
    length = x[last - 1] - x[first]
    wide = (last - first >= _FEWEST) & (length >= _SHORTEST)
    first, last, length = first[wide], last[wide], length[wide]
    slope, error, level, spread = _lines(x, y, first, last)
    reach = stats.t.ppf(0.95, last - first - 2) * error * np.sqrt(inflation)
    change = (np.abs(slope) + reach) * length
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
