"""The one curve of a metric, with its band: every report reads its values here."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlviz.report.history import History
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.defaults import default_measures
from rlviz.report.series.measures import Measure, measure
from rlviz.report.series.points import UNLIMITED, Points, points_of
from rlviz.smooth.bins import means
from rlviz.smooth.correlation import FEWEST
from rlviz.smooth.ema import ema
from rlviz.smooth.lasting import kernel
from rlviz.smooth.local import local_polynomial

Floats = NDArray[np.float64]

MOST = 2_000
"""A longer run is first averaged to this many means of neighbors, wherever its curve is read: more
points tell nothing about a curve and cost time."""
_PARTS_OF_LOG_AXIS = 400
"""Without these parts the last decade, which holds nearly all steps, would set the bandwidth for
the whole axis."""
_GRID = 500
"""Points of a mean over seeds."""
_PER_BANDWIDTH, _REACH = 8, 12
"""Places a bandwidth at which a random curve is drawn, and the bandwidths that the kernel reaches
there."""
_STANDARD_ERRORS = 2.0
"""Half the width of a single run's band, in standard errors."""
_TAIL = 0.025
_CAUTION = 1.3
"""Runs are compared at their ends, where the errors of curves were measured to be 1.3 times what
their bands say: of 120 pairs of equal runs of 120 steps, 16 were told apart without it, 9 with."""


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a curve at one place, with its band.

    Attributes:
        value: the curve.
        low, high: its band; NaN where it is unknown.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def around(cls, value: float, standard_error: float) -> "Value":
        """A number with a band of two standard errors on either side."""
        half = _STANDARD_ERRORS * standard_error
        return cls(value, value - half, value + half)

    @property
    def error(self) -> float | None:
        """The number after "±": half the width of the band, about two standard errors; None without
        a band."""
        half = (self.high - self.low) / 2
        return half if math.isfinite(half) else None


@dataclass(frozen=True, slots=True)
class Curve:
    """A line with its band, each array (n,), x increasing.

    Attributes:
        axis: the axis of x.
        x, y: the line, straight between its points on the axis as drawn.
        low, high: the band. For a single run: ± 2 standard errors at its bandwidth and at half of
            it. For a mean over seeds: Student's 95 % interval, whose standard error is never
            less than the noise within the runs makes it. NaN where it is unknown.
        bandwidth: at each point, in the unit of the axis as drawn; NaN for a mean over seeds.
        noise_correlation: between the noise of a step and of the next one, in [0, 1); NaN for a
            mean.
        is_smooth: False if it only joins its points.
        averaged: how many neighbors each point averages; 0 if each point averages all steps in one
            of 400 parts of the axis.
        seeds: how many runs it averages.
        limits: the bounds of the quantity, which the line and its band keep.
    """

    axis: XAxis
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    bandwidth: Floats
    noise_correlation: float = math.nan
    is_smooth: bool = True
    averaged: int = 1
    seeds: int = 1
    limits: tuple[float, float] = UNLIMITED

    @property
    def tells_noise(self) -> bool:
        """Whether it has points enough to tell how long their noise lasts; else that it lasts for
        no longer than a step is assumed."""
        return len(self.x) >= FEWEST

    @property
    def caution(self) -> float:
        """How many times as wide its band is taken in differences from other curves: 1.3 of a
        single run, 1 of a mean over seeds."""
        return _CAUTION if self.seeds == 1 else 1.0

    def at(self, x: float) -> Value:
        """The curve at a place; beyond an end, the value at that end."""
        y, low, high = self.values_at(np.array([x]))
        return Value(float(y[0]), float(low[0]), float(high[0]))

    def values_at(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """The curve at many places, (value, low, high), each (m,). Beyond an end it keeps the value
        at that end: the curve of a long run spans from the middle of its first bin to the middle of
        its last."""
        place, places = self.axis.scaled(x), self.axis.scaled(self.x)
        y, low, high = (np.interp(place, places, part) for part in (self.y, self.low, self.high))
        return y, low, high

    def line_at(self, x: Floats) -> Floats:
        """The same without the band, (m,)."""
        return np.interp(self.axis.scaled(x), self.axis.scaled(self.x), self.y)

    def draws(self, resamples: int, random: Generator) -> Floats:
        """Random curves that the data allow, (resamples, n): they vary around the curve by its
        errors, and neighbors are correlated as the kernel correlates them.

        White noise that the kernel smooths has that correlation. Distances are counted in
        bandwidths; where the bandwidth changes, they are added up along the way.
        """
        error = np.nan_to_num((self.high - self.low) / (2 * _STANDARD_ERRORS))
        places = self.axis.scaled(self.x)
        steps = np.diff(places) / (0.5 * (self.bandwidth[1:] + self.bandwidth[:-1]))
        along = np.concatenate([[0.0], np.cumsum(steps)]) * _PER_BANDWIDTH
        reach = np.arange(-_REACH * _PER_BANDWIDTH, _REACH * _PER_BANDWIDTH + 1)
        weights = kernel(np.abs(reach) / _PER_BANDWIDTH)
        weights /= np.sqrt((weights**2).sum())
        white = random.standard_normal((resamples, int(along[-1]) + 1 + len(reach)))
        smooth = np.array([np.convolve(row, weights, "valid") for row in white])
        before = along.astype(int)
        after = along - before
        noise = (1 - after) * smooth[:, before] + after * smooth[:, before + 1]
        return np.asarray(self.y + error * noise)

    def times(self, factor: float) -> "Curve":
        """The curve times a factor, such as −1."""
        low, high = sorted((factor * self.low, factor * self.high), key=np.nansum)
        least, most = sorted(factor * limit for limit in self.limits)
        return replace(self, y=factor * self.y, low=low, high=high, limits=(least, most))


def curve_of(run: History, what: Measure, axis: XAxis) -> Curve | None:
    """The curve of a run; None if it has no finite point."""
    points = points_of(run, what, axis)
    return None if points is None else curve_through(points, axis)


def curve_through(points: Points, axis: XAxis) -> Curve:
    """The curve of a run, through its points."""
    return smoothed_together(axis, [points])[0]


def curves_of(runs: Sequence[History], what: Measure, axis: XAxis) -> list[Curve | None]:
    """The curves of many runs, which take less time together."""
    found = [points_of(run, what, axis) for run in runs]
    known = [points for points in found if points is not None]
    curves = iter(smoothed_together(axis, known))
    return [None if points is None else next(curves) for points in found]


def average_through(points: Points, axis: XAxis, weight: float) -> Curve:
    """The debiased moving average of a run's points, without a band: the page's other smoother."""
    nothing = np.full(len(points.x), np.nan)
    average, _ = ema(points.y, weight=weight)
    return Curve(axis, points.x, average, nothing, nothing, nothing, is_smooth=False)


def curve_of_seeds(
    seeds: Iterable[Points], axis: XAxis, *, average: float | None = None
) -> Curve | None:
    """The curve of a run, or the mean of the seeds' curves, through the points of each run that has
    any; None if there is none.

    Args:
        seeds: the points of each run.
        axis: their axis.
        average: the weight of a moving average, instead of the curve.
    """
    found = [
        curve_through(points, axis) if average is None else average_through(points, axis, average)
        for points in seeds
    ]
    if not found:
        return None
    return found[0] if len(found) == 1 else mean_of(axis, found)


def curve_columns(run: History) -> dict[str, Floats]:
    """The figure's curves at each step, by column name, each (T,): `curve/<metric>`,
    `curve_low/<metric>` and `curve_high/<metric>`; NaN where a step has no place on the axis."""
    columns = {}
    for name, curve in default_curves(run).items():
        kinds = ("curve", "curve_low", "curve_high")
        for kind, values in zip(kinds, curve.values_at(curve.axis.positions(run)), strict=True):
            columns[f"{kind}/{name}"] = values
    return columns


def default_curves(run: History) -> dict[str, Curve]:
    """The curves that the figure of a run draws, by metric, over RL FLOPs or else over steps."""
    axis = choose("flops", [run])
    found = {name: curve_of(run, measure(name, [run]), axis) for name in default_measures([run])}
    return {name: curve for name, curve in found.items() if curve is not None}


def smoothed(
    axis: XAxis,
    x: Floats,
    y: Floats,
    variance: Floats | None = None,
    *,
    limits: tuple[float, float] = UNLIMITED,
) -> Curve:
    """The local-quadratic curve through finite points, (T,), x never decreasing, with its band.

    On a linear axis, more than 2,000 points are first averaged in bins of equal count. On a
    logarithmic axis, the points in each of 400 parts of equal width are always averaged.

    Args:
        axis: the axis of x.
        x, y: (T,), finite, T >= 1.
        variance: the variance of each y where the rows tell it; NaN elsewhere.
        limits: bounds of the curve and its band, such as (0, 1) for a share.
    """
    return smoothed_together(axis, [Points(x, y, variance, limits)])[0]


def smoothed_together(axis: XAxis, several: Sequence[Points]) -> list[Curve]:
    """The same for the points of several runs; those of equal length are smoothed at once."""
    places = [_placed(axis, points) for points in several]
    alike: dict[tuple[int, bool], list[int]] = {}
    for index, points in enumerate(places):
        alike.setdefault((len(points.place), points.variance is None), []).append(index)
    curves: dict[int, Curve] = {}
    for (_, lacks_variance), indices in alike.items():
        group = [places[index] for index in indices]
        found = local_polynomial(
            np.array([points.y for points in group]),
            x=np.array([points.place for points in group]),
            variance=None if lacks_variance else np.array([points.variance for points in group]),
        )
        for row, (index, points) in enumerate(zip(indices, group, strict=True)):
            limits = several[index].limits
            curves[index] = Curve(
                axis,
                points.x,
                np.clip(found.curve[row], *limits),
                np.clip(found.low[row], *limits),
                np.clip(found.high[row], *limits),
                found.bandwidth[row],
                noise_correlation=float(found.noise_correlation[row]),
                is_smooth=bool(np.isfinite(found.standard_error[row]).any()),
                averaged=points.averaged,
                limits=limits,
            )
    return [curves[index] for index in range(len(places))]


@dataclass(frozen=True, slots=True)
class _Placed:
    """Points as they are smoothed, (n,) each: `place` on the axis as drawn; `averaged` as in
    `Curve`."""

    place: Floats
    x: Floats
    y: Floats
    variance: Floats | None
    averaged: int


def _placed(axis: XAxis, points: Points) -> _Placed:
    x, y, variance = points.x, points.y, points.variance
    place, count = axis.scaled(x), 1
    if axis.log:
        edges = np.linspace(place[0], place[-1], _PARTS_OF_LOG_AXIS, endpoint=False)
        starts = np.unique(np.searchsorted(place, edges))
        place, y, variance = _averaged(place, y, variance, starts)
        count = 0
    elif len(x) > MOST:
        starts = np.linspace(0, len(y), MOST + 1).astype(int)[:-1]
        count = -(-len(y) // MOST)
        place, y, variance = _averaged(place, y, variance, starts)
    if count != 1:
        x = axis.unscaled(place)
    return _Placed(place, x, y, variance, count)


def joined(axis: XAxis, x: Floats, y: Floats) -> Curve:
    """The line from point to point, without a band, for fewer points than a curve needs."""
    nothing = np.full(len(x), np.nan)
    return Curve(axis, x, y, nothing, nothing, nothing, is_smooth=False)


def _averaged(
    x: Floats, y: Floats, variance: Floats | None, starts: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats | None]:
    """Means of stretches, and the variances of these means."""
    if variance is not None:
        counts = np.diff(starts, append=len(y))
        variance = np.add.reduceat(variance, starts) / counts**2
    x, y = means(x, y, starts)
    return x, y, variance


def mean_of(axis: XAxis, curves: Sequence[Curve]) -> Curve | None:
    """The mean of several seeds' curves over the stretch that all of them cover; None without such
    a stretch.

    Its band is Student's 95 % interval of the mean over the seeds. Its standard error is never
    taken as less than the noise within the runs makes it: seeds that happen to agree at a place
    make nothing certain there.
    """
    places = [axis.scaled(curve.x) for curve in curves]
    begin, end = max(place[0] for place in places), min(place[-1] for place in places)
    if not begin < end:
        return None
    grid = np.linspace(begin, end, _GRID)
    lines = [np.interp(grid, p, c.y) for p, c in zip(places, curves, strict=True)]
    halves = [np.interp(grid, p, (c.high - c.low) / 2) for p, c in zip(places, curves, strict=True)]
    errors = np.nan_to_num(halves) / _STANDARD_ERRORS
    mean, half = student_half_width(np.array(lines), errors)
    limits = min(c.limits[0] for c in curves), max(c.limits[1] for c in curves)
    return Curve(
        axis,
        axis.unscaled(grid),
        np.clip(mean, *limits),
        np.clip(mean - half, *limits),
        np.clip(mean + half, *limits),
        np.full(len(grid), np.nan),
        averaged=max(curve.averaged for curve in curves),
        seeds=len(curves),
        limits=limits,
    )


def student_half_width(rows: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """The mean over seeds and half the width of its 95 % interval by Student's t.

    Args:
        rows: a value of each seed, (S, n), S >= 2.
        errors: the standard error of each value due to the noise within its run, (S, n). The error
            of the mean is at least what these make it.

    Returns:
        The mean and the half width, each (n,).
    """
    from scipy.special import stdtrit  # slow to load, and seeds are rare

    seeds = len(rows)
    between = rows.std(axis=0, ddof=1) / np.sqrt(seeds)
    within = np.sqrt((errors**2).sum(axis=0)) / seeds
    half = float(stdtrit(seeds - 1, 1 - _TAIL)) * np.maximum(between, within)
    return rows.mean(axis=0), half
