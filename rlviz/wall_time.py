"""How long a run stood still, by the gaps between its steps."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LONG = 600.0
"""Seconds that a step must take to have stood still in part."""
_IN_DOUBLINGS = 5
"""How much longer than usual it must have taken, in doublings: 16 to 64 times. Evaluations and
checkpoints take as long too, but they come back."""
_MOST = 0.01
_FEW = 3
_BINS = 40


class Gaps:
    """The gaps between the steps of a run, counted by how long they are, in constant memory.

    Bin k has the gaps from 600·2^k seconds on, below 600·2^(k + 1).
    """

    def __init__(self) -> None:
        self._counts = np.zeros(2 * _BINS + 1, np.int64)
        self._sums = np.zeros(2 * _BINS + 1)

    def add(self, gaps: Floats) -> None:
        """Add gaps in seconds, (n,); those of a clock that was set back count as 0."""
        gaps = np.maximum(gaps, 0.0)
        with np.errstate(divide="ignore"):
            bins = np.floor(np.log2(gaps / _LONG))
        at = np.clip(bins, -_BINS, _BINS).astype(np.int64) + _BINS
        self._counts += np.bincount(at, minlength=2 * _BINS + 1)
        self._sums += np.bincount(at, gaps, 2 * _BINS + 1)

    @property
    def paused(self) -> float:
        """Seconds for which the run stood still: of the gaps that are far longer than usual, if
        few are, what is above the usual."""
        total = int(self._counts.sum())
        if total < 2 * _FEW - 1:
            return 0.0
        middle = int(np.searchsorted(np.cumsum(self._counts), total / 2))
        usual = float(self._sums[middle] / self._counts[middle])
        first = max(_BINS, middle + _IN_DOUBLINGS)
        few = int(self._counts[first:].sum())
        if not 0 < few <= max(_FEW, _MOST * total) or not usual > 0:
            return 0.0
        return float(self._sums[first:].sum()) - few * usual


def pauses(wall: Floats) -> float:
    """Seconds for which a run stood still.

    Args:
        wall: when each step ended, in seconds, (T,).

    >>> pauses(np.array([0.0, 60.0, 120.0, 36000.0, 36060.0, 36120.0]))
    35820.0
    """
    gaps = Gaps()
    gaps.add(np.diff(wall))
    return gaps.paused
