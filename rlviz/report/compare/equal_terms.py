"""Compares runs at equal compute and at equal accuracy."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rlviz.report.compare import conventions, units
from rlviz.report.compare.compute_to_level import round_levels
from rlviz.report.compare.estimate import Estimate, exponential
from rlviz.report.compare.frontier import Frontier, frontier_of
from rlviz.report.compare.notes import notes_on
from rlviz.report.compare.one_convention import in_one_convention
from rlviz.report.compare.result import Comparison
from rlviz.report.compare.run_curves import Contender, Needs, contenders_of
from rlviz.report.compare.terms import EqualAccuracy, EqualCompute, Lead
from rlviz.report.series.groups import Histories, groups_of
from rlviz.report.series.measures import Measure, measure

Floats = NDArray[np.float64]

_QUARTERS = (0.25, 0.5, 0.75, 1.0)


def compare(
    histories: Histories,
    *,
    metric: str = "accuracy",
    reference: str | None = None,
    levels: Sequence[float] | None = None,
    resamples: int = 500,
    seed: int = 0,
    allow_different_flops: bool = False,
    lower_is_better: bool = False,
) -> Comparison:
    """Compare two or more runs at equal compute and at equal accuracy.

    All values are read off local-quadratic curves over cumulative RL FLOPs. A run reaches a level
    at the first compute at which its curve is there; if it started at the level or beyond, nothing
    is said. A difference is told as one where its 95 % interval leaves out 0, and a multiplier
    where its interval leaves out 1. A single run's intervals hold the noise of its steps: another
    seed may differ by more. For several seeds, the mean of their curves and the geometric mean of
    the compute they needed are compared. Their intervals are Student's t over the seeds, and never
    narrower than the noise of the steps makes them; with two seeds they are so wide that hardly
    anything can be told.

    Args:
        histories: runs from `rlviz.read`, or a mapping of names, each to a run or to a list of runs
            that differ only in their seed.
        metric: "accuracy", or another metric that `rlviz.figure` takes; more is better, or less if
            `lower_is_better`.
        reference: the name of the run that the others are compared with; by default the first.
        levels: levels of the metric; by default round ones within the range that the runs passed.
        resamples: number of curves drawn within the errors, at least 100.
        seed: seed of the drawn curves. The same runs and seed give the same numbers.
        allow_different_flops: whether to compare runs even if they counted different phases, or by
            different conventions.
        lower_is_better: whether less of the metric, such as a loss, is better; runs then reach a
            level from above.

    Raises:
        ValueError: there are fewer than two runs; a run has no axis of FLOPs or fewer than 20
            points; they say that they count FLOPs by different conventions, which can't be
            converted; their phases show that they did not count the same FLOPs: one counts
            `rollout` or `update` and another doesn't, or one has no phases at all; or their numbers
            show that one has steps or tokens where another has FLOPs, or percent where another has
            a share of 1.
        TypeError: something is not a run.

    Example:
        >>> import numpy as np, rlviz
        >>> def run(speed):
        ...     share = np.linspace(0.0, 1.0, 50)
        ...     noise = 20 * np.random.default_rng(speed).normal(size=50)
        ...     return rlviz.History({"step": np.arange(1.0, 51.0), "flops/total": 1e20 * share,
        ...         "correct": 300 + 200 * speed * share + noise, "graded": np.full(50, 1000.0)})
        >>> found = rlviz.compare({"slow": run(1), "fast": run(2)})
        >>> round(found.multipliers["fast"].value)
        2
    """
    groups = groups_of(histories)
    names = [group.name for group in groups]
    if len(groups) < 2:
        raise ValueError(f"a comparison needs at least two runs, got only {names[0]!r}.")
    if reference is not None and reference not in names:
        raise ValueError(f"reference must be one of {names}, got {reference!r}.")
    if not isinstance(resamples, int) or resamples < 100:
        raise ValueError(f"resamples must be a whole number of at least 100, got {resamples!r}.")
    groups, told = in_one_convention(groups, allow_different=allow_different_flops)
    notes = conventions.check(groups, allow_different=allow_different_flops) + told
    what = measure(metric, [run for group in groups for run in group.runs])
    notes += units.check(groups, what)
    up = -1.0 if lower_is_better else 1.0  # the better direction; curves are turned to rise
    contenders = contenders_of(groups, what, up=up)
    first = contenders[names.index(reference) if reference else 0]
    at = _levels(levels, contenders, what, up)
    random = np.random.default_rng(seed)
    needs = {c.name: c.needs(at, resamples, random) for c in contenders}
    places = _quarters(contenders)
    frontier = frontier_of(contenders, *places)
    at_accuracy = _at_levels(up * at + 0.0, needs, first.name)
    others = [name for name in names if name != first.name]
    return Comparison(
        measure=what,
        reference=first.name,
        seeds={group.name: len(group.runs) for group in groups},
        at_compute=tuple(_at_compute(at, contenders, first, up) for at in places),
        at_accuracy=tuple(row for row in at_accuracy if any(row.flops.values())),
        multipliers={name: _overall(needs[first.name], needs[name]) for name in others},
        leader=_leader(frontier, contenders, places[-1], up) if places else None,
        may_lead=frontier.may_lead(places[-1]) if places else (),
        frontier=frontier.stretches(up),
        notes=notes
        + notes_on(groups, what, in_common=bool(places), lower_is_better=bool(lower_is_better)),
        groups=groups,
        lower_is_better=bool(lower_is_better),
    )


def _quarters(contenders: Sequence[Contender]) -> list[float]:
    """A quarter, half, three quarters and the end of the compute that all have; [] without any."""
    begin = max(c.ends[0] for c in contenders)
    end = min(c.ends[1] for c in contenders)
    return [begin + part * (end - begin) for part in _QUARTERS] if begin < end else []


def _at_compute(
    flops: float, contenders: Sequence[Contender], first: Contender, up: float
) -> EqualCompute:
    place = np.array([flops])
    differences = {
        c.name: c.for_difference(place).minus(first.for_difference(place)).turned(up)[0]
        for c in contenders
        if c is not first
    }
    return EqualCompute(flops, {c.name: c.at(place).turned(up)[0] for c in contenders}, differences)


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
        raise ValueError(
            f"levels of {what.name} lie in [0, 1], got {levels!r}. Write 0.5 for 50 %."
        )
    return np.sort(up * found)


def _at_levels(levels: Floats, needs: Mapping[str, Needs], first: str) -> list[EqualAccuracy]:
    found = {name: need.of_each_level() for name, need in needs.items()}
    ratios = {name: found[first].minus(need) for name, need in found.items() if name != first}
    return [
        EqualAccuracy(
            level,
            {name: exponential(need, k) for name, need in found.items()},
            {name: exponential(ratio, k) for name, ratio in ratios.items()},
            {name: int(need.in_passing[k]) for name, need in needs.items() if need.in_passing[k]},
        )
        for k, level in enumerate(levels.tolist())
    ]


def _overall(first: Needs, other: Needs) -> Estimate | None:
    """The geometric mean of the ratio over the levels that both surely reached."""
    both = first.known & other.known
    if not both.any():
        return None
    return exponential(first.on_average(both).minus(other.on_average(both)), 0)


def _leader(
    frontier: Frontier, contenders: Sequence[Contender], end: float, up: float
) -> Lead | None:
    found = frontier.leads_since(end)
    if found is None:
        return None
    name, since = found
    values = {c.name: c.for_difference(np.array([end])) for c in contenders}
    ahead = {o: values[name].minus(v).turned(up)[0] for o, v in values.items() if o != name}
    return Lead(name, since, ahead)
