"""The noise of a series of bins: its size at every place, and how long it lasts."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.correlation import FEWEST, MOST, RHO, posterior

Floats = NDArray[np.float64]

GRID = np.clip(RHO, 0.0, MOST)
"""The correlations from a bin to the next that are considered."""
_UNKNOWN = 0.5
"""The correlation that is assumed of fewer than 24 bins, which do not tell it."""
_NEAR = 0.15
"""The share of all bins, on either side, over which the size of the noise is averaged."""
_UNLIKE = 3.0
"""The noise changes its size where its variances on both sides have this ratio."""
_WALK_BINS = (24, 36, 50, 100, 200)
_WALK = (0.35, 0.50, 0.60, 0.75, 0.85)
"""The correlation above which noise is as long as a walk, by the number of bins: 5 % of random
walks stay below."""
_AVERAGED = 0.25
"""The correlation of the steps of a random walk whose points are averaged (H. Working, Econometrica
28, 1960)."""
_SMOOTH = 3.0
"""The standard errors by which the steps of a series are correlated if it is smoother than any
walk."""


@dataclass(frozen=True, slots=True)
class Noise:
    """AR(1) noise whose size varies.

    Attributes:
        variance: at each bin, (n,).
        weights: how likely each correlation of `GRID` is, (16,).
    """

    variance: Floats
    weights: Floats

    @property
    def correlation(self) -> float:
        """Of the noise of a bin with that of the next, in [0, 0.97]."""
        return mean_correlation(self.weights)


def noise_of(y: Floats, least: float) -> Noise:
    """The noise of a series of bins without jumps, (n,); its deviation is `least` at least."""
    weights = correlations(y)
    variance = noise_variance(y, mean_correlation(weights))
    return Noise(np.maximum(variance, least**2), weights)


def correlations(y: Floats) -> Floats:
    """How likely each correlation of `GRID` is, (16,), by the series (n,)."""
    extent = float(np.ptp(y))
    if len(y) < FEWEST or not extent > 0:
        return np.asarray(np.isclose(RHO, _UNKNOWN if extent > 0 else 0.0), np.float64)
    return np.asarray(posterior((y - y.mean())[None] / extent)[0])


def mean_correlation(weights: Floats) -> float:
    return float(np.clip(weights @ RHO, 0.0, MOST))


def is_drift(y: Floats, correlation: float) -> bool:
    """Whether the noise of a series, (n,), lasts as long as a random walk, which moves like
    anything.

    A curve with little noise looks like noise that lasts, too, but it goes on in its direction,
    which the steps of a walk do not.
    """
    if correlation <= float(np.interp(len(y), _WALK_BINS, _WALK)):
        return False
    steps = np.diff(y)
    around = steps - steps.mean()
    size = float(around @ around)
    if size <= 1e-20 * float(steps @ steps):  # a straight line
        return False
    follows = float(around[1:] @ around[:-1]) / size
    return follows <= _AVERAGED + _SMOOTH / math.sqrt(len(steps))


def noise_variance(y: Floats, correlation: float) -> Floats:
    """The variance of AR(1) noise at each place, (n,), from second differences nearby: on both
    sides, or on the noisier one where the noise changes its size.

    >>> alternating = np.arange(30.0) % 2  # second differences of ±1 after halving
    >>> [round(float(noise_variance(alternating, rho)[0]), 6) for rho in (0.0, 0.5)]
    [0.666667, 1.6]
    """
    squares = (y[1:-1] - (y[:-2] + y[2:]) / 2) ** 2
    near = max(6, int(_NEAR * len(y)))
    index = np.clip(np.arange(len(y)) - 1, 0, len(squares) - 1)
    first, last = np.maximum(index - near, 0), np.minimum(index + near + 1, len(squares))
    sums = np.concatenate([[0.0], np.cumsum(squares)])

    def mean(start: NDArray[np.int64], stop: NDArray[np.int64]) -> Floats:
        return np.asarray((sums[stop] - sums[start]) / (stop - start))

    before, after = mean(first, index + 1), mean(index, last)
    larger = np.maximum(before, after)
    is_full = (index - first == near) & (last - index == near + 1)  # else too few tell
    changes = is_full & (larger > _UNLIKE * np.minimum(before, after))
    return np.where(changes, larger, mean(first, last)) * of_difference(correlation)


def of_difference(correlation: float | Floats) -> float | Floats:
    """The variance of AR(1) noise over that of a point minus the mean of its neighbors."""
    return 2 / ((1 - correlation) * (3 - correlation))
