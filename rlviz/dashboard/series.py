"""A run's metric over an axis: the points, cut to the visible part and thinned for the screen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.accuracy import wilson_interval
from rlviz.dashboard.query import QueryError, shown
from rlviz.report.history import History
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.measures import Measure, measure
from rlviz.report.series.points import beyond, drawable
from rlviz.report.series.thinning import Indices, Viewport
from rlviz.report.series.usual import Usual, usual_range
from rlviz.schema import AxisName

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MetricPoints:
    """All points of a metric that have a place on the axis.

    Attributes:
        axis, measure: the axis and the metric that the points show.
        rows: indices of the points' steps in the run, (T,).
        x: never decreasing, (T,).
        place: x as on the screen, (T,): in decades on a logarithmic axis.
        y: (T,), finite.
        beyond: how many values are too large to be among them.
    """

    axis: XAxis
    measure: Measure
    rows: Indices
    x: Floats
    place: Floats
    y: Floats
    beyond: int = 0

    @property
    def nbytes(self) -> int:
        arrays = (self.rows, self.x, self.place, self.y)
        return sum(array.nbytes for array in {id(a): a for a in arrays}.values())

    @property
    def domain(self) -> tuple[float, float] | None:
        return (float(self.x[0]), float(self.x[-1])) if len(self.x) else None


def points(history: History, metric: str, x: AxisName, *, log: bool) -> MetricPoints:
    """The points of a metric.

    Raises:
        QueryError: the run has no such metric, or no such axis.
    """
    try:
        found = measure(metric, [history])
        values = found.values(history)
    except ValueError as error:
        raise QueryError(str(error), 404) from None
    axis = axis_of(history, x, log=log)
    if values is None:
        raise QueryError(f"the run has no metric {shown(metric)}.", 404)
    if not drawable(values).any():
        raise QueryError(f"the run has no {found.label}.", 404)
    positions = axis.positions(history)
    rows = np.flatnonzero(drawable(positions) & drawable(values))
    at, far = positions[rows], beyond(positions, values)
    return MetricPoints(axis, found, rows, at, axis.scaled(at), values[rows], far)


def axis_of(history: History, x: AxisName, *, log: bool) -> XAxis:
    """The axis of that name.

    Raises:
        QueryError: the run lacks it.
    """
    try:
        axis = choose(x, [history], log=log)
    except ValueError as error:
        raise QueryError(str(error), 404) from None
    if axis.name != x:
        raise QueryError(
            f"the run has no axis of {x}: none were recorded, or their count falls along the "
            "steps. Draw it over x=step.",
            404,
        )
    return axis


@dataclass(frozen=True, slots=True)
class View:
    """The visible part of the points."""

    points: MetricPoints
    begin: int
    end: int
    """The points from `begin` to before `end` are within the limits of x."""
    viewport: Viewport
    usual: Usual | None
    """The range of nearly all visible values; None if none is visible."""

    @property
    def part(self) -> slice:
        return slice(self.begin, self.end)

    @property
    def rows(self) -> Indices:
        """Indices of the visible points' steps in the run."""
        return self.points.rows[self.part]

    @property
    def place(self) -> Floats:
        """Where the visible points are on the screen."""
        return self.points.place[self.part]

    @property
    def y(self) -> Floats:
        """The visible values."""
        return self.points.y[self.part]

    def interval(self, history: History, rows: Indices) -> tuple[Floats, Floats] | None:
        """95 % Wilson interval of an accuracy at some steps of the run, NaN where the number of
        answers is unknown; None for other metrics."""
        first, _, group = self.points.measure.name.partition("/")
        if first != schema.ACCURACY or self.points.measure.scale != "percent":
            return None
        correct, graded = schema.group_columns(group) if group else ("correct", "graded")
        counted = np.where(history.uncounted[rows], np.nan, history.columns[graded][rows])
        return wilson_interval(history.columns[correct][rows], counted)


def view(
    found: MetricPoints, x: tuple[float, float], y: tuple[float, float], width: int, height: int
) -> View:
    """Cut the points to limits, ±inf for no limit.

    Args:
        found: all points.
        x, y: the limits, in the units of the points.
        width, height: of the panel, in pixels.
    """
    begin = int(np.searchsorted(found.x, x[0], side="left"))
    end = int(np.searchsorted(found.x, x[1], side="right"))
    sides = _limits(found.x, found.place, begin, end, x, found.axis)
    values = found.y[begin:end]
    usual = usual_range(values) if len(values) else None
    low, high = (usual.low, usual.high) if usual else (0.0, 0.0)
    if np.isfinite(y[0]):
        low = y[0]
    if np.isfinite(y[1]):
        high = y[1]
    return View(found, begin, end, Viewport(*sides, low, high, width, height), usual)


def _limits(
    x: Floats, place: Floats, begin: int, end: int, given: tuple[float, float], axis: XAxis
) -> tuple[float, float]:
    """Left and right edge of the panel, as places on the screen."""
    if not len(x):
        return 0.0, 0.0
    ends = [float(place[0]), float(place[-1])]
    for side, limit in enumerate(given):
        if np.isfinite(limit) and (limit > 0 or not axis.log):
            ends[side] = float(axis.scaled(np.array(limit)))
    return ends[0], ends[1]
