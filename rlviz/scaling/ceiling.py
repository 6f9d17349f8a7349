"""Whether data show the ceiling of a saturating curve: their noise, and reasons why they do not."""

import math
from dataclasses import dataclass

import numpy as np

from rlviz.scaling.noise import long_run
from rlviz.scaling.sigmoid import FitData, Floats, Sigmoids

MIN_POINTS = 30
MIN_FACTOR = 10.0
MIN_EFFECTIVE_POINTS = 30.0
"""The residuals of a random walk are worth about 10 points, however long it is."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ResidualNoise:
    """The noise that the best curve leaves.

    Attributes:
        effective_points: how many independent points the points are worth.
        variance: the long-run variance: the number of points times the variance of their mean.
    """

    effective_points: float
    variance: float


def residual_noise(data: FitData, curve: Sigmoids) -> ResidualNoise:
    """The noise around a curve, as AR(1): n points are worth n·(1 − rho)/(1 + rho) others."""
    n, k = len(data.value), data.parameters
    left = np.sqrt(data.weight) * (data.value - curve.value(data.log_compute)[0])
    variance = float(left @ left) / (n - k)
    if variance < _ROUNDING:  # the values span 1: this is rounding, which is no AR(1)
        return ResidualNoise(float(n), variance)
    largest = long_run(left, k)
    return ResidualNoise(n * min(variance / largest, 1.0), largest)


def too_little(c: Floats) -> str:
    """Why this compute, sorted, (n,), is too little, as a clause; empty if it is enough."""
    if len(c) < MIN_POINTS:
        return f"there are {len(c)} points, and a forecast needs {MIN_POINTS}"
    if c[-1] == 0:
        return "no compute was counted"
    factor = float(c[-1] / c[np.searchsorted(c, 0.0, side="right")])
    if factor < MIN_FACTOR * (1 - 1e-9):
        return (
            f"the compute grows by a factor of {factor:.2g} over the points, and a forecast needs "
            f"a factor of {MIN_FACTOR:g}"
        )
    return ""


def not_shown(
    data: FitData, curves: Sigmoids, found: ResidualNoise, *, doubtful: float, sure: float
) -> str:
    """Why the data do not show a ceiling, as a clause; empty if they do.

    Args:
        data: what the curve was fitted to.
        curves: all whose sum of squares is at most `sure`, the best one first.
        found: the noise around that one.
        doubtful: sum of squares up to which a parabola may be the true curve.
        sure: sum of squares up to which a sigmoid may be, at 4.5 standard errors: its shape was
            searched for, and noise has many shapes.
    """
    low, high = curves.value(np.array([-math.inf, math.inf]))[0]
    if found.effective_points < MIN_EFFECTIVE_POINTS:
        return (
            "the best saturating curve misses the data for many steps on end, so random drift, a "
            "jump or another shape cannot be excluded"
        )
    if data.squares() <= sure or high <= low:
        return "the accuracy does not rise beyond its scatter"
    return _open(data, curves) or _bent(data, doubtful)


def _open(data: FitData, curves: Sigmoids) -> str:
    low, high = data.bounds()
    first, last = curves.shape.min(0), curves.shape.max(0)
    edge = 1e-6 * (high - low)
    if first[1] <= low[1] + edge[1] or last[0] >= high[0] - edge[0]:
        return "curves without a ceiling fit the data as well"
    if last[0] >= 0:
        return "it is not certain that half of the rise is done"
    if last[1] >= high[1] - edge[1]:
        return "the rise is as steep as a jump, and a jump does not show where it leads"
    return ""


def _bent(data: FitData, doubtful: float) -> str:
    root = np.sqrt(data.weight)
    powers = np.vander(np.exp(data.log_compute), 3) * root[:, None]
    y = data.value * root
    left = y - powers @ np.linalg.lstsq(powers, y, rcond=None)[0]
    if float(left @ left) <= doubtful:
        return "a parabola fits the data as well, and it has no ceiling"
    return ""
