"""Chooses one bandwidth for a whole series, by its leave-one-out error.

Dividing a residual by 1 − h gives the residual of a curve that has not seen the point. Here h is
the share of the noise of a point's own value in its estimate (`rlviz.smooth.fit.Estimate`). Noise
that lasts reaches the estimate through the neighbors, too.

Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 7.10, for noise that
does not last; N. Altman, JASA 85 (1990), for noise that does.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.fit import MAX_LEVERAGE, Tile, pieces, points, tiles
from rlviz.smooth.series import Series
from rlviz.smooth.threads import side_by_side

ISOLATED = 0.01
"""The share of the points that may be interpolated: a few isolated points, as after a pause, must
not force a wide bandwidth on all others. They do not count in the leave-one-out error."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Bandwidths from two median steps to twice the extent of x, in a constant ratio.

    Attributes:
        tau: in units of u, (G, S), or (G, 1) if they are the same for all series.
    """

    tau: Array

    @classmethod
    def of(cls, series: Series, size: int) -> "Grid":
        xp = arrays.namespace(series.u)
        smallest = xp.clip(2 * series.step, None, 1.0)
        powers = arrays.to(np.arange(size) / (size - 1), series.u)[:, None]
        return cls(smallest * (2.0 / smallest) ** powers)

    def __len__(self) -> int:
        return len(self.tau)

    def rows(self, some: Any) -> Array:
        """The bandwidths of some of the series."""
        return self.tau if self.tau.shape[-1] == 1 else self.tau[:, some]

    @property
    def ratio(self) -> Array:
        """The logarithm of the ratio between neighboring bandwidths, (S | 1,)."""
        xp = arrays.namespace(self.tau)
        return xp.log(self.tau[1] / self.tau[0])

    def at(self, place: Array) -> Array:
        """The bandwidths at fractional places on the grid, (S, T) -> (S, T)."""
        xp = arrays.namespace(place)
        return self.tau[0][:, None] * xp.exp(place * self.ratio[:, None])


def leave_one_out(series: Series, grid: Grid, degree: int, rho: Array | None) -> Array:
    """The bandwidth of the grid with the smallest leave-one-out error, for each series, (S,).

    Args:
        rho: the noise's correlation from point to point, (S,); None for 0.
    """
    loss = arrays.empty((len(grid), len(series.y)), series.u)

    def measure(tile: Tile) -> None:
        rows, some = tile
        own = None if rho is None else rho[rows]
        loss[some, rows] = _losses(series.rows(rows), grid.rows(rows)[some], degree, own)

    side_by_side(measure, list(tiles(series, len(grid))), points=len(grid) * points(series))
    best = widest_best(loss)
    if grid.tau.shape[-1] == 1:
        return grid.tau[best, 0]
    return arrays.pick(grid.tau.T, best)


def widest_best(loss: Array) -> Array:
    """The number of the smallest loss, (G, S) -> (S,); the last one if several are equal."""
    xp = arrays.namespace(loss)
    return len(loss) - 1 - xp.argmin(xp.flip(loss, (0,)), 0)


def _losses(series: Series, tau: Array, degree: int, rho: Array | None) -> Array:
    """The mean squared leave-one-out residual, infinite for a bandwidth that interpolates;
    tau (G, S) or (G, 1) -> (G, S)."""
    xp = arrays.namespace(tau)
    total: Array = 0.0
    judged: Array = 0.0
    for piece in pieces(series, tau, degree, rho):
        fitted = piece.known & (piece.echo <= MAX_LEVERAGE)
        residual = (piece.y - piece.value) / (1 - piece.echo)
        total = total + xp.where(fitted, residual * residual, 0.0).sum((0, -1))
        judged = judged + arrays.double(fitted).sum((0, -1))
    count = series.mass.sum(-1)
    return mean_loss(total, judged, count)


def mean_loss(total: Array, judged: Array, count: Array) -> Array:
    """The mean over the judged points, infinite where too few were judged."""
    xp = arrays.namespace(total)
    return xp.where(judged < (1 - ISOLATED) * count, math.inf, total / judged)
