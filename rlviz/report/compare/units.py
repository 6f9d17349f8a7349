"""Whether the numbers of several runs can be in the same unit, as far as the numbers tell."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history import History
from rlviz.report.series.axis import XAxis
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure

Floats = NDArray[np.float64]

_SHARES = re.compile(
    r"(?<![a-z])(acc(uracy)?|correct(ness)?|solved?|success|pass|win|percent(age)?|pct|share|"
    r"fraction|prob(ability)?)(?![a-z])",
    re.IGNORECASE,
)
"""Words in the names of metrics that are shares of 1, or percent."""
_PER_STEP = 1e4
"""FLOPs of a step that differ by more are hardly the same quantity; other sizes of model and batch
explain less."""
_SIZES = 1e3
_WORK = 100.0
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The finite values of a run, (n,), with how the run is called."""

    run: str
    values: Floats

    @property
    def typical(self) -> float:
        return float(np.median(np.abs(self.values)))

    @property
    def span(self) -> str:
        return f"{self.values.min():.4g} to {self.values.max():.4g}"


def check(groups: Sequence[Group], what: Measure) -> tuple[str, ...]:
    """What readers must know about the units of the measure and of the compute.

    Raises:
        ValueError: one run has steps or tokens where another has FLOPs, or percent where a share of
            1 is expected or another has one, or their work and span are in different units.
    """
    runs = [(group.name, run) for group in groups for run in group.runs]
    notes = _compute(runs)
    if what.scale == "percent":
        _within_one(what, _numbers(runs, what))
    return (*notes, *in_one_unit(runs, what))


def in_one_unit(runs: Sequence[tuple[str, History]], what: Measure) -> list[str]:
    """What readers must know about the unit of the measure in named runs.

    Raises:
        ValueError: one run has a share of 1 where another has percent, or their work and span are
            in different units.
    """
    if what.scale == "number":
        return _sizes(what, _numbers(runs, what))
    return _work(runs) if what.name == schema.PARALLELISM else []


def _numbers(runs: Sequence[tuple[str, History]], what: Measure) -> list[_Numbers]:
    return [
        _Numbers(name, values[np.isfinite(values)])
        for name, run in runs
        if (values := what.values(run)) is not None and np.isfinite(values).any()
    ]


# --- compute ---------------------------------------------------------------


def _compute(runs: Sequence[tuple[str, History]]) -> list[str]:
    counts = {name: _is_really(run) for name, run in runs}
    others = {name: kind for name, kind in counts.items() if kind}
    if others and len(set(counts.values())) > 1:
        name, kind = next(iter(others.items()))
        other = next(n for n, found in counts.items() if found != kind)
        raise ValueError(
            f"the RL FLOPs of {name!r} are its {kind}, number by number, and those of {other!r} "
            f"are {counts[other] or 'not'}, so they are not the same quantity. Give {name!r} its "
            "FLOPs: on_step_end(flops={'rollout': …, 'update': …}), or --flops or --params of "
            "`rlviz import`."
        )
    if others:
        (kind,) = set(others.values())
        return [f"The RL FLOPs of all runs are their {kind}, number by number: read {kind}."]
    sizes = [(name, size) for name, run in runs if (size := _of_a_step(run)) > 0]
    if not sizes:
        return []
    least, most = (pick(sizes, key=lambda pair: pair[1]) for pick in (min, max))
    if most[1] / least[1] < _PER_STEP:
        return []
    return [
        f"A step of {most[0]!r} takes {most[1]:.2g} RL FLOPs and one of {least[0]!r} "
        f"{least[1]:.2g}: if they count in different units, such as FLOPs and teraFLOPs, nothing "
        "here holds."
    ]


def _is_really(run: History) -> Literal["steps", "tokens", ""]:
    """What the count of FLOPs is, if it is that of steps or tokens number by number."""
    flops = run.flops
    names: tuple[tuple[schema.AxisName, Literal["steps", "tokens"]], ...]
    names = (("step", "steps"), ("tokens", "tokens"))
    for name, kind in names:
        other = XAxis(schema.AXES[name]).positions(run)
        known = np.isfinite(flops) & np.isfinite(other)
        if known.sum() < 2:
            continue
        mine, others = flops[known], other[known]
        if np.array_equal(mine, others) or np.array_equal(mine - mine[0], others - others[0]):
            return kind
    return ""


def _of_a_step(run: History) -> float:
    known = run.flops[np.isfinite(run.flops)]
    return float(known[-1] - known[0]) / (len(known) - 1) if len(known) > 1 else 0.0


# --- the measure -----------------------------------------------------------


def _within_one(what: Measure, found: Sequence[_Numbers]) -> None:
    for run in found:
        if run.values.max() > 1 + 1e-9:
            raise ValueError(
                f"{what.label.lower()} is a share in [0, 1], and that of {run.run!r} goes from "
                f"{run.span}. If it is in percent, divide it by 100."
            )


def _sizes(what: Measure, found: Sequence[_Numbers]) -> list[str]:
    """Notes on values that are hardly in the same unit."""
    shares = [run for run in found if run.values.min() >= 0 and run.values.max() <= 1]
    percent = [
        run
        for run in found
        if run.values.min() >= 0 and 1.5 < run.values.max() <= 100 and run.typical > 1
    ]
    shares = [run for run in shares if run.typical > 0]
    if shares and percent:
        ranges = (
            f"{what.name!r} goes from {shares[0].span} in {shares[0].run!r} and from "
            f"{percent[0].span} in {percent[0].run!r}"
        )
        if _SHARES.search(what.name):
            raise ValueError(
                f"{ranges}: one is a share of 1 and the other is in percent. Record both alike, or "
                "divide the percent by 100."
            )
        return [f"{ranges}: if one is a share of 1 and the other in percent, nothing here holds."]
    sizes = [run for run in found if run.typical > 0]
    if not sizes:
        return []
    least, most = (pick(sizes, key=lambda run: run.typical) for pick in (min, max))
    if most.typical / least.typical < _SIZES:
        return []
    return [
        f"{what.name!r} is typically {most.typical:.2g} in {most.run!r} and {least.typical:.2g} in "
        f"{least.run!r}: if they are in different units, nothing here holds."
    ]


def _work(runs: Sequence[tuple[str, History]]) -> list[str]:
    """A note on parallelism, whose work and span may be steps, tokens or seconds.

    Raises:
        ValueError: two runs say different units.
    """
    said = [(name, units) for name, run in runs if (units := run.parallelism_units)]
    for name, units in said:
        if units != said[0][1]:
            raise ValueError(
                f"work and span are {schema.in_units(said[0][1])} in {said[0][0]!r} and "
                f"{schema.in_units(units)} in {name!r}: these are different quantities. Record "
                "both in one unit."
            )
    if len(said) == len(runs):
        return [f"Work and span are {schema.in_units(said[0][1])}, in all runs."]
    works = {name: work for name, run in runs if len(work := _work_of_episodes(run))}
    sizes = [_Numbers(name, work) for name, work in works.items()]
    whole = [run for run in sizes if (run.values % 1 == 0).all()]
    parts = [run for run in sizes if (run.values % 1 != 0).mean() > _MOSTLY]
    pair = (whole[0], parts[0]) if whole and parts else None
    if sizes and not pair:
        least, most = (pick(sizes, key=lambda run: run.typical) for pick in (min, max))
        pair = (most, least) if most.typical / least.typical > _WORK else None
    if pair:
        one, other = pair
        return [
            f"The work of a step is typically {one.typical:.4g} in {one.run!r} and "
            f"{other.typical:.4g} in {other.run!r}: they hardly count in one unit. Parallelism in "
            "tokens, in steps and in seconds are different quantities; if these are, nothing here "
            "holds."
        ]
    return [
        "Parallelism is work / span in the unit that each run gave, steps, tokens or seconds; that "
        "it is the same in all is taken on trust."
    ]


def _work_of_episodes(run: History) -> Floats:
    """The work of the steps that tell it, (n,)."""
    work = run.columns.get("work", np.empty(0))
    return np.asarray(work[np.isfinite(work) & (work > 0)])
