"""The page as a file of its own: everything in it, nothing from elsewhere, no server."""

import base64
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlviz import schema, wording
from rlviz._version import __version__
from rlviz.dashboard import assets, group_packs
from rlviz.dashboard.bundle import bundle
from rlviz.dashboard.catalog import Told
from rlviz.dashboard.grouping import partitions, prefix_of
from rlviz.dashboard.listing import Listing, listing_of
from rlviz.dashboard.packing import Packer, Place
from rlviz.given import names
from rlviz.report.history import History
from rlviz.report.history.ending import was_closed
from rlviz.report.history.settings import settings_of
from rlviz.report.series.groups import Histories, groups_of
from rlviz.report.series.measures import measure
from rlviz.schema import AxisName

_MOST_BYTES = 1_450_000
"""Of the file, as long as the runs fit at all."""
_DOTS = (4000, 2000, 1000, 500, 250)
"""Dots of a metric of a run that are tried one after the other until the file fits."""
_MOST_OTHERS = 6
"""Metrics beside those that the page opens with."""
_PAGE_BYTES = 200_000
"""Of the page without the runs' series."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>RL FLOPs</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<script type="application/json" id="rlviz-data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(
    histories: Histories,
    *,
    metrics: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """The page of the tab RL FLOPs as one HTML file, which opens from a disk without a network.

    It has the panels with zoom, exact values under the pointer, the table at equal compute and the
    list of runs. Each curve is that of `rlviz.figure`; the dots are thinned as the server thins
    them, and the page says how many there are. What needs a server is not in it: averages by the
    slider, forecasts, tables and figures to download.

    Args:
        histories: as `rlviz.figure` takes them. Seeds of `name` are listed as `name/<directory>`.
        metrics: what the file holds, by the names that `rlviz.figure` takes; the default is what
            the page opens with, and up to six other metrics.
        progress: called with the number of curves done and the number of all curves.

    Returns:
        HTML, at most 1.5 MB for 20 runs of any length.

    Raises:
        TypeError: something is not a run, or a metric no name.
        ValueError: there is no run, a run has no steps, or no run has one of the metrics.

    Example:
        >>> import numpy as np, rlviz
        >>> run = rlviz.History({"step": np.arange(1.0, 4.0), "correct": np.array([1.0, 2.0, 3.0]),
        ...                      "graded": np.full(3, 4.0)})
        >>> rlviz.page({"swarm": run}).startswith("<!doctype html>")
        True
    """
    given = groups_of(histories)
    metrics = None if metrics is None else names("metrics", metrics)
    runs, prefixes = {}, {}
    for group in given:
        for name, run in _named(group.name, group.runs):
            runs[name] = run
            prefixes[name] = group.name if len(group.runs) > 1 else prefix_of(name)
    listings = {
        name: {**listing_of(run, ()), "prefix": prefixes[name]} for name, run in runs.items()
    }
    content = _content(runs, listings, metrics, progress or (lambda done, all: None))
    content["by"] = "name" if any(len(group.runs) > 1 for group in given) else ""
    script = bundle(assets.modules("file"), "start")
    style = assets.style().content.decode()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(policy=policy, style=style, data=_embedded(content), script=script)


def _named(name: str, runs: Sequence[History]) -> list[tuple[str, History]]:
    if len(runs) == 1:
        return [(name, runs[0])]
    return [(f"{name}/{seed.name}", seed.runs[0]) for seed in groups_of(runs)]


@dataclass(frozen=True, slots=True)
class _Level:
    """How much of each run the file has, where there is not room for everything."""

    others: bool
    """Whether it has metrics beside those that the page opens with."""
    axes: int
    """Over how many axes these are."""
    log: bool
    """Whether they are over the first axis on a logarithmic scale too."""
    fewest: int
    """Dots: with fewer than these the next level is better."""
    most_runs: int
    """With more runs it is not tried."""

    def places(
        self, listing: Listing, opening: Sequence[str], others: Sequence[str]
    ) -> list[Place]:
        """What it has of a run."""
        axes: list[AxisName] = listing["axes"][: self.axes]
        found = [Place(name, x, False) for name in opening for x in axes]
        if self.log:
            found += [Place(name, x, True) for name in opening for x in axes[:1]]
        if self.others:
            found += [Place(name, x, False) for name in others for x in axes[:2]]
        return [place for place in found if place.metric in listing["metrics"]]


_LEVELS = (
    _Level(others=True, axes=4, log=True, fewest=500, most_runs=40),
    _Level(others=False, axes=4, log=True, fewest=250, most_runs=80),
    _Level(others=False, axes=2, log=False, fewest=250, most_runs=160),
    _Level(others=False, axes=1, log=False, fewest=250, most_runs=sys.maxsize),
)


def _content(
    runs: Mapping[str, History],
    listings: Mapping[str, Listing],
    metrics: Sequence[str] | None,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    """What stands in the file as JSON: the listing, a pack for each of its runs, the account."""
    opening, others = _chosen(list(runs.values()), list(listings.values()), metrics)
    levels = [level for level in _LEVELS if len(runs) <= level.most_runs]
    first = {name: levels[0].places(found, opening, others) for name, found in listings.items()}
    total = sum(len(places) for places in first.values())
    done = itertools.count(1)
    packers = {
        name: Packer(run, first[name], lambda: progress(next(done), total))
        for name, run in runs.items()
    }
    told = {name: Told(settings_of(run), was_closed(run)).plain() for name, run in runs.items()}
    ways = partitions(
        {name: listing["prefix"] for name, listing in listings.items()},
        {name: of_run["settings"] for name, of_run in told.items()},
    )
    room = _MOST_BYTES - _PAGE_BYTES - (group_packs.BYTES if ways else 0)
    level, packs = _fitting(packers, levels, listings, opening, others, room)
    kept, groups = group_packs.packed(
        packers,
        {name: level.places(listing, opening, others) for name, listing in listings.items()},
        ways,
        room=max(group_packs.BYTES, _MOST_BYTES - _PAGE_BYTES - sum(map(len, packs))),
    )
    listed = []
    for name, listing in listings.items():
        places = level.places(listing, opening, others)
        here = [metric for metric in listing["metrics"] if any(p.metric == metric for p in places)]
        axes = [x for x in listing["axes"] if any(p.x == x for p in places)]
        tells = [told for told in listing["tells"] if told[1] in here]
        tells = tells if metrics is None else list(enumerate(n for n in opening if n in here))
        change = {"metrics": here, "axes": axes, "tells": tells}
        listed.append({"name": name, "version": 1, **listing, **change})
    return {
        "listing": {"runs": listed, "unread": 0, "server": "file", "now": time.time()},
        "told": told,
        "packs": packs,
        "ways": kept,
        "groups": groups,
        "comparisons": group_packs.comparisons(
            runs, {way: ways[way] for way in kept}, _compared(opening)
        ),
        "account": _account(listings.values(), {n for one in listed for n in one["metrics"]}),
    }


def _compared(opening: Sequence[str]) -> str:
    """The metric of the comparison: an accuracy, else what the page opens with first."""
    accuracies = (name for name in opening if name.partition("/")[0] == schema.ACCURACY)
    return next(accuracies, opening[0] if opening else schema.ACCURACY)


def _chosen(
    runs: Sequence[History], listings: Sequence[Listing], metrics: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """The metrics that the page opens with, and the others that the file should have."""
    if metrics is not None:
        return list(dict.fromkeys(measure(name, runs).name for name in metrics)), []
    told = sorted({(rank, name) for listing in listings for rank, name in listing["tells"]})
    opening = list(dict.fromkeys(name for _, name in told))
    known = dict.fromkeys(name for listing in listings for name in listing["metrics"])
    return opening, [name for name in known if name not in opening][:_MOST_OTHERS]


def _fitting(
    packers: Mapping[str, Packer],
    levels: Sequence[_Level],
    listings: Mapping[str, Listing],
    opening: Sequence[str],
    others: Sequence[str],
    room: int,
) -> tuple[_Level, list[str]]:
    """The first level, with the most dots, that fits; the last if none does."""
    packs: list[str] = []
    for level in levels:
        for dots in (most for most in _DOTS if most >= level.fewest):
            packs, size = [], 0
            is_last = level is levels[-1] and dots == _DOTS[-1]
            for name, packer in packers.items():
                packs.append(packer.packed(level.places(listings[name], opening, others), dots))
                size += len(packs[-1])
                if size > room and not is_last:
                    break
            else:
                return level, packs
    raise AssertionError("the last level is taken whatever its size")


def _account(listings: Collection[Listing], here: set[str]) -> str:
    """What the file is, and what is not in it."""
    away = dict.fromkeys(n for listing in listings for n in listing["metrics"] if n not in here)
    few = list(away)[:3]
    if len(away) > 3:
        few.append(wording.counted(len(away) - 3, "other metric"))
    lacking = [*few, "moving averages, forecasts, and tables to download"]
    when = time.strftime("%Y-%m-%d %H:%M")
    return (
        f"A file of {wording.counted(len(listings), 'run')}, written {when} by rlviz "
        f"{__version__}. Not in it: {', '.join(lacking)}; `rlviz watch` has them."
    )


def _embedded(content: Mapping[str, Any]) -> str:
    """JSON that no HTML parser takes for more than text."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    """What a content security policy calls an inline script or style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
