"""What groups of runs spent to reach the same levels, once it is sure that they can be compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.compare import conventions, units
from rlviz.report.compare.compute_to_level import round_levels
from rlviz.report.compare.estimate import Estimate, exponential
from rlviz.report.compare.one_convention import in_one_convention
from rlviz.report.compare.run_curves import Contender, Needs, contenders_of
from rlviz.report.compare.terms import EqualAccuracy
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure, measure

Floats = NDArray[np.float64]

RESAMPLES = 500
"""Curves drawn within the errors, unless somebody asks for another number."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What groups spent to reach levels.

    Attributes:
        levels: (L,), turned so that more is better; rising.
        up: −1 if they are turned, else 1.
        needs: name -> what each level took.
    """

    levels: Floats
    up: float
    needs: Mapping[str, Needs]

    def rows(self, reference: str) -> list[EqualAccuracy]:
        """What each level took, and how many times less than the reference needed."""
        found = {name: need.of_each_level() for name, need in self.needs.items()}
        ratios = {
            name: found[reference].minus(need) for name, need in found.items() if name != reference
        }
        return [
            EqualAccuracy(
                level,
                {name: exponential(need, k) for name, need in found.items()},
                {name: exponential(ratio, k) for name, ratio in ratios.items()},
                {
                    name: int(need.in_passing[k])
                    for name, need in self.needs.items()
                    if need.in_passing[k]
                },
            )
            for k, level in enumerate((self.up * self.levels + 0.0).tolist())
        ]

    def multipliers(self, reference: str) -> dict[str, Estimate | None]:
        """Every other name -> the geometric mean of FLOPs of the reference / its own over the
        levels that both surely reached; None without any."""
        first = self.needs[reference]
        return {
            name: _overall(first, need) for name, need in self.needs.items() if name != reference
        }


def _overall(first: Needs, other: Needs) -> Estimate | None:
    both = first.known & other.known
    if not both.any():
        return None
    return exponential(first.on_average(both).minus(other.on_average(both)), 0)


@dataclass(frozen=True, slots=True)
class Sides:
    """Groups that can be compared at equal compute, and what readers must know of that.

    Attributes:
        groups: the groups, with FLOPs that count alike.
        what: what is compared.
        up: the better direction, −1 where less is better; the curves are turned to rise.
        contenders: their curves.
        notes: sentences.
    """

    groups: tuple[Group, ...]
    what: Measure
    up: float
    contenders: list[Contender]
    notes: tuple[str, ...]

    def spending(
        self, levels: Sequence[float] | None = None, *, resamples: int = RESAMPLES, seed: int = 0
    ) -> Spending:
        """What each group spent to reach the levels, by default round ones within the range that
        the runs passed.

        Raises:
            ValueError: the levels make no sense.
        """
        at = _levels(levels, self.contenders, self.what, self.up)
        random = np.random.default_rng(seed)
        needs = {c.name: c.needs(at, resamples, random) for c in self.contenders}
        return Spending(at, self.up, needs)


def sides_of(
    groups: Sequence[Group], metric: str, *, allow_different: bool, lower_is_better: bool
) -> Sides:
    """Groups as they are compared.

    Raises:
        ValueError: they can't be, as `compare` says.
    """
    same, told = in_one_convention(groups, allow_different=allow_different)
    notes = conventions.check(same, allow_different=allow_different) + told
    what = measure(metric, [run for group in same for run in group.runs])
    notes += units.check(same, what)
    up = -1.0 if lower_is_better else 1.0
    return Sides(same, what, up, contenders_of(same, what, up=up), notes)


def _levels(
    levels: Sequence[float] | None, contenders: Sequence[Contender], what: Measure, up: float
) -> Floats:
    """The requested levels, or round ones, turned like the curves; rising."""
    if levels is None:
        starts = [max(float(curve.y[0]) for curve in c.seeds) for c in contenders]
        peaks = [min(float(curve.y.max()) for curve in c.seeds) for c in contenders]
        return round_levels(starts, peaks, percent=what.scale == "percent")
    found = np.asarray(levels, dtype=np.float64).ravel()
    if not len(found) or not np.isfinite(found).all():
        raise ValueError(f"levels must be finite numbers, at least one, got {levels!r}.")
    if what.scale == "percent" and (found > 1).any():
        given = ", ".join(f"{level:g}" for level in found)
        raise ValueError(f"levels of {what.name} lie in [0, 1], got [{given}]. Write 0.5 for 50 %.")
    return np.sort(up * found)
