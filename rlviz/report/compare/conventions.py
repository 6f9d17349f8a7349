"""Whether the FLOPs of several runs are the same quantity, as far as their phases tell."""

from collections.abc import Mapping, Sequence

import numpy as np

from rlviz import schema, wording
from rlviz.report.history import History
from rlviz.report.series.groups import Group

_EVERY_RUN_HAS = ("rollout", "update")
"""Every RL training has these phases: a run that lacks one didn't count it. A run may lack any
other phase because it had none, such as the values of a critic."""


def check(groups: Sequence[Group], *, allow_different: bool) -> tuple[str, ...]:
    """What readers must know about the FLOPs of runs that are compared at equal compute.

    Raises:
        ValueError: a run has no axis of FLOPs; or the runs counted different things and
            `allow_different` is False.
    """
    for group in groups:
        for run in group.runs:
            if not run.has_compute_axis:
                raise ValueError(_no_axis(group, run))
    phases = {group.name: [counted(run) for run in group.runs] for group in groups}
    found = difference(phases)
    if found and not allow_different:
        raise ValueError(
            f"{found}, so their FLOPs are not the same quantity and can't be compared at "
            "equal compute. Record the same phases in all runs, or, if you know that they are "
            "comparable, pass allow_different_flops=True (--allow-different-flops)."
        )
    if found:
        return (f"{found}; they were compared all the same, as was asked for.",)
    return _notes(phases)


def counted(run: History) -> frozenset[str]:
    """The phases in which a run counted any FLOPs, without evaluation, which is in no total."""
    return frozenset(
        phase
        for phase in run.phases
        if phase != schema.EVALUATION and (run.columns[schema.flops_column(phase)] > 0).any()
    )


def _no_axis(group: Group, run: History) -> str:
    if np.isfinite(run.flops).any():
        what = "a count of RL FLOPs that falls along its steps"
    else:
        what = "no RL FLOPs"
    return (
        f"the run {run.logdir or group.name!r} has {what}, so it can't be compared at equal "
        "compute. Record them: on_step_end(flops={'rollout': …, 'update': …}), or --flops or "
        "--params of `rlviz import`."
    )


def difference(phases: Mapping[str, Sequence[frozenset[str]]]) -> str:
    """What two of the runs counted differently; "" if no difference is known.

    Args:
        phases: name -> what each of its runs `counted`.
    """
    every = [(name, found) for name, runs in phases.items() for found in runs]
    for one, mine in every:
        for other, yours in every:
            if mine and not yours:
                return f"{one!r} counts {_listed(mine)}, {other!r} doesn't say what it counts"
            lacks = [p for p in _EVERY_RUN_HAS if p in mine and p not in yours]
            if lacks and yours:
                return f"{one!r} counts {_listed(mine)}, {other!r} only {_listed(yours)}"
    return ""


def _notes(phases: dict[str, list[frozenset[str]]]) -> tuple[str, ...]:
    every = [found for runs in phases.values() for found in runs]
    if not any(every):
        return (
            "No run says which phases its FLOPs count; that they count the same is taken on trust.",
        )
    everywhere = frozenset.intersection(*every)
    only = {
        name: more
        for name, runs in phases.items()
        if (more := frozenset().union(*runs)) > everywhere
    }
    return tuple(
        f"Of {name!r} the FLOPs include {_listed(more - everywhere)}, which not every run has; "
        "they are taken as work that the others did not do."
        for name, more in only.items()
        if more - everywhere
    )


def _listed(phases: frozenset[str]) -> str:
    return wording.joined(sorted(phases))
