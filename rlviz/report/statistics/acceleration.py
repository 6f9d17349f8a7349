"""An acceleration: the curve bends, and is steep from there on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rlviz.report.statistics.noise import innovations, p_value, whitened
from rlviz.report.statistics.shapes import Fits, Shapes

Floats = NDArray[np.float64]

_SIMULATED = 499
_NEAR, _FINE = 0.12, 97
"""How far from the first estimate of the bend other places are tried, and how many."""
_BEFORE = 0.3
"""How much of the curve before the bend is used to locate it."""


@dataclass(frozen=True, slots=True)
class Acceleration:
    """A hockey stick.

    Attributes:
        p: p value of the best bend among 44 places, against a straight line.
        at: the place of the bend, as a share of the extent of x.
        interval: the 95 % interval of that place, by profile likelihood.
        before, after: slopes over the whole extent of x, in the unit of y.
    """

    p: float
    at: float
    interval: tuple[float, float]
    before: float
    after: float


def find_acceleration(shapes: Shapes, white: Floats) -> Acceleration | None:
    """A bend to at least twice the slope that no straight line, parabola or level shift explains as
    well; each is simulated under the noise that it leaves.

    Args:
        white: the whitened series, (n,).
    """
    found = shapes.fit(white[None])
    at = int(found.bends[0].argmin())
    _, before, change = shapes.coefficients(shapes.bend(at), white)
    after = before + change
    if abs(after) <= 2 * abs(before) or after * change <= 0:
        return None
    noise = innovations(len(white), _SIMULATED)
    p = p_value(_bent(shapes.fit(noise)), float(_bent(found)[0]))
    if p > 0.01:
        return None
    size = np.sqrt(found.bends[0, at] / (len(white) - 4))

    def simulated(design: Floats) -> Fits:
        fitted = design @ shapes.coefficients(design, white)
        return shapes.fit(shapes.white(fitted) + size * noise)

    smooth = simulated(shapes.parabola)
    if p_value(*_compared(smooth.parabola, smooth, found.parabola, found)) > 0.05:
        return None
    shifted = simulated(shapes.shift(int(found.shifts[0].argmin())))
    if p_value(*_compared(shifted.best_shift, shifted, found.best_shift, found)) > 0.05:
        return None
    place, interval = _located(shapes, white, float(shapes.positions[at]))
    return Acceleration(p, place, interval, float(before), float(after))


def _bent(fits: Fits) -> Floats:
    return (fits.line - fits.best_bend) / fits.line


def _compared(other: Floats, fits: Fits, seen: Floats, found: Fits) -> tuple[Floats, float]:
    """How much better a bend fits than another shape, in simulated series and in this one."""
    return other / fits.best_bend, float(seen[0] / found.best_bend[0])


def _located(shapes: Shapes, white: Floats, near: float) -> tuple[float, tuple[float, float]]:
    """The place of the bend, from the curve that begins a little before it: earlier events, such as
    a dip, do not move it."""
    late = shapes.x >= near - _BEFORE
    x, white = shapes.x[late], white[late]
    places = np.linspace(max(near - _NEAR, x[2]), min(near + _NEAR, x[-3]), _FINE)
    # Whitened as part of the whole series, without the first point, which has none before it.
    design = whitened(np.column_stack([np.ones_like(x), x]), shapes.correlation)[1:]
    bends = whitened(np.maximum(x[:, None] - places, 0), shapes.correlation)[1:]
    basis = np.linalg.qr(design)[0]
    bends = bends - basis @ (basis.T @ bends)
    bends /= np.linalg.norm(bends, axis=0)
    series = white[1:]
    left = series @ series - ((series @ basis) ** 2).sum() - (series @ bends) ** 2
    freedom = len(series) - 4
    inside = places[left <= left.min() * (1 + stats.f.ppf(0.95, 1, freedom) / freedom)]
    return float(places[left.argmin()]), (float(inside[0]), float(inside[-1]))
