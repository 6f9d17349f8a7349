"""What a curve is at a place, with its standard error."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.resample import draws
from rlviz.report.statistics.analysis import FEWEST, LEAST_EXTENT
from rlviz.smooth.fit import MAX_LEVERAGE

Floats = NDArray[np.float64]

_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Value:
    """A number, with its standard error where there is one."""

    value: float
    standard_error: float | None = None


class CurveValues:
    """The local-quadratic curve through a series; its errors by a bootstrap that knows that noise
    lasts from step to step (`rlviz.report.series.resample`). With fewer than 20 points or one
    place, the points themselves.

    Args:
        x: (T,), finite, never decreasing, T >= 1.
        y: (T,), finite.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        self._errors: Floats | None = None
        self._x, self._curve = x, y
        if len(np.unique(x)) >= FEWEST and LEAST_EXTENT < np.ptp(y) < 1 / LEAST_EXTENT:
            found = draws(x, y, _RESAMPLES, np.random.default_rng(0))
            # At the ends a parabola may leave the range of the data: no accuracy of -0.1 %.
            self._x, self._curve = found.x, np.clip(found.curve, y.min(), y.max())
            # A point that nothing smooths has no error that could be known.
            joined = found.leverage >= MAX_LEVERAGE
            self._errors = np.where(joined, np.nan, found.draws.std(axis=0))

    def at(self, x: float) -> Value:
        """The curve at a place, or at the nearest one that it has."""
        i = int(np.abs(self._x - x).argmin())
        error = math.nan if self._errors is None else float(self._errors[i])
        return Value(float(self._curve[i]), error if math.isfinite(error) else None)
