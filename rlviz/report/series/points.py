"""The points of a run: which of its steps have a place on an axis and a value, and these."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.history import History
from rlviz.report.history.columns import BLOCK_ROWS
from rlviz.report.series.axis import LARGEST, XAxis
from rlviz.report.series.measures import Measure

Floats = NDArray[np.float64]

UNLIMITED = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Points:
    """The steps of a run that have a place on the axis and a value, (T,) each, finite.

    Attributes:
        x: never decreasing.
        y: the values.
        variance: of the noise of each value where the rows tell it, else NaN; None if none does.
        limits: the bounds of the quantity, such as (0, 1) for a share.
        beyond: how many finite values are none of them, since they are beyond `LARGEST`.
    """

    x: Floats
    y: Floats
    variance: Floats | None
    limits: tuple[float, float] = UNLIMITED
    beyond: int = 0


def points_of(run: History, what: Measure, axis: XAxis, x: Floats | None = None) -> Points | None:
    """The points of a run; None if it has none.

    A long run is read a part at a time. If all its steps are points, they share the array of their
    positions: `x` if the caller has it, (T,).
    """
    x = axis.positions(run) if x is None else x
    if len(run) <= BLOCK_ROWS:
        return _points_of_part(x, run, what)
    y, kept, variance = np.empty(len(run)), None, None
    at = count = far = 0
    tells = True
    for part in run.parts(BLOCK_ROWS):
        points = _points_of_part(x[at : at + len(part)], part, what)
        found = 0 if points is None else len(points.x)
        far += 0 if points is None else points.beyond
        if found < len(part) and kept is None:
            kept = np.empty(len(run))
            kept[:count] = x[:count]
        at, new = at + len(part), slice(count, count + found)
        if points is None:
            continue
        y[new] = points.y
        if kept is not None:
            kept[new] = points.x
        tells = tells and points.variance is not None
        if tells:
            variance = np.empty(len(run)) if variance is None else variance
            variance[new] = points.variance
        count += found
    if not count:
        return None
    return Points(
        x if kept is None else kept[:count],
        y[:count],
        variance[:count] if tells and variance is not None else None,
        what.limits(y[:count]),
        far,
    )


def _points_of_part(x: Floats, part: History, what: Measure) -> Points | None:
    values = what.values(part)
    if values is None:
        return None
    known = drawable(x) & drawable(values)
    variance = what.variance(part)
    if not known.any():
        return None
    y = values[known]
    variance = None if variance is None else variance[known]
    return Points(x[known], y, variance, what.limits(y), beyond(x, values))


def finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The points whose x and y are known, and not beyond `LARGEST`."""
    known = drawable(x) & drawable(y)
    return x[known], y[known]


def drawable(values: Floats) -> NDArray[np.bool_]:
    """Which values can be placed and smoothed: finite ones whose squares are finite, too."""
    return np.asarray((values >= -LARGEST) & (values <= LARGEST))


def beyond(x: Floats, y: Floats) -> int:
    """How many finite values that have a place on the axis are too large to be drawn."""
    with np.errstate(invalid="ignore"):
        return int(np.count_nonzero(drawable(x) & np.isfinite(y) & ~drawable(y)))
