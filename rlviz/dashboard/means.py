"""The curve of a group of runs: the mean over its seeds with its band, that of `rlviz.compare`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard.listing import finite
from rlviz.dashboard.query import QueryError
from rlviz.dashboard.series import MetricPoints
from rlviz.report.history import History
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import Curve, mean_of
from rlviz.report.series.measures import Measure, measure

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seed:
    """A run of a group by its name: its points, at least one, and the figure's curve through
    them."""

    name: str
    run: History
    points: MetricPoints
    curve: Curve


@dataclass(frozen=True, slots=True)
class Mean:
    """The curve of a group.

    Attributes:
        curve: the mean over its runs, or the curve of the only one.
        domain: where all its runs have points: the last of their beginnings, the first of their
            ends.
        axis, measure: what all its runs are drawn over, and what is drawn of them.
    """

    curve: Curve
    domain: tuple[float, float]
    axis: XAxis
    measure: Measure

    def header(self) -> dict[str, Any]:
        """What the page must know beside the curve."""
        return {
            "seeds": self.curve.seeds,
            "caution": self.curve.caution,
            "domain": self.domain,
            "label": self.measure.label,
            "scale": self.measure.scale,
            "most": finite(self.measure.limits(self.curve.y)[1]),
            "x_label": self.axis.label,
            "x_unit": self.axis.unit,
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
        QueryError: there are none, no stretch of the axis is common to all, or they count in
            different units or by different conventions.
    """
    if not seeds:
        raise QueryError("no run of the group has this metric over this axis.", 404)
    axis = seeds[0].points.axis
    what = measure(seeds[0].points.measure.name, [seed.run for seed in seeds])
    curve: Curve | None = seeds[0].curve
    if len(seeds) > 1:
        if why := _difference([(seed.name, seed.run) for seed in seeds], axis, what):
            raise QueryError(why, 404)
        curve = mean_of(axis, [seed.curve for seed in seeds])
    if curve is None:
        raise QueryError(
            f"its {len(seeds)} runs have no stretch of {axis.unit} in common, so they have "
            "no mean.",
            404,
        )
    domains = [seed.points.domain for seed in seeds]
    begins, ends = zip(*(domain for domain in domains if domain), strict=True)
    return Mean(curve, (max(begins), min(ends)), axis, what)


def _difference(runs: Sequence[tuple[str, History]], axis: XAxis, what: Measure) -> str:
    """Why there is no mean of runs that `rlviz.compare` would not compare, in a sentence; "" if
    they count alike, as far as they tell."""
    from rlviz.report.compare import conventions, one_convention, units  # loads matplotlib

    if axis.name == "flops":
        said: dict[frozenset[str], str] = {}
        for name, run in runs:
            said.setdefault(conventions.counted(run), name)
        phases = {name: [found] for found, name in said.items()}
        if found := one_convention.difference(runs) or conventions.difference(phases):
            return f"{found}, so their RL FLOPs are not the same quantity."
    try:
        units.in_one_unit(runs, what)
    except ValueError as error:
        return str(error)
    return ""
