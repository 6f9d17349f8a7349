"""The curve through a metric's points: the local polynomial of the figure, or the slider's EMA."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard.query import QueryError, shown
from rlviz.dashboard.series import MetricPoints, View
from rlviz.report.history import History
from rlviz.report.series.curves import Curve, curve_of
from rlviz.report.series.thinning import thinned_line
from rlviz.smooth.ema import ema

Floats = NDArray[np.float64]

NONE, AUTO = "none", "auto"


@dataclass(frozen=True, slots=True)
class ScreenCurve:
    """A curve: each array (n,), x never decreasing; it has no band where `low` is None."""

    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    bandwidth: tuple[float, float] | None = None
    """The smallest and the largest, in the unit of the axis, or in decades."""
    whole: Curve | None = None
    """The curve of the figure that it is, or that it is a part of; None for an average."""

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in (self.x, self.y, self.low, self.high) if a is not None)


def ema_weight(smooth: str) -> float | None:
    """The weight of "ema:<weight>"; None for "auto" and "none".

    Raises:
        QueryError: `smooth` is none of these, or the weight is not in [0, 1).
    """
    if smooth in (NONE, AUTO):
        return None
    kind, _, given = smooth.partition(":")
    try:
        weight = float(given)
    except ValueError:
        weight = math.nan
    if kind != "ema" or not 0 <= weight < 1:
        raise QueryError(
            f"smooth must be auto, none, or ema:<weight in [0, 1)> such as ema:0.9, got "
            f"{shown(smooth)}."
        )
    return weight


def whole(history: History, points: MetricPoints, smooth: str) -> ScreenCurve:
    """The curve through all points of a run, at least one; the automatic curve is the figure's."""
    weight = ema_weight(smooth)
    if weight is not None:
        averages, _ = ema(points.y, weight=weight)
        return ScreenCurve(points.x, averages)
    curve = curve_of(history, points.measure, points.axis)
    assert curve is not None  # there is a point
    known = curve.bandwidth[np.isfinite(curve.bandwidth)]
    bandwidth = (float(known.min()), float(known.max())) if len(known) else None
    return ScreenCurve(curve.x, curve.y, curve.low, curve.high, bandwidth, curve)


def visible(found: ScreenCurve, view: View) -> ScreenCurve:
    """The visible part of a curve, as it was computed; an average has no more points than the eye
    needs."""
    if found.low is None or found.high is None:
        return _thinned(found, view)
    axis = view.points.axis
    place = axis.scaled(found.x)
    left = max(view.viewport.left, float(place[0]))
    right = min(view.viewport.right, float(place[-1]))
    if left > right:
        nothing = np.empty(0)
        return ScreenCurve(nothing, nothing, nothing, nothing, found.bandwidth)
    inner = (place > left) & (place < right)
    edges = np.unique([left, right])

    def cut(part: Floats) -> Floats:
        """The computed points within the limits, and the interpolated ones on the edges."""
        ends = np.interp(edges, place, part)
        return np.concatenate([ends[:1], part[inner], ends[1:]])

    return replace(found, x=cut(found.x), y=cut(found.y), low=cut(found.low), high=cut(found.high))


def _thinned(found: ScreenCurve, view: View) -> ScreenCurve:
    """The curve with one more point on either side, so that the line reaches the edge."""
    part = slice(max(view.begin - 1, 0), view.end + 1)
    rows = thinned_line(view.points.place[part], found.y[part], view.viewport)
    return ScreenCurve(found.x[part][rows], found.y[part][rows])
