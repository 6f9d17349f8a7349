"""What is known of each of the runs that are compared: its curve, and how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import stdtrit

from rlviz.report.compare.compute_to_level import reach
from rlviz.report.series import curves
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure
from rlviz.report.series.resample import draws
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
    """Estimates, (n,), and what they could have been, (resamples, n)."""

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
    """The curves of one group."""

    name: str
    x: tuple[Floats, ...]
    """Of each seed, (T,)."""
    curve: tuple[Floats, ...]
    draws: Floats | None
    """(resamples, T) of a single run; None where there are seeds."""
    resamples: int

    def at(self, flops: Floats, random: Generator) -> Spread:
        """The mean curve at some compute, (n,)."""
        rows = [np.interp(flops, x, y) for x, y in zip(self.x, self.curve, strict=True)]
        if self.draws is None:
            return _over_seeds(np.array(rows), self.resamples, random)
        return Spread(rows[0], np.array([np.interp(flops, self.x[0], d) for d in self.draws]))

    def needs(self, levels: Floats, random: Generator) -> Spread:
        """Logarithm of the compute that each level took; NaN where it was not surely reached."""
        with np.errstate(divide="ignore"):
            rows = np.log(
                [reach(x, y[None], levels)[0] for x, y in zip(self.x, self.curve, strict=True)]
            )
            if self.draws is None:
                return _over_seeds(rows, self.resamples, random)
            found = np.log(reach(self.x[0], self.draws, levels))
        unsure = np.isnan(found).mean(axis=0) > TAIL / 100
        # The few draws that don't reach a level are those that would have needed most.
        found = np.where(np.isnan(found), np.log(self.x[0][-1]), found)
        return Spread(np.where(unsure, np.nan, rows[0]), np.where(unsure, np.nan, found))

    def mean_need(
        self, levels: Floats, known: Spread, both: NDArray[np.bool_], random: Generator
    ) -> Spread:
        """The mean of `needs` over the levels that this one and another reached, (1,)."""
        if self.draws is not None:
            mean = known.draws[:, both].mean(axis=1, keepdims=True)
            return Spread(known.value[both].mean(keepdims=True), mean)
        pairs = zip(self.x, self.curve, strict=True)
        rows = np.log([reach(x, y[None], levels)[0] for x, y in pairs])
        return _over_seeds(rows.mean(axis=1, keepdims=True), self.resamples, random)


def _over_seeds(rows: Floats, resamples: int, random: Generator) -> Spread:
    """The mean over seeds, (S, n), and Student's distribution around it: its quantiles in random
    order, for of few seeds the tails are so long that drawn ones would differ much."""
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    student = stdtrit(len(rows) - 1, (np.arange(resamples) + 0.5) / resamples)
    around = random.permutation(student)[:, None] * error
    return Spread(rows.mean(axis=0), rows.mean(axis=0) + around)


def exponential(spread: Spread, k: int) -> Estimate | None:
    """Back from logarithms; None where nothing is known."""
    if not np.isfinite(spread.value[k]):
        return None
    log = spread.interval(k)
    value, low, high = np.exp([log.value, log.low, log.high])
    return Estimate(float(value), float(low), float(high))


def contender(
    group: Group, what: Measure, resamples: int, random: Generator, *, up: float
) -> Contender:
    """What is known of a group; `up` is −1 where less is better, and turns its curves."""
    found = []
    for run in group.runs:
        values = what.values(run)
        x, y = curves.finite(run.flops, np.full(len(run), np.nan) if values is None else values)
        if len(np.unique(x)) < FEWEST:
            raise ValueError(
                f"the run {run.logdir or group.name!r} has {len(x)} steps with {what.name} and RL "
                f"FLOPs, expected at least {FEWEST} at different FLOPs: fewer can't tell a "
                "difference from noise."
            )
        found.append(draws(x, up * y, resamples if len(group.runs) == 1 else 0, random))
    return Contender(
        group.name,
        tuple(f.x for f in found),
        tuple(f.curve for f in found),
        found[0].draws if len(found) == 1 else None,
        resamples,
    )
