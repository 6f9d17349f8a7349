"""Compares runs at equal compute and at equal accuracy."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlviz.report.compare import conventions
from rlviz.report.compare.compute_to_level import round_levels
from rlviz.report.compare.notes import notes_on
from rlviz.report.compare.result import Comparison, EqualAccuracy, EqualCompute, Lead
from rlviz.report.compare.run_curves import Contender, Estimate, Spread, contender, exponential
from rlviz.report.series.groups import Histories, groups_of
from rlviz.report.series.measures import Measure, measure

Floats = NDArray[np.float64]

_DOUBT = 0.5
"""Percent of the draws in which a run that is said to lead may be behind. It is less than an
interval leaves out, because the run that happens to be ahead is picked at the end, where curves are
least certain. With it, about 5 % of comparisons of equal runs name a leader."""
_GRID = 200
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
    is said. A single run's intervals come from the band of its curve: another seed may differ by
    more. For several seeds, the mean of their curves and the geometric mean of the
    compute they needed are compared. Their intervals follow Student's t over the seeds and include
    the noise of the steps.

    Args:
        histories: runs from `rlviz.read`, or a mapping of names, each to a run or to a list of runs
            that differ only in their seed.
        metric: "accuracy", or another metric that `rlviz.figure` takes; more is better, or less if
            `lower_is_better`.
        reference: the name of the run that the others are compared with; by default the first.
        levels: levels of the metric; by default round ones within the range that the runs passed.
        resamples: number of curves drawn within the errors, at least 100.
        seed: seed of the drawn curves. The same runs and seed give the same numbers.
        allow_different_flops: whether to compare runs even if they counted different phases.
        lower_is_better: whether less of the metric, such as a loss, is better; runs then reach a
            level from above.

    Raises:
        ValueError: there are fewer than two runs; a run has no axis of FLOPs or fewer than 20
            points; or their phases show that they did not count the same FLOPs: one counts
            `rollout` or `update` and another doesn't, or one has no phases at all.
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
    notes = conventions.check(groups, allow_different=allow_different_flops)
    what = measure(metric, [run for group in groups for run in group.runs])
    random = np.random.default_rng(seed)
    up = -1.0 if lower_is_better else 1.0  # the better direction; curves are turned to rise
    contenders = [contender(group, what, resamples, random, up=up) for group in groups]
    first = contenders[names.index(reference) if reference else 0]
    others = [contender for contender in contenders if contender is not first]
    grid = _common(contenders)
    at = _levels(levels, contenders, what, up)
    needs = {c.name: c.needs(at, random) for c in contenders}
    overall = {c.name: _overall(first, c, at, needs, random) for c in others}
    at_accuracy = tuple(_at_level(k, up * at + 0.0, needs, first, others) for k in range(len(at)))
    return Comparison(
        measure=what,
        reference=first.name,
        seeds={group.name: len(group.runs) for group in groups},
        at_compute=_at_compute(grid, contenders, first, up) if len(grid) else (),
        at_accuracy=tuple(row for row in at_accuracy if any(row.flops.values())),
        multipliers=overall,
        leader=_leader(grid, contenders, random) if len(grid) else None,
        notes=notes
        + notes_on(groups, what, in_common=bool(len(grid)), lower_is_better=bool(lower_is_better)),
        groups=groups,
        lower_is_better=bool(lower_is_better),
    )


def _common(contenders: Sequence[Contender]) -> Floats:
    """Compute that all curves cover, (n,); empty if they have no stretch in common."""
    begin = max(x[0] for c in contenders for x in c.x)
    end = min(x[-1] for c in contenders for x in c.x)
    return np.linspace(begin, end, _GRID) if begin < end else np.array([])


def _at_compute(
    grid: Floats, contenders: Sequence[Contender], first: Contender, up: float
) -> tuple[EqualCompute, ...]:
    """The values of the curves at some compute; in a difference, the bands add up like independent
    errors."""
    rows = []
    for at in grid[0] + np.array(_QUARTERS) * (grid[-1] - grid[0]):
        values = {c.name: c.curve.times(up).at(at) for c in contenders}
        reference = values[first.name]
        differences = {}
        for name, value in values.items():
            if name != first.name:
                difference = value.value - reference.value
                down = math.hypot(value.value - value.low, reference.high - reference.value)
                above = math.hypot(value.high - value.value, reference.value - reference.low)
                differences[name] = Estimate(difference, difference - down, difference + above)
        found = {n: Estimate(v.value, v.low, v.high) for n, v in values.items()}
        rows.append(EqualCompute(float(at), found, differences))
    return tuple(rows)


def _levels(
    levels: Sequence[float] | None, contenders: Sequence[Contender], what: Measure, up: float
) -> Floats:
    """The requested levels, or round ones, turned like the curves; rising."""
    if levels is None:
        starts = [max(float(y[0]) for y in c.lines) for c in contenders]
        peaks = [min(float(y.max()) for y in c.lines) for c in contenders]
        return round_levels(starts, peaks, percent=what.scale == "percent")
    found = np.asarray(levels, dtype=np.float64).ravel()
    if not len(found) or not np.isfinite(found).all():
        raise ValueError(f"levels must be finite numbers, at least one, got {levels!r}.")
    if what.scale == "percent" and (found > 1).any():
        raise ValueError(
            f"levels of {what.name} lie in [0, 1], got {levels!r}. Write 0.5 for 50 %."
        )
    return np.sort(up * found)


def _at_level(
    k: int,
    levels: Floats,
    needs: dict[str, Spread],
    first: Contender,
    others: Sequence[Contender],
) -> EqualAccuracy:
    ratios = {c.name: needs[first.name].minus(needs[c.name]) for c in others}
    return EqualAccuracy(
        float(levels[k]),
        {name: exponential(spread, k) for name, spread in needs.items()},
        {name: exponential(spread, k) for name, spread in ratios.items()},
    )


def _overall(
    first: Contender,
    other: Contender,
    levels: Floats,
    needs: dict[str, Spread],
    random: Generator,
) -> Estimate | None:
    """The geometric mean of the ratio over the levels that both runs reached."""
    both = np.isfinite(needs[first.name].value) & np.isfinite(needs[other.name].value)
    if not both.any():
        return None
    means = [c.mean_need(levels[both], needs[c.name], both, random) for c in (first, other)]
    return exponential(means[0].minus(means[1]), 0)


def _leader(grid: Floats, contenders: Sequence[Contender], random: Generator) -> Lead | None:
    spreads = [contender.at(grid, random) for contender in contenders]
    best = int(np.argmax([spread.value[-1] for spread in spreads]))
    ahead = np.ones(len(grid), dtype=bool)
    for number, spread in enumerate(spreads):
        if number != best:
            ahead &= np.percentile(spreads[best].minus(spread).draws, _DOUBT, axis=0) > 0
    if not ahead[-1]:
        return None
    behind = np.flatnonzero(~ahead)
    return Lead(contenders[best].name, float(grid[behind[-1] + 1 if len(behind) else 0]))
