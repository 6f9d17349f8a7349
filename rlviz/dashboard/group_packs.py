"""What of groups stands in a page that is a file: their curves, and how they compare."""

from collections.abc import Mapping, Sequence
from typing import Any

from rlviz.dashboard.comparisons import compared
from rlviz.dashboard.grouping import Groups
from rlviz.dashboard.means import mean
from rlviz.dashboard.packing import Packer, Place, Pool, compact, flat
from rlviz.dashboard.query import QueryError
from rlviz.report.history import History
from rlviz.report.series.groups import Group

BYTES = 200_000
"""Of a file, at most, that groups take from the dots of its runs."""
_MOST_RUNS, _MOST_ALONE = 60, 20
"""Runs of a file with comparisons, and of one that compares each run with each."""
_MOST_WAYS = 8


def packed(
    packers: Mapping[str, Packer],
    places: Mapping[str, Sequence[Place]],
    ways: Mapping[str, Groups],
    *,
    room: int,
) -> tuple[list[str], list[dict[str, Any]]]:
    """The ways to group the runs that there is room for, and the curves of their groups.

    Args:
        packers: name -> run.
        places: name -> what the file has of the run.
        ways: as in `grouping.partitions`; those that come first have precedence.
        room: in bytes.

    Returns:
        The names of the ways, and for each group the names of its runs and its curves as text.
    """
    kept: list[str] = []
    known: dict[tuple[str, ...], str] = {}
    for way, groups in list(ways.items())[:_MOST_WAYS]:
        fresh = {
            runs: _pack({name: packers[name] for name in runs}, _common([places[n] for n in runs]))
            for names in groups.values()
            if (runs := tuple(names)) not in known
        }
        room -= sum(map(len, fresh.values()))
        if room < 0:
            break
        known |= fresh
        kept.append(way)
    return kept, [{"runs": list(runs), "pack": pack} for runs, pack in known.items()]


def _common(places: Sequence[Sequence[Place]]) -> list[Place]:
    return list(dict.fromkeys(place for of_run in places for place in of_run))


def _pack(packers: Mapping[str, Packer], places: Sequence[Place]) -> str:
    """The mean over some runs, over every axis, or why there is none."""
    pool = Pool()
    series = []
    for place in places:
        seeds = [seed for name, run in packers.items() if (seed := run.seed(name, place))]
        try:
            of_group = mean(seeds)
        except QueryError as error:
            series.append(pool.entry(place, {"error": str(error), "status": error.code}, {}))
            continue
        height = max(packers[seed.name].height(place) for seed in seeds)
        curve = of_group.curve
        bent = flat(curve.axis.scaled(curve.x), [curve.y, curve.low, curve.high], height)
        arrays = {name: array[bent] for name, array in of_group.arrays().items()}
        series.append(pool.entry(place, of_group.header(), arrays))
    return compact(series, pool)


def comparisons(
    runs: Mapping[str, History], ways: Mapping[str, Groups], metric: str
) -> list[dict[str, Any]]:
    """How the groups of each way, with the runs in none, compare, each of them as the baseline; and
    how each run by itself does. `runs` has the names of the runs of each of the `names`."""
    if len(runs) > _MOST_RUNS:
        return []
    sides = [{name: [name] for name in runs}] if len(runs) <= _MOST_ALONE else []
    for groups in ways.values():
        grouped = {name for names in groups.values() for name in names}
        side = {**groups, **{name: [name] for name in runs if name not in grouped}}
        if not any(sorted(side.values()) == sorted(other.values()) for other in sides):
            sides.append(side)
    found = []
    for side in sides:
        if len(side) > 1:
            some = [Group(name, tuple(runs[n] for n in names)) for name, names in side.items()]
            of_side = compared(some, metric, list(side))
            found.append({"names": list(side), "runs": list(side.values()), **of_side})
    return found
