"""Smoothed curves to draw: of one run, however long, and the mean of several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.axis import XAxis
from rlviz.smooth.bins import means
from rlviz.smooth.local import local_polynomial

Floats = NDArray[np.float64]

_MOST = 20_000
"""Longer curves are drawn through the means of neighbors: the eye can't tell, the clock can."""
_BINS = 10_000
_BINS_OF_LOG_AXIS = 400
"""Else the steps, of which nearly all lie in the last decade, would set the bandwidth for all."""
_GRID = 500
"""Points of a mean curve."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line with its band, each array (n,), x increasing."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats
    bandwidth: Floats
    """In the unit of the axis as it lies on the paper, (n,); NaN for a mean over seeds."""
    noise_correlation: float
    """Of the noise of a point of the curve with that of the next; NaN for a mean over seeds."""
    is_smooth: bool = True
    """False where it only joins its points."""
    averaged: int = 1
    """How many neighbors were averaged before; 0 for all in each of 400 parts of the axis."""
    seeds: int = 1


def finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The points of which both are."""
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def smoothed(axis: XAxis, x: Floats, y: Floats) -> Curve:
    """The local-quadratic curve through finite points, (T,), x never decreasing, with its band.

    More than 20,000 points are averaged first in bins of equal count, 10,000 of them; on a
    logarithmic axis those in each of 400 parts of equal width always are.
    """
    place, averaged = axis.scaled(x), 1
    if axis.log:
        edges = np.linspace(place[0], place[-1], _BINS_OF_LOG_AXIS, endpoint=False)
        place, y = means(place, y, np.unique(np.searchsorted(place, edges)))
        averaged = 0
    elif len(x) > _MOST:
        averaged = -(-len(y) // _BINS)
        place, y = means(place, y, np.arange(0, len(y), averaged))
    if averaged != 1:
        x = axis.unscaled(place)
    found = local_polynomial(y, x=place)
    is_smooth = bool(np.isfinite(found.standard_error).any())
    return Curve(
        x,
        found.curve,
        found.low,
        found.high,
        found.bandwidth,
        found.noise_correlation,
        is_smooth,
        averaged,
    )


def mean_of(axis: XAxis, curves: Sequence[Curve]) -> Curve | None:
    """The mean of several seeds' curves where all of them are, its band ± 2 standard errors of the
    seeds; None where they have no stretch in common."""
    places = [axis.scaled(curve.x) for curve in curves]
    begin, end = max(place[0] for place in places), min(place[-1] for place in places)
    if not begin < end:
        return None
    grid = np.linspace(begin, end, _GRID)
    table = np.array([np.interp(grid, p, c.y) for p, c in zip(places, curves, strict=True)])
    mean = table.mean(axis=0)
    reach = 2 * table.std(axis=0, ddof=1) / np.sqrt(len(curves))
    return Curve(
        axis.unscaled(grid),
        mean,
        mean - reach,
        mean + reach,
        np.full(_GRID, np.nan),
        np.nan,
        averaged=max(curve.averaged for curve in curves),
        seeds=len(curves),
    )
