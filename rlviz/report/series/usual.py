"""The range of nearly all values of a metric: one KL of 1e9 must not flatten a panel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 20
_FARTHEST = 0.01
"""At most this share of the values is outside, or a single one."""
_BINS = 40
_BLOCK = 1 << 16
_FLAT = 20.0
"""A panel is flattened if all values but these have less than this part of its height."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The range of nearly all values.

    Attributes:
        low, high: its ends, which are values.
        outside: how many values are beyond them.
        farthest: the value that is farthest beyond, or an end.
    """

    low: float
    high: float
    outside: int
    farthest: float

    def has(self, y: Floats) -> NDArray[np.bool_]:
        """Whether each value is inside."""
        return np.asarray((y >= self.low) & (y <= self.high))


def usual_range(y: Floats) -> Usual:
    """The range of finite values, (n,), n >= 1, without at most 1 % of them (or a single one) that
    would leave the others less than a twentieth of the whole range. Values that are no farther from
    the others than these extend belong to them.

    >>> usual_range(np.array([0.01, 0.02, 0.03] * 10 + [1e9]))
    Usual(low=0.01, high=0.03, outside=1, farthest=1000000000.0)
    """
    low, high = float(y.min()), float(y.max())
    whole = Usual(low, high, 0, high)
    kept = len(y) - max(1, int(_FARTHEST * len(y)))
    if len(y) < _FEWEST or not _may_be_flat(y, low, high, kept):
        return whole
    half = y / 2  # differences of the largest floats are no floats
    distance = np.abs(half - np.median(half))
    near = half[distance <= np.partition(distance, kept - 1)[kept - 1]]
    first, last = float(near.min()), float(near.max())
    extent = last - first
    if not 0 < extent < (high / 2 - low / 2) / _FLAT:
        return whole
    inside = (half >= first - extent) & (half <= last + extent)
    ends = y[inside]
    beyond = y[~inside]
    if not len(beyond):
        return whole
    farthest = float(beyond[np.abs(beyond / 2 - np.median(half)).argmax()])
    return Usual(float(ends.min()), float(ends.max()), len(beyond), farthest)


def _may_be_flat(y: Floats, low: float, high: float, kept: int) -> bool:
    """Whether `kept` values may have less than a twentieth of the whole range, (n,) -> bool.

    It takes no memory, and spares that of `usual_range` where it says no. The values would lie in
    two bins of 40, or where they begin within a bin, in three.
    """
    extent = high / 2 - low / 2
    if not extent > 0:
        return False
    counts = np.zeros(_BINS + 1, np.int64)
    for begin in range(0, len(y), _BLOCK):
        place = (y[begin : begin + _BLOCK] / 2 - low / 2) / extent  # in [0, 1]
        counts += np.bincount((place * _BINS).astype(np.int64), minlength=_BINS + 1)
    most = np.convolve(counts, np.ones(4, np.int64)).max()  # a fourth, for what rounding moves
    return int(most) >= kept
