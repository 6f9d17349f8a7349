"""The curve through a metric's points: the local polynomial of the figure, or the slider's EMA."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard.query import QueryError, shown
from rlviz.dashboard.series import Points, View
from rlviz.dashboard.thinning import line
from rlviz.report.series.curves import smoothed
from rlviz.smooth.bins import averaged
from rlviz.smooth.ema import ema

Floats = NDArray[np.float64]

_PLACES = 500
_MEANS = 2000
NONE, AUTO = "none", "auto"


@dataclass(frozen=True, slots=True)
class Line:
    """A curve, each array (n,), x never decreasing; without a band where `low` is None."""

    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None
    bandwidth: tuple[float, float] | None = None
    """The smallest and the greatest, in the unit of the axis, or in decades."""

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in (self.x, self.y, self.low, self.high) if a is not None)


def ema_weight(smooth: str) -> float | None:
    """The weight of "ema:<weight>"; None of "auto" and "none".

    Raises:
        QueryError: it is none of these, or the weight is not in [0, 1).
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


def needs_all_points(view: View) -> bool:
    """Whether the curve through 2,000 means of neighbors would look coarse: not where each stands
    for less than a pixel."""
    place = view.points.place
    if view.points.axis.log or len(place) <= _MEANS:  # `smoothed` takes means there by itself
        return True
    seen = view.panel.right - view.panel.left
    return bool(view.panel.width * (place[-1] - place[0]) > _MEANS * seen)


def whole(points: Points, smooth: str, *, fine: bool = True) -> Line:
    """The curve through all points of a run, of which there is at least one.

    With `fine` the automatic one is that of the figure. Without, it goes through 2,000 means of
    neighbors: for some twenty runs at once, choosing bandwidths would take seconds.
    """
    weight = ema_weight(smooth)
    if weight is not None:
        averages, _ = ema(points.y, weight=weight)
        return Line(points.x, averages)
    x, y = (points.x, points.y) if fine else averaged(points.x, points.y, _MEANS)
    curve = smoothed(points.axis, x, y)
    widths = curve.bandwidth[np.isfinite(curve.bandwidth)]
    bandwidth = (float(widths.min()), float(widths.max())) if len(widths) else None
    return Line(curve.x, curve.y, curve.low, curve.high, bandwidth)


def visible(found: Line, view: View) -> Line:
    """The part of a curve that is seen, in no more points than the eye needs."""
    if found.low is None or found.high is None:
        return _thinned(found, view)
    axis = view.points.axis
    place = axis.scaled(found.x)
    left = max(view.panel.left, float(place[0]))
    right = min(view.panel.right, float(place[-1]))
    if left > right:
        nothing = np.empty(0)
        return Line(nothing, nothing, nothing, nothing, found.bandwidth)
    inner = (place > left) & (place < right)
    if inner.sum() + 2 > _PLACES:
        at = np.linspace(left, right, _PLACES)
        y, low, high = (np.interp(at, place, part) for part in (found.y, found.low, found.high))
        return Line(axis.unscaled(at), y, low, high, found.bandwidth)
    edges = np.unique([left, right])

    def cut(part: Floats) -> Floats:
        """What is within as it was computed, and what lies on the edges between two points."""
        ends = np.interp(edges, place, part)
        return np.concatenate([ends[:1], part[inner], ends[1:]])

    return Line(cut(found.x), cut(found.y), cut(found.low), cut(found.high), found.bandwidth)


def _thinned(found: Line, view: View) -> Line:
    """With one point more on either side, so that the line goes on to the edge."""
    part = slice(max(view.begin - 1, 0), view.end + 1)
    rows = line(view.points.place[part], found.y[part], view.panel)
    return Line(found.x[part][rows], found.y[part][rows])
