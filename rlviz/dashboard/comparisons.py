"""How groups of runs compare with a baseline on the page: the numbers of `rlviz.compare`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlviz.report.compare.spending import Sides, sides_of
from rlviz.report.series.groups import Group
from rlviz.report.series.kinds import Kind, kind_of

Plain = dict[str, Any]
"""Ready for JSON."""


def compared(groups: Sequence[Group], metric: str, references: Sequence[str]) -> Plain:
    """The comparison of groups with each of some baselines.

    Groups that can't be compared with the first baseline are left out, and it is said why.

    Args:
        groups: at least one.
        metric: by its name; of a loss or a KL less is better.
        references: names of groups.

    Returns:
        `levels`, and by the name of each group `flops` for each of them; by baseline and name
        `multipliers`; `left_out` with reasons; `notes`. A number is [value, low, high], None where
        it is unknown.
    """
    groups = sorted(groups, key=lambda group: group.name)  # the random curves follow the order
    is_less = kind_of(metric) in (Kind.LOSS, Kind.KL)
    sides, left_out = _comparable(groups, metric, references[0], is_less)
    found: Plain = {
        "metric": metric,
        "lower_is_better": is_less,
        "levels": [],
        "flops": {},
        "multipliers": {},
        "left_out": left_out,
        "notes": [],
    }
    if sides is None:
        return found
    spent = sides.spending()
    names = [group.name for group in sides.groups]
    rows = spent.rows(names[0])
    rows = [row for row in rows if any(row.flops.values())]
    return found | {
        "label": sides.what.label,
        "scale": sides.what.scale,
        "levels": [row.level for row in rows],
        "flops": {name: [_plain(row.flops[name]) for row in rows] for name in names},
        "multipliers": {
            reference: {name: _plain(times) for name, times in spent.multipliers(reference).items()}
            for reference in references
            if reference in names
        },
        "notes": list(sides.notes),
    }


def _comparable(
    groups: Sequence[Group], metric: str, reference: str, is_less: bool
) -> tuple[Sides | None, Mapping[str, str]]:
    """The groups that can be compared with the baseline, and why the others can't; None if there
    is none."""

    if len(groups) < 2:
        return None, {}

    def sides(some: Sequence[Group]) -> Sides:
        return sides_of(some, metric, allow_different=False, lower_is_better=is_less)

    try:
        return sides(groups), {}
    except ValueError:
        pass
    (first,) = (group for group in groups if group.name == reference)
    kept, left_out = [first], {}
    for group in groups:
        if group is first:
            continue
        try:
            sides([first, group])
            kept.append(group)
        except ValueError as error:
            left_out[group.name] = str(error)
    try:
        return (sides(kept) if len(kept) > 1 else None), left_out
    except ValueError as error:  # each goes with the baseline, but not with another
        return None, left_out | {group.name: str(error) for group in kept[1:]}


def _plain(estimate: Any) -> Any:
    return None if estimate is None else estimate.plain
