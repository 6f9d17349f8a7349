"""Evidence that a series moves: the slopes over many intervals, each in its standard error.

A slope over an interval has the sign of the truth's change there if the truth is monotone, whatever
a smoother does at a bend. So a curve shows where something may have happened, and these slopes tell
whether it did. The noise has its own size at every place, and it may last from bin to bin.

Source: L. Duembgen, V. G. Spokoiny, Annals of Statistics 29 (2001), for tests on all intervals with
a price for each length.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.noise import GRID, Noise, of_difference

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ANCHORED = 1.45
"""The most that an interval from the first bin on pays. Other intervals of its length begin
anywhere, so there are more of them, and chance is larger."""
INSIDE = 0.8
"""The share of an interval that lies inside a move if it counts for it."""
_SHORTEST = 8
_FINER = 1.1
"""Ratio of the lengths of intervals from the first bin on."""


class Evidence:
    """The slopes over intervals of a series of bins.

    Attributes:
        noise: of the series.

    Args:
        y: the series, (n,).
        noise: see above.
    """

    def __init__(self, y: Floats, noise: Noise) -> None:
        self.noise, self._y = noise, y
        starts, lengths = _intervals(len(y))
        stops = starts + lengths
        # On average over the correlations that are likely: an uncertain one makes slopes uncertain.
        table = _slope_table(len(y))
        self._unit = noise.weights @ table / of_difference(noise.correlation)
        self._starts, self._stops = starts, stops
        self._z = slopes(y, starts, stops) / self.slope_errors(starts, stops)
        price = np.sqrt(2 * np.log(math.e * len(y) / lengths))
        self._price = np.where(starts == 0, np.minimum(price, ANCHORED), price)

    def change(self, first: int, last: int) -> float:
        """How much the least-squares line through the bins from one to another changes."""
        slope = slopes(self._y, np.array([first]), np.array([last + 1]))
        return float(slope[0]) * (last - first)

    def slope_errors(self, starts: Ints, stops: Ints) -> Floats:
        """The standard errors of `slopes` over the bins from `starts` up to `stops`."""
        return np.asarray(
            np.sqrt(_mean(self.noise.variance, starts, stops) * self._unit[stops - starts])
        )

    def strengths(self, first: Ints, last: Ints, signs: Floats) -> Floats:
        """The evidence for moves from one bin to another, each (k,), in the directions of `signs`:
        the largest ``z − price`` of the intervals inside; −inf if none is."""
        first, last, signs = first[:, None], last[:, None], signs[:, None]
        shared = np.minimum(self._stops, last + 1) - np.maximum(self._starts, first)
        inside = shared >= INSIDE * (self._stops - self._starts)
        return np.asarray(np.where(inside, signs * self._z - self._price, -np.inf).max(1))

    def strength(self, first: int, last: int, sign: float) -> float:
        """The evidence for one move; see `strengths`."""
        return float(self.strengths(np.array([first]), np.array([last]), np.array([sign]))[0])


@functools.lru_cache(64)
def _slope_table(count: int) -> Floats:
    """Variances of slopes by correlation and number of points, (16, count + 1), for noise whose
    second differences have the same variance."""
    rows = [slope_variances(count, rho) * of_difference(rho) for rho in GRID]
    return np.array(rows)


def slope_variances(count: int, correlation: float) -> Floats:
    """Variances of least-squares slopes over 0, 1, …, `count` consecutive points with AR(1) noise
    of variance 1, (count + 1,); 0 for fewer than two points.

    >>> [slope_variances(3, rho)[3].round(6).item() for rho in (0.0, 0.5)]
    [0.5, 0.375]
    """
    return np.asarray(_products(count) @ correlation ** np.arange(float(count)))


@functools.lru_cache(64)
def _products(count: int) -> Floats:
    """The autocorrelations of the weights of a slope, by length and lag, (count + 1, count), each
    as often as a pair of points has that lag."""
    length = np.arange(2.0, count + 1)[:, None]
    lag = np.arange(float(count))
    left = np.maximum(length - lag, 0.0)  # pairs at that lag
    middle = (length - 1) / 2
    # Sum over i = 0 ... left-1 of (i - middle)·(i + lag - middle).
    squares = (left - 1) * left * (2 * left - 1) / 6
    products = squares + (lag - 2 * middle) * left * (left - 1) / 2
    products = products + middle * (middle - lag) * left
    weighted = products * np.where(lag == 0, 1.0, 2.0) / products[:, :1] ** 2
    return np.concatenate([np.zeros((2, count)), weighted])


@functools.lru_cache(64)
def _intervals(count: int) -> tuple[Ints, Ints]:
    """Starts and lengths of the intervals: lengths in steps of √2, a start at every quarter of
    one; from the first bin on lengths in steps of a tenth."""
    shortest = min(_SHORTEST, max(6, count // 3))
    steps = int(2 * math.log2(count / shortest)) + 1
    lengths = {round(shortest * 2 ** (i / 2)) for i in range(steps)} | {count}
    starts = {
        length: [*range(0, count - length + 1, max(1, length // 4)), count - length]
        for length in lengths
        if length <= count
    }
    finer = int(math.log(count / _SHORTEST, _FINER)) + 1 if count > _SHORTEST else 0
    for length in {int(_SHORTEST * _FINER**i) for i in range(finer)}:
        starts.setdefault(length, [0])
    pairs = sorted({(start, length) for length, many in starts.items() for start in many})
    found = np.array(pairs)
    return found[:, 0], found[:, 1]


def slopes(y: Floats, starts: Ints, stops: Ints) -> Floats:
    """Least-squares slopes over the bins from `starts` up to `stops`, per bin."""
    y = y - y.mean()
    sums = np.concatenate([[0.0], np.cumsum(y)])
    moments = np.concatenate([[0.0], np.cumsum(y * np.arange(len(y)))])
    length = (stops - starts).astype(np.float64)
    middle = starts + (length - 1) / 2
    products = moments[stops] - moments[starts] - middle * (sums[stops] - sums[starts])
    return np.asarray(products / (length * (length**2 - 1) / 12))


def _mean(values: Floats, starts: Ints, stops: Ints) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((sums[stops] - sums[starts]) / (stops - starts))
