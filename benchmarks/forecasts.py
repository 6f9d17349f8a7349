"""How often forecasts of real runs hold, and how wide they are.

python benchmarks/forecasts.py FOLDER [--held-out] [--every]

FOLDER has the runs of `benchmarks/forecast_runs.py`, which says where they are from and how they
are imported. Each run is cut where 30, 40, … 80 % of its compute was spent, and `rlviz.scaling.fit`
takes what came before. A forecast is given if it reaches the run's end; it holds if its 95 %
interval contains the end of the curve that a figure draws of the whole run. Validation metrics
count as series of their own. Cuts with fewer than 30 points before them are left out.

"Unchanged" is the forecast that a run stays where it is, with an interval of twice the root mean
square of its own moves so far over the same factor of compute, and noise.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forecast_runs import HELD_OUT, WORK, Source

import rlviz
from rlviz import scaling
from rlviz.report.series import curves, points
from rlviz.report.series.axis import choose
from rlviz.report.series.measures import measure
from rlviz.scaling.ahead import ahead, standing

CUTS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
FEWEST = 30


@dataclass(frozen=True)
class Cut:
    """What was said of the end at one cut of a series; NaN where no forecast was given."""

    source: Source
    series: str
    share: float
    why_not: str
    end: float
    predicted: float = np.nan
    low: float = np.nan
    high: float = np.nan
    level: float = np.nan
    unchanged: float = np.nan
    has_ceiling: bool = False

    @property
    def given(self) -> bool:
        return not self.why_not

    @property
    def holds(self) -> bool:
        return self.low <= self.end <= self.high


def cuts(source: Source, folder: Path) -> Iterator[Cut]:
    """The forecasts of a run and of its validation metric."""
    run = rlviz.read(folder / source.name)
    axis = choose("flops", [run])
    for name in ("accuracy", source.validation):
        if not name:
            continue
        what = measure(name, [run])
        x, y = points.finite(axis.positions(run), what.values(run))
        end = curves.curve_of(run, what, axis).at(x[-1]).value
        c = x if run.has_compute_axis else x - x[0] + 1
        for share in CUTS:
            before = c <= share * c[-1]
            if before.sum() >= FEWEST:
                yield cut(source, name, share, end, c[before], y[before], c[-1])


def cut(source, series, share, end, c, y, last) -> Cut:  # type: ignore[no-untyped-def]
    """The forecast by the points before a cut."""
    found = scaling.fit(c, y)
    if not found.identifiable:
        return Cut(source, series, share, found.why_not, end)
    if found.reach < last / c[-1]:
        return Cut(source, series, share, f"it reaches {found.reach:.2f} times the compute", end)
    low, high = found.predict_interval(last)
    span = ahead(c, y, c[-1], last / c[-1])
    assert span is not None  # a forecast has looked back
    if y.min() >= 0 and y.max() <= 1:
        span = span.within(0, 1)
    level = standing(c, y, c[-1]).level
    numbers = (found.predict(last), low, high, level, span.half_unchanged, found.has_ceiling)
    return Cut(source, series, share, "", end, *numbers)


def row(name: str, found: list[Cut]) -> str:
    given = [one for one in found if one.given]
    cells = [name, len({(one.source.name, one.series) for one in found}), len(found), len(given)]
    cells.append(f"{100 * len(given) / max(len(found), 1):.0f} %")
    if not given:
        return f"| {' | '.join(map(str, [*cells, *['-'] * 5]))} |"
    held = sum(one.holds for one in given)
    cells.append(f"{held} of {len(given)}, {100 * held / len(given):.0f} %")
    numbers = (
        [(one.high - one.low) / 2 for one in given],
        [one.unchanged for one in given],
        [abs(one.predicted - one.end) for one in given],
        [abs(one.level - one.end) for one in given],
    )
    cells += [f"{100 * np.median(values):.1f}" for values in numbers]
    return f"| {' | '.join(map(str, cells))} |"


def table(title: str, found: list[Cut]) -> str:
    heads = "series | cuts | given | share | held | half-width | unchanged | error | of unchanged"
    kinds = ("language model", "game or robot")
    parts = {"all": found}
    parts |= {kind: [one for one in found if one.source.kind == kind] for kind in kinds}
    parts |= {f"cut at {100 * at:.0f} %": [o for o in found if o.share == at] for at in CUTS}
    lines = [f"| {title} | {heads} |", "|---" * 10 + "|"]
    lines += [row(name, part) for name, part in parts.items()]
    return "\n".join(lines)


def told(one: Cut) -> str:
    name = f"{one.source.name}{'' if one.series == 'accuracy' else ', validation'}"
    if not one.given:
        return f"- {name}, {100 * one.share:.0f} %: none, {one.why_not}"
    return (
        f"- {name}, {100 * one.share:.0f} %: {100 * one.low:.1f} to {100 * one.high:.1f} %, "
        f"it became {100 * one.end:.1f} %{'' if one.holds else ', MISSED'}"
        f"{' (ceiling shown)' if one.has_ceiling else ''}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of imported runs")
    parser.add_argument("--held-out", action="store_true", help="the half that no rule has seen")
    parser.add_argument("--every", action="store_true", help="tell every cut, not misses alone")
    options = parser.parse_args()
    half = HELD_OUT if options.held_out else WORK
    found = [one for source in half for one in cuts(source, options.folder)]
    print(table("held out" if options.held_out else "work", found))
    print()
    for one in found:
        if options.every or (one.given and not one.holds):
            print(told(one))


if __name__ == "__main__":
    main()
