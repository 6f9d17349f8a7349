"""The curve of each compared run, and how certain it is."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import stdtrit

from rlviz.report.compare.compute_to_level import reach
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import Curve, curve_of, finite, mean_of, student_mean
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure
from rlviz.report.statistics.analysis import FEWEST

Floats = NDArray[np.float64]

TAIL = 2.5
"""Percent of the draws beyond either end of an interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Estimates, (n,), and random draws of them, (resamples, n)."""

    value: Floats
    draws: Floats

    def interval(self, k: int) -> Estimate:
        low, high = np.percentile(self.draws[:, k], [TAIL, 100 - TAIL])
        return Estimate(float(self.value[k]), float(low), float(high))

    def times(self, factor: float) -> "Spread":
        return Spread(factor * self.value, factor * self.draws)

    def minus(self, other: "Spread") -> "Spread":
        return Spread(self.value - other.value, self.draws - other.draws)


@dataclass(frozen=True, slots=True)
class Contender:
    """The curves of one group over its compute, turned so that more is better."""

    name: str
    curve: Curve
    """The curve of its run, or the mean over its seeds."""
    seeds: tuple[Curve, ...]
    draws: Floats | None
    """Random draws of the curve of a single run, (resamples, n); None for several seeds."""
    resamples: int

    @property
    def x(self) -> tuple[Floats, ...]:
        """The x of each seed's curve, (n,)."""
        return tuple(curve.x for curve in self.seeds)

    @property
    def lines(self) -> tuple[Floats, ...]:
        """The y of each seed's curve, (n,)."""
        return tuple(curve.y for curve in self.seeds)

    def at(self, flops: Floats, random: Generator) -> Spread:
        """The mean curve at some compute, (m,)."""
        if self.draws is None:
            rows = [np.interp(flops, x, y) for x, y in zip(self.x, self.lines, strict=True)]
            return _over_seeds(np.array(rows), self.resamples, random)
        value, _, _ = self.curve.values_at(flops)
        return Spread(value, np.array([np.interp(flops, self.curve.x, d) for d in self.draws]))

    def needs(self, levels: Floats, random: Generator) -> Spread:
        """Logarithm of the compute that each level took; NaN if the level was not surely
        reached."""
        with np.errstate(divide="ignore"):
            rows = self._needs(levels)
            if self.draws is None:
                return _over_seeds(rows, self.resamples, random)
            found = np.log(reach(self.curve.x, self.draws, levels))
        unsure = np.isnan(found).mean(axis=0) > TAIL / 100
        # The few draws that don't reach a level would have needed most.
        found = np.where(np.isnan(found), np.log(self.curve.x[-1]), found)
        return Spread(np.where(unsure, np.nan, rows[0]), np.where(unsure, np.nan, found))

    def mean_need(
        self, levels: Floats, known: Spread, both: NDArray[np.bool_], random: Generator
    ) -> Spread:
        """The mean of `needs` over the levels that this run and another reached, (1,)."""
        if self.draws is not None:
            mean = known.draws[:, both].mean(axis=1, keepdims=True)
            return Spread(known.value[both].mean(keepdims=True), mean)
        rows = self._needs(levels)
        return _over_seeds(rows.mean(axis=1, keepdims=True), self.resamples, random)

    def _needs(self, levels: Floats) -> Floats:
        """The logarithm of the compute that each seed needed, (S, L)."""
        pairs = zip(self.x, self.lines, strict=True)
        needs: Floats = np.log([reach(x, y[None], levels)[0] for x, y in pairs])
        return needs


def _over_seeds(rows: Floats, resamples: int, random: Generator) -> Spread:
    """The mean over seeds, (S, n), and Student's distribution around it. The draws are its
    quantiles in random order: with few seeds the tails are so long that random draws would differ a
    lot."""
    mean, error = student_mean(rows)
    dof = len(rows) - 1
    student = stdtrit(dof, (np.arange(resamples) + 0.5) / resamples) / stdtrit(dof, 1 - TAIL / 100)
    return Spread(mean, mean + random.permutation(student)[:, None] * error)


def exponential(spread: Spread, k: int) -> Estimate | None:
    """An estimate back from logarithms; None if nothing is known."""
    if not np.isfinite(spread.value[k]):
        return None
    log = spread.interval(k)
    value, low, high = np.exp([log.value, log.low, log.high])
    return Estimate(float(value), float(low), float(high))


def contender(
    group: Group, what: Measure, resamples: int, random: Generator, *, up: float
) -> Contender:
    """The curves of a group; `up` is −1 where less is better, and turns them."""
    axis = choose("flops", group.runs)
    found = []
    for run in group.runs:
        values = what.values(run)
        x, _ = finite(run.flops, np.full(len(run), np.nan) if values is None else values)
        curve = curve_of(run, what, axis)
        if curve is None or len(np.unique(x)) < FEWEST:
            raise ValueError(
                f"the run {run.logdir or group.name!r} has {len(x)} steps with {what.name} and RL "
                f"FLOPs, expected at least {FEWEST} at different FLOPs: fewer can't tell a "
                "difference from noise."
            )
        found.append(curve.times(up))
    if len(found) == 1:
        draws = found[0].draws(resamples, random)
        return Contender(group.name, found[0], tuple(found), draws, resamples)
    whole = mean_of(axis, found)
    if whole is None:
        raise ValueError(f"the seeds of {group.name!r} have no compute in common.")
    return Contender(group.name, whole, tuple(found), None, resamples)
