"""Compares runs at equal compute and at equal accuracy."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from rlviz.given import flag
from rlviz.report.compare.frontier import Frontier, frontier_of
from rlviz.report.compare.notes import notes_on
from rlviz.report.compare.result import Comparison
from rlviz.report.compare.run_curves import Contender
from rlviz.report.compare.spending import RESAMPLES, sides_of
from rlviz.report.compare.terms import EqualCompute, Lead
from rlviz.report.series.groups import Histories, groups_of
from rlviz.wording import shown

_QUARTERS = (0.25, 0.5, 0.75, 1.0)


def compare(
    histories: Histories,
    *,
    metric: str = "accuracy",
    reference: str | None = None,
    levels: Sequence[float] | None = None,
    resamples: int = RESAMPLES,
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
        TypeError: something is not a run, or a number or a yes or no is neither.

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
    lower_is_better = flag("lower_is_better", lower_is_better)
    allow_different = flag("allow_different_flops", allow_different_flops)
    if not _is_whole(resamples) or resamples < 100:
        raise ValueError(
            f"resamples must be a whole number of at least 100, got {shown(resamples)}."
        )
    if seed is not None and not (_is_whole(seed) and seed >= 0):
        raise ValueError(f"seed must be a whole number >= 0, got {shown(seed)}.")
    if not isinstance(metric, str):
        raise TypeError(f"metric must be the name of one metric, got {shown(metric)}.")
    levels = None if levels is None else _levels(levels)
    sides = sides_of(
        groups, metric, allow_different=allow_different, lower_is_better=lower_is_better
    )
    what, up, contenders = sides.what, sides.up, sides.contenders
    first = contenders[names.index(reference) if reference else 0]
    spent = sides.spending(levels, resamples=int(resamples), seed=seed)
    places = _quarters(contenders)
    frontier = frontier_of(contenders, *places)
    at_accuracy = spent.rows(first.name)
    return Comparison(
        measure=what,
        reference=first.name,
        seeds={group.name: len(group.runs) for group in groups},
        at_compute=tuple(_at_compute(at, contenders, first, up) for at in places),
        at_accuracy=tuple(row for row in at_accuracy if any(row.flops.values())),
        multipliers=spent.multipliers(first.name),
        leader=_leader(frontier, contenders, places[-1], up) if places else None,
        may_lead=frontier.may_lead(places[-1]) if places else (),
        frontier=frontier.stretches(up),
        notes=sides.notes
        + notes_on(sides.groups, what, in_common=bool(places), lower_is_better=lower_is_better),
        groups=sides.groups,
        lower_is_better=lower_is_better,
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _levels(given: Any) -> list[float]:
    several = given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    try:
        return [float(level) for level in several]
    except (TypeError, ValueError):
        raise TypeError(f"levels must be a list of numbers, got {shown(given)}.") from None


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
