"""The noise around a training curve: how long it lasts, and whether the curve may be drift alone.

Steps of a run are not independent: the effect of a batch carries over to the next. Tests that
assume independence find false trends in a quarter of all runs. So the noise is modeled as AR(1),
``e_t = a·e_{t-1} + innovation``, and every test runs after whitening by `a`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.signal import lfilter

Floats = NDArray[np.float64]

_GRID = np.array([-0.3, 0.0, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.87, 0.93, 0.97, 1.0])
_SERIES = 400
"""How many series are simulated for each value of the grid."""
_CAUTION = 0.35
"""The quantile at which `a` is read off the grid. Because `a` itself is uncertain, tests at 5 %
with the median, 0.5, claim a trend in 7 % of trendless AR(0.5) runs of 50 steps; with this
quantile, in 4 %."""
_LONGEST = 0.97


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of one series around its curve.

    Attributes:
        correlation: between the noise of one point and of the next, in [0, 0.97], estimated high
            rather than low.
        is_stationary: whether a random walk, whose path can look like anything, is excluded at
            the 5 % level. Short runs with lasting noise don't exclude it.
    """

    correlation: float
    is_stationary: bool


def noise_of(x: Floats, y: Floats) -> Noise:
    """The noise around a spline through the series, which bends as training curves do.

    The spline absorbs some of the noise, and more of it the longer the noise lasts. So the
    remaining correlation is compared with the correlation in simulated series of known `a` on the
    same x. The comparison also tells whether `a` = 1, a random walk, is excluded.

    Args:
        x: positions, (n,), increasing, n >= 20.
        y: finite values, (n,).
    """
    basis, simulated = _simulated(tuple(np.round((x - x[0]) / (x[-1] - x[0]), 6)))
    found = _lag_one(_without(basis, y[None]))[0]
    likely = np.quantile(simulated, _CAUTION, axis=1)
    correlation = float(np.clip(np.interp(found, likely, _GRID), 0.0, _LONGEST))
    return Noise(correlation, bool(found < np.quantile(simulated[-1], 0.05)))


def around(x: Floats, y: Floats) -> Floats:
    """The residuals of a series, (n,), around the spline through it."""
    basis = np.linalg.qr(_spline((x - x[0]) / (x[-1] - x[0])))[0]
    return np.asarray(_without(basis, y[None])[0])


@lru_cache(maxsize=16)
def _simulated(x: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Orthonormal basis of the spline, (n, df), and the correlations that remain in simulated noise
    after the spline, one row for each `a` of the grid, (len(grid), series)."""
    positions = np.array(x)
    basis = np.linalg.qr(_spline(positions))[0]
    innovations = np.random.default_rng(1).standard_normal((_SERIES, len(x)))
    left = [_lag_one(_without(basis, _ar(innovations, a))) for a in _GRID]
    return basis, np.array(left)


def _spline(x: Floats) -> Floats:
    """Cubic B-splines, (n, df); their number grows slowly with the number of points."""
    count = int(np.clip(round(0.6 * len(x) ** 0.5), 4, 9))
    inner = np.quantile(x, np.linspace(0, 1, count - 2)[1:-1])
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    return np.asarray(BSpline.design_matrix(x, knots, 3).toarray())


def _ar(innovations: Floats, a: float) -> Floats:
    started = innovations.copy()
    if a < 1:
        started[:, 0] /= np.sqrt(1 - a * a)  # stationary from the first point on
    return np.asarray(lfilter([1.0], [1.0, -a], started, axis=1))


def _without(basis: Floats, rows: Floats) -> Floats:
    return rows - (rows @ basis) @ basis.T


def _lag_one(rows: Floats) -> Floats:
    products = (rows[:, 1:] * rows[:, :-1]).sum(1)
    squares = (rows * rows).sum(1)
    return np.asarray(products / np.where(squares > 0, squares, np.inf))


def whitened(columns: Floats, correlation: float) -> Floats:
    """Columns, (n, k), transformed so that AR(1) noise becomes independent noise of equal size."""
    white = columns.astype(np.float64, copy=True)
    white[1:] -= correlation * columns[:-1]
    white[0] *= np.sqrt(1 - correlation**2)
    return white


@lru_cache(maxsize=4)
def innovations(points: int, series: int) -> Floats:
    """Independent noise of unit size, (series, points); always the same numbers, so that the same
    data give the same answer."""
    drawn = np.random.default_rng(2).standard_normal((series, points))
    drawn.flags.writeable = False
    return drawn


def p_value(simulated: Floats, observed: float) -> float:
    """How often chance alone reaches the observed value, in (0, 1]."""
    return float((1 + np.count_nonzero(simulated >= observed)) / (1 + len(simulated)))
