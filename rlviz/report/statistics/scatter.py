"""The scatter around a curve: how large it is, and whether it grows along the run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

_BLOCKS = 4000
_INFLATION = 1.9
"""Neighboring second differences share points. Under independent noise, |second differences| have
correlations of 0.41 and 0.02 with the next two, so n of them count as n / 1.9; under AR(1) noise
they count as more."""


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
    """The scatter and its trend in the ranks of |second differences|; for a long run, in the ranks
    of their means over blocks.

    Ranks are used because differences have long tails.

    Args:
        y: finite values in the order of the steps, (T,), T >= 20.
    """
    jumps = np.abs(np.diff(y, 2))
    edges = np.linspace(0, len(jumps), min(_BLOCKS, len(jumps)) + 1).astype(int)
    ranks = stats.rankdata(np.add.reduceat(jumps, edges[:-1]) / np.diff(edges))
    fitted = stats.linregress(np.arange(len(ranks)), ranks)
    counted = len(ranks) / _INFLATION
    p = stats.t.sf(fitted.slope / (fitted.stderr * np.sqrt(_INFLATION)), counted - 2)
    third = len(jumps) // 3
    return Scatter(_spread(jumps[:third]), _spread(jumps[-third:]), float(p))


def _spread(jumps: Floats) -> float:
    """The variance of a second difference of independent noise is six times that of the noise."""
    return float(np.sqrt((jumps**2).mean() / 6))
