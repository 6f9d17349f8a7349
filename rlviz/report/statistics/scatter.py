"""The scatter around a curve: how large it is, and whether it grows along the run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from rlviz.smooth.long_series import PART, parts

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
    third = (len(y) - 2) // 3
    first, last = (size * _spread(part, size) for part in (y[: third + 2], y[-third - 2 :]))
    is_silent = _spread(y, size) < _ROUNDING or _neighbors(y, size) >= 0  # noise changes its sign
    if is_silent:
        return Scatter(first, last, 1.0)
    edges = np.linspace(0, len(y) - 4, min(_BLOCKS, len(y) - 4) + 1).astype(int)
    slope, error = _trend(_ranks(_sizes(y, size, edges)))
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


def _spread(y: Floats, unit: float) -> float:
    """The deviation of independent noise: the variance of its second differences is six times its
    own. y is in `unit`."""
    squares = sum(float((bends**2).sum()) for bends in _bends(y, unit))
    return float(np.sqrt(squares / (len(y) - 2) / 6))


def _neighbors(y: Floats, unit: float) -> float:
    """The sum of the products of neighboring second differences."""
    return sum(float(bends[1:] @ bends[:-1]) for bends in _bends(y, unit, shared=1))


def _bends(y: Floats, unit: float, *, shared: int = 0) -> Iterator[Floats]:
    """The second differences, some at a time; of neighboring parts, the second begins with the last
    ones of the first, as many as are `shared`."""
    for part in parts(len(y) - 2 - shared):
        yield np.diff(y[part.start : part.stop + 2 + shared] / unit, 2)


def _sizes(y: Floats, unit: float, edges: NDArray[np.int64]) -> Floats:
    """The mean of d₁² + d₂² in each block; the blocks begin and end at `edges`."""
    blocks = len(edges) - 1
    at_a_time = max(1, PART * blocks // int(edges[-1]))
    sums = []
    for begin in range(0, blocks, at_a_time):
        own = edges[begin : begin + at_a_time + 1]
        near_by = y[own[0] : own[-1] + 4] / unit
        near = np.diff(near_by, 2)[1:-1]
        far = near_by[4:] - 2 * near_by[2:-2] + near_by[:-4]
        sums.append(np.add.reduceat(near**2 + far**2, own[:-1] - own[0]))
    return np.concatenate(sums) / np.diff(edges)
