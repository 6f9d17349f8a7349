"""The curve of each compared run, what it needed for each level, and how certain that is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlviz.report.compare.compute_to_level import reach
from rlviz.report.compare.estimate import TAIL, Estimates
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.curves import Curve, curves_of, mean_of
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure
from rlviz.report.series.points import finite
from rlviz.report.statistics.analysis import FEWEST

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Needs:
    """The logarithm of the compute that the seeds of a group needed for each level.

    Attributes:
        value: off the curve of each seed, (S, L); NaN if a seed did not surely reach the level.
        draws: off random curves that the data allow, (S, resamples, L).
        in_passing: how many seeds surely fell below the level again, (L,).
    """

    value: Floats
    draws: Floats
    in_passing: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether all seeds surely reached the level, (L,)."""
        return np.asarray(np.isfinite(self.value).all(axis=0))

    def of_each_level(self) -> Estimates:
        """What the group needed, (L,): of several seeds the mean."""
        return _of_group(self.value, self.draws).where(self.known)

    def on_average(self, levels: NDArray[np.bool_]) -> Estimates:
        """The mean over some known levels, (1,)."""
        value = self.value[:, levels].mean(axis=1, keepdims=True)
        return _of_group(value, self.draws[:, :, levels].mean(axis=2, keepdims=True))


def _of_group(value: Floats, draws: Floats) -> Estimates:
    """The mean of seeds' values, (S, n), whose draws are (S, resamples, n)."""
    each = [Estimates.of_draws(*seed) for seed in zip(value, draws, strict=True)]
    if len(each) == 1:
        return each[0]
    parts = (np.array([getattr(seed, part) for seed in each]) for part in ("value", "low", "high"))
    return Estimates.over_seeds(Estimates(*parts))


@dataclass(frozen=True, slots=True)
class Contender:
    """The curves of one group over its compute, turned so that more is better."""

    name: str
    curve: Curve
    """The curve of its run, or the mean over its seeds."""
    seeds: tuple[Curve, ...]

    @property
    def ends(self) -> tuple[float, float]:
        """The compute at which its curve, or the stretch that all its seeds cover, begins and
        ends."""
        return max(float(c.x[0]) for c in self.seeds), min(float(c.x[-1]) for c in self.seeds)

    def at(self, flops: Floats) -> Estimates:
        """The curve with its band at some compute, (n,)."""
        return Estimates(*self.curve.values_at(flops))

    def for_difference(self, flops: Floats) -> Estimates:
        """The same with a single run's band 1.3 times as wide, as differences take it."""
        return self.at(flops).widened(self.curve.caution)

    def needs(self, levels: Floats, resamples: int, random: Generator) -> Needs:
        """What each level took, (L,), by this many random curves."""
        found = [_needs_of(curve, levels, resamples, random) for curve in self.seeds]
        value = np.array([value for value, _ in found])
        passing = np.array([_fell_below(curve, levels) for curve in self.seeds])
        passing &= np.isfinite(value)
        return Needs(value, np.array([draws for _, draws in found]), passing.sum(axis=0))


def _needs_of(
    curve: Curve, levels: Floats, resamples: int, random: Generator
) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore"):
        value = np.log(reach(curve.x, curve.y[None], levels)[0])
        draws = np.log(reach(curve.x, curve.draws(resamples, random), levels))
        unsure = np.isnan(draws).mean(axis=0) > TAIL / 100
        # The few draws that don't reach a level would have needed most.
        draws = np.where(np.isnan(draws), np.log(curve.x[-1]), draws)
    return np.where(unsure, np.nan, value), draws


def _fell_below(curve: Curve, levels: Floats) -> NDArray[np.bool_]:
    """Whether the whole band of a curve is below each level at some place after the curve was
    there, (L,)."""
    found = []
    for level in levels:
        first = np.flatnonzero(curve.y >= level)
        found.append(bool(len(first)) and bool((curve.high[first[0] :] < level).any()))
    return np.array(found, dtype=bool)


def contenders_of(groups: Sequence[Group], what: Measure, *, up: float) -> list[Contender]:
    """The curves of groups; `up` is −1 where less is better, and turns them.

    Raises:
        ValueError: a run has too few steps, or seeds have no compute in common.
    """
    runs = [run for group in groups for run in group.runs]
    axis = choose("flops", runs)
    curves = iter(curves_of(runs, what, axis))
    return [_contender(group, curves, what, axis, up) for group in groups]


def _contender(
    group: Group, curves: Iterator[Curve | None], what: Measure, axis: XAxis, up: float
) -> Contender:
    found = []
    for run in group.runs:
        values = what.values(run)
        x, _ = finite(run.flops, np.full(len(run), np.nan) if values is None else values)
        curve = next(curves)
        if curve is None or len(np.unique(x)) < FEWEST:
            raise ValueError(
                f"the run {run.logdir or group.name!r} has {len(x)} steps with {what.name} and RL "
                f"FLOPs, expected at least {FEWEST} at different FLOPs: fewer can't tell a "
                "difference from noise."
            )
        found.append(curve.times(up))
    if len(found) == 1:
        return Contender(group.name, found[0], tuple(found))
    whole = mean_of(axis, found)
    if whole is None:
        raise ValueError(f"the seeds of {group.name!r} have no compute in common.")
    return Contender(group.name, whole, tuple(found))
