"""The range of nearly all values of a metric: one KL of 1e9 must not flatten a panel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 20
_FARTHEST = 0.01
"""At most this share of the values is outside, or a single one."""
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
    if len(y) < _FEWEST:
        return whole
    half = y / 2  # differences of the largest floats are no floats
    distance = np.abs(half - np.median(half))
    kept = len(y) - max(1, int(_FARTHEST * len(y)))
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
