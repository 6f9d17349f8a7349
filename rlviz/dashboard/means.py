"""The curve of a group of runs: the mean over its seeds with its band, that of `rlviz.compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard.query import QueryError
from rlviz.dashboard.series import MetricPoints
from rlviz.report.series.curves import Curve, mean_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seed:
    """A run of a group: its points, at least one, and the figure's curve through them."""

    points: MetricPoints
    curve: Curve


@dataclass(frozen=True, slots=True)
class Mean:
    """The curve of a group.

    Attributes:
        curve: the mean over its runs, or the curve of the only one.
        domain: where all its runs have points: the last of their beginnings, the first of their
            ends.
        first: the points of its first run.
    """

    curve: Curve
    domain: tuple[float, float]
    first: MetricPoints

    def header(self) -> dict[str, Any]:
        """What the page must know beside the curve."""
        return {
            "seeds": self.curve.seeds,
            "caution": self.curve.caution,
            "domain": self.domain,
            "label": self.first.measure.label,
            "scale": self.first.measure.scale,
            "x_label": self.first.axis.label,
            "x_unit": self.first.axis.unit,
        }

    def arrays(self) -> dict[str, Floats]:
        """The curve and its band."""
        curve = self.curve
        return {
            "curve_x": curve.x,
            "curve": curve.y,
            "curve_low": curve.low,
            "curve_high": curve.high,
        }


def mean(seeds: Sequence[Seed]) -> Mean:
    """The curve of a group of runs that have the metric and the axis.

    Raises:
        QueryError: there are none, or no stretch of the axis is common to all.
    """
    if not seeds:
        raise QueryError("no run of the group has this metric over this axis.", 404)
    first = seeds[0].points
    curve: Curve | None = seeds[0].curve
    if len(seeds) > 1:
        curve = mean_of(first.axis, [seed.curve for seed in seeds])
    if curve is None:
        raise QueryError(
            f"its {len(seeds)} runs have no stretch of {first.axis.unit} in common, so they have "
            "no mean.",
            404,
        )
    domains = [seed.points.domain for seed in seeds]
    begins, ends = zip(*(domain for domain in domains if domain), strict=True)
    return Mean(curve, (max(begins), min(ends)), first)
