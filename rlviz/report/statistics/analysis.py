"""The claims that a training curve allows, each with its test and its error rate.

Every test accounts for noise that lasts from step to step. A random walk can look like anything, so
no shape is claimed unless a random walk is excluded. benchmarks/claims.py measures how often claims
are false and how often true ones are found.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rlviz.report.statistics.acceleration import Acceleration, find_acceleration
from rlviz.report.statistics.dip import Dip, find_dip
from rlviz.report.statistics.noise import Noise, noise_of
from rlviz.report.statistics.plateau import Plateau, find_plateau
from rlviz.report.statistics.scatter import Scatter, scatter_of
from rlviz.report.statistics.shapes import Shapes
from rlviz.smooth.bins import averaged, averaged_ties

Floats = NDArray[np.float64]

FEWEST = 20
"""With fewer points at distinct places nothing is claimed."""
LEAST_EXTENT = 1e-100
"""The smallest extent of the values, and the inverse of the largest: floats do not hold squares
beyond them."""
MOST = 200
"""Longer series are averaged into this many bins of equal count: shapes are wider than a bin, and
noise lasts for fewer bins the more steps a bin has."""

_CONTRADICTION = 0.1
"""A share of the extent of x: a bend further than this before the end of a plateau contradicts it.
Over a plateau a curve may change by a tenth of its range."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Whether the curve rises or falls overall.

    Attributes:
        p: p value of the slope of a straight line, by generalized least squares under AR(1) noise.
        slope: change over the whole extent of x, in the unit of y.
    """

    p: float
    slope: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """The findings in one series; None for whatever is not claimed.

    Attributes:
        points: how many finite points it rests on.
        noise: None with fewer than 20 points; then nothing is claimed.
        trend: always tested; claimed (`rises`, `falls`) if p <= 0.05 and drift is excluded.
    """

    points: int
    noise: Noise | None = None
    trend: Trend | None = None
    dip: Dip | None = None
    plateau: Plateau | None = None
    acceleration: Acceleration | None = None
    scatter: Scatter | None = None

    @property
    def drift_excluded(self) -> bool:
        return self.noise is not None and self.noise.is_stationary

    @property
    def direction(self) -> int:
        """1 for a claimed rise, -1 for a claimed fall, else 0."""
        if not self.drift_excluded or self.trend is None or self.trend.p > 0.05:
            return 0
        return 1 if self.trend.slope > 0 else -1


def analyse(x: Floats, y: Floats) -> Analysis:
    """Test all claims on one series.

    Args:
        x: positions, (T,), never decreasing, in any unit.
        y: values, (T,); a point whose x or y is not finite is a gap.

    Example:
        >>> steps = np.arange(200.0)
        >>> noise = np.random.default_rng(0).normal(size=200)
        >>> found = analyse(steps, np.maximum(steps - 150, 0) + noise)
        >>> found.direction, found.dip, bool(0.70 < found.acceleration.at < 0.80)
        (1, None, True)
    """
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    extent = float(np.ptp(y)) if len(y) else 0.0
    if not LEAST_EXTENT < extent < 1 / LEAST_EXTENT:
        return Analysis(len(y))
    places, means = averaged_ties(x, y)
    if len(places) < FEWEST:
        return Analysis(len(y))
    unit = (places - places[0]) / (places[-1] - places[0])
    at, binned = averaged(unit, means, MOST)
    noise = noise_of(at, binned)
    shapes = Shapes(at, noise.correlation)
    white = shapes.white(binned)
    trend = _trend(shapes, white)
    scatter = scatter_of(y)
    if not noise.is_stationary:
        return Analysis(len(y), noise, trend, scatter=scatter)
    bend = find_acceleration(shapes, white)
    plateau = find_plateau(at, binned, noise)
    if bend and plateau and bend.at < plateau.end - _CONTRADICTION:
        bend = plateau = None  # level and steep at the same place: neither describes the curve
    until = min(bend.at if bend else 1.0, plateau.end if plateau else 1.0)
    dip = _dip(unit, means, until, noise)
    return Analysis(len(y), noise, trend, dip, plateau, bend, scatter)


def _trend(shapes: Shapes, white: Floats) -> Trend:
    found = shapes.fit(white[None])
    freedom = len(white) - 2
    ratio = (found.constant[0] - found.line[0]) / (found.line[0] / freedom)
    slope = shapes.coefficients(shapes.line, white)[1]
    return Trend(float(stats.f.sf(ratio, 1, freedom)), float(slope))


def _dip(x: Floats, y: Floats, until: float, noise: Noise) -> Dip | None:
    """A dip at the start; the curve after a plateau or a bend is ignored."""
    early = x <= until
    if early.sum() < FEWEST:
        return None
    at, means = averaged(x[early], y[early], MOST)
    if until < 1.0:
        noise = noise_of(at, means)
    return find_dip(at, means, noise)
