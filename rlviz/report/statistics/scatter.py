"""The scatter around a curve: how large it is, and whether it grows along the run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

Floats = NDArray[np.float64]

_BLOCKS = 4000
_INFLATION = 2.3
"""Neighboring differences share points, so n of them count as n / 2.3 under independent noise."""
_ROUNDING = 1e-12
"""Less scatter than this, as a share of the extent of the values, is none."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """Standard deviation of single steps around the curve, in the first and the last third.

    Attributes:
        first, last: in the unit of y; from second differences, to which a curve looks straight.
        p: p value of a growth over the run.
    """

    first: float
    last: float
    p: float

    @property
    def grows(self) -> bool:
        return self.p <= 0.05 and self.last > self.first


def scatter_of(y: Floats) -> Scatter:
    """The scatter, and its trend in the ranks of d₁² + d₂²; for a long run, in the ranks of their
    means over blocks. d₁ and d₂ are second differences at lags 1 and 2: two views of the noise at
    one place tell more than one does. Ranks are used because squares have long tails.

    Args:
        y: finite values in the order of the steps, (T,), T >= 20.
    """
    size = float(np.ptp(y)) or 1.0
    y = y / size
    near = np.diff(y, 2)
    third = len(near) // 3
    first, last = size * _spread(near[:third]), size * _spread(near[-third:])
    is_silent = _spread(near) < _ROUNDING or near[1:] @ near[:-1] >= 0  # noise changes its sign
    if is_silent:
        return Scatter(first, last, 1.0)
    far = y[4:] - 2 * y[2:-2] + y[:-4]
    squares = near[1:-1] ** 2 + far**2
    edges = np.linspace(0, len(squares), min(_BLOCKS, len(squares)) + 1).astype(int)
    slope, error = _trend(_ranks(np.add.reduceat(squares, edges[:-1]) / np.diff(edges)))
    t = slope / max(error * np.sqrt(_INFLATION), 1e-300)
    p = stdtr((len(edges) - 1) / _INFLATION - 2, -t)
    return Scatter(first, last, float(p))


# scipy.stats has these two, and takes a second to load.


def _ranks(values: Floats) -> Floats:
    """The rank of each value, from 1; equal values share their mean rank."""
    _, at, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[at])


def _trend(y: Floats) -> tuple[float, float]:
    """The slope of a straight line through equally spaced values, and its standard error."""
    x = np.arange(len(y)) - (len(y) - 1) / 2
    y = y - y.mean()
    slope = float(x @ y / (x @ x))
    rest = y - slope * x
    return slope, float(np.sqrt(rest @ rest / (len(y) - 2) / (x @ x)))


def _spread(steps: Floats) -> float:
    """The variance of a second difference of independent noise is six times that of the noise."""
    return float(np.sqrt((steps**2).mean() / 6))
