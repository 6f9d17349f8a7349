"""Sentences that readers of a comparison must know."""

from collections.abc import Sequence

from rlviz import wording
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure


def notes_on(
    groups: Sequence[Group], what: Measure, *, in_common: bool, lower_is_better: bool
) -> tuple[str, ...]:
    """The notes on the compared groups; `in_common` tells whether they share any range of
    compute."""
    found = []
    if what.scale == "number":
        less, more = ("Less", "more") if lower_is_better else ("More", "less")
        option = "without" if lower_is_better else "with"
        found.append(
            f"{less} {what.name!r} is taken as better. If {more} is, compare {option} "
            "lower_is_better (--lower-is-better)."
        )
    if not in_common:
        found.append("The runs have no compute in common, so none can be said to lead.")
    if single := [group.name for group in groups if len(group.runs) == 1]:
        few = "is one run" if len(single) == 1 else "are one run each"
        its = "its" if len(single) == 1 else "their"
        found.append(
            f"{_listed(single)} {few}: the brackets hold the noise of {its} own steps. Other seeds "
            "of the same settings may differ by more."
        )
    if two := [group.name for group in groups if len(group.runs) == 2]:
        has = "has two seeds" if len(two) == 1 else "have two seeds each"
        found.append(
            f"{_listed(two)} {has}: two say hardly anything about how much seeds differ, so the "
            "brackets are very wide and hardly any difference can be told. A third seed makes them "
            "about a third as wide."
        )
    if any(sum(run.lost_flops.values()) for group in groups for run in group.runs):
        found.append("Restarts lost RL FLOPs that the curves don't count: see `rlviz summary`.")
    return tuple(found)


def _listed(names: Sequence[str]) -> str:
    return wording.joined([repr(name) for name in names])
