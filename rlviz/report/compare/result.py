"""A comparison and its forms: sentences and tables, plain data, a notebook display."""

import base64
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import conventions, wording
from rlviz.markdown import escaped, table, to_html
from rlviz.report.compare import numbers
from rlviz.report.compare.ceilings import Ceiling, ceilings_of, sentence, table_rows
from rlviz.report.compare.estimate import Estimate
from rlviz.report.compare.frontier import Stretch
from rlviz.report.compare.sentences import Words, either
from rlviz.report.compare.terms import EqualAccuracy, EqualCompute, Lead
from rlviz.report.figure import Drawing, figure
from rlviz.report.series.defaults import default_measures
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure

Floats = NDArray[np.float64]
_Rows = list[list[str]]
"""A table, header first."""

_NOTEBOOK_DPI = 80
_RULE = (
    "Brackets hold 95 % intervals. A run is called ahead only where the interval of the difference "
    "leaves out 0, and is said to need less or more only where the interval of the multiplier "
    "leaves out 1."
)


@dataclass(frozen=True)
class Comparison:
    """Two or more runs, compared.

    Attributes:
        measure: what was compared.
        reference: the run that the others are compared with.
        seeds: name -> number of runs, in the order given.
        at_compute: values at a quarter, half, three quarters and the end of the compute that all
            runs spent.
        at_accuracy: one entry per level, in the order in which runs reach them.
        multipliers: name -> how many times less compute a run needed than the reference: the
            geometric mean over the levels that both reached; None if they reached no common level.
        leader: the run that is ahead of every other at the end: the 95 % interval of each
            difference leaves out 0; None if there is none.
        may_lead: the runs that may be ahead there; the leader alone if there is one.
        frontier: which run is best at each compute, in order.
        notes: what readers must know.
        groups: the runs themselves.
        lower_is_better: whether less of the measure is better.
    """

    measure: Measure
    reference: str
    seeds: dict[str, int]
    at_compute: tuple[EqualCompute, ...]
    at_accuracy: tuple[EqualAccuracy, ...]
    multipliers: dict[str, Estimate | None]
    leader: Lead | None
    may_lead: tuple[str, ...]
    frontier: tuple[Stretch, ...]
    notes: tuple[str, ...]
    groups: tuple[Group, ...]
    lower_is_better: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.seeds)

    @functools.cached_property
    def ceilings(self) -> dict[str, Ceiling]:
        """Name -> the law of accuracy over compute that `rlviz.scaling.fit` finds, with intervals,
        or why there is none; {} where the measure is no accuracy, or beyond 20 runs."""
        return ceilings_of(self.groups, self.measure)

    def figure(self, **options: Any) -> Drawing:
        """The curves of all runs drawn over each other; takes the options of `rlviz.figure`."""
        runs = {group.name: group.runs for group in self.groups}
        usual = default_measures([run for group in self.groups for run in group.runs])
        names = dict.fromkeys((self.measure.name, *usual))
        return figure(runs, **{"metrics": list(names)[:2], **options})

    def table(self) -> dict[str, Floats]:
        """The levels with the FLOPs and multipliers of every run, column -> values, (L,); NaN where
        a value is missing."""
        return _levels(self)

    def markdown(self) -> str:
        """What was found, the notes, the tables and the definitions. The same runs give the same
        bytes."""
        return _markdown(self)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data, ready for JSON."""
        return _to_dict(self)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(map(repr, self.names))}, metric={self.measure.name!r})"

    def _repr_html_(self) -> str:
        return _html(self)


def _levels(found: Comparison) -> dict[str, Floats]:
    rows = found.at_accuracy
    columns = {"level": np.array([row.level for row in rows])}
    for kind, names in (("flops", found.names), ("multiplier", tuple(found.multipliers))):
        for name in names:
            cells = [(row.flops if kind == "flops" else row.multipliers)[name] for row in rows]
            for part in ("value", "low", "high"):
                suffix = "" if part == "value" else f"_{part}"
                column = [np.nan if cell is None else getattr(cell, part) for cell in cells]
                columns[f"{kind}{suffix}/{name}"] = np.array(column)
    return columns


def _to_dict(found: Comparison) -> dict[str, Any]:
    leader = found.leader
    return {
        "metric": found.measure.name,
        "lower_is_better": found.lower_is_better,
        "reference": found.reference,
        "seeds": dict(found.seeds),
        "leader": None
        if leader is None
        else {
            "name": leader.name,
            "since": leader.since_flops,
            "ahead": _plain(leader.ahead),
        },
        "may_lead": list(found.may_lead),
        "frontier": [
            {
                "from": stretch.from_flops,
                "to": stretch.to_flops,
                "names": list(stretch.names),
                "alone": stretch.alone,
                "begin": _plain_one(stretch.begin),
                "end": _plain_one(stretch.end),
            }
            for stretch in found.frontier
        ],
        "ceilings": {
            name: {
                "why_not": ceiling.why_not,
                **{part: _plain_one(getattr(ceiling, part)) for part in ("A", "B", "C_mid")},
            }
            for name, ceiling in found.ceilings.items()
        },
        "multipliers": _plain(found.multipliers),
        "at_compute": [
            {
                "flops": row.flops,
                "values": _plain(row.values),
                "differences": _plain(row.differences),
            }
            for row in found.at_compute
        ],
        "at_accuracy": [
            {
                "level": row.level,
                "flops": _plain(row.flops),
                "multipliers": _plain(row.multipliers),
                "in_passing": dict(row.in_passing),
            }
            for row in found.at_accuracy
        ],
        "notes": list(found.notes),
    }


def _plain(estimates: dict[str, Estimate] | dict[str, Estimate | None]) -> dict[str, Any]:
    return {name: _plain_one(e) for name, e in estimates.items()}


def _plain_one(e: Estimate | None) -> dict[str, float | None] | None:
    if e is None:
        return None
    return dict(zip(("value", "low", "high"), e.plain, strict=True))


def _markdown(found: Comparison) -> str:
    parts = [f"# {_title(found)}", *_text(found)]
    parts += [f"**Note:** {_safe(found, note)}" for note in found.notes]
    for heading, (head, *body) in _tables(found):
        parts += [f"## {heading}", table(head, body, right=len(head))]
    parts.append(f"*{_definitions(found)}*")
    return wording.visible("\n\n".join(parts)) + "\n"


def _html(found: Comparison) -> str:
    """The comparison for a notebook, with the figure."""
    picture = base64.b64encode(found.figure().png(dpi=_NOTEBOOK_DPI)).decode()
    image = f'<img alt="curves of the runs" src="data:image/png;base64,{picture}">'
    return f"{image}\n{to_html(_markdown(found))}"


def _safe(found: Comparison, note: str) -> str:
    """A note with the names of runs escaped; only they may hold Markdown characters."""
    for name in found.names:
        note = note.replace(name, escaped(name))
    return note


def _title(found: Comparison) -> str:
    return "Comparison of " + wording.joined([escaped(name) for name in found.names])


def _text(found: Comparison) -> list[str]:
    """The paragraphs: who is ahead, who needed less, ceilings, and the rule of all that."""
    words = Words(found.measure, found.reference, found.seeds, found.lower_is_better)
    end = found.at_compute[-1] if found.at_compute else None
    parts = words.paragraphs(
        end, found.leader, found.may_lead, found.at_accuracy, found.multipliers
    )
    unknown = sentence(found.ceilings)
    return [*parts, *([unknown] if unknown else []), _RULE]


def _tables(found: Comparison) -> list[tuple[str, _Rows]]:
    """The tables that have rows, by heading."""
    tables = [
        ("Best at each compute", _of_frontier(found)),
        ("At equal compute", _at_compute(found)),
        (f"At equal {escaped(found.measure.name)}", _at_accuracy(found)),
        ("Ceilings", table_rows(found.ceilings, found.measure)),
    ]
    return [(heading, rows) for heading, rows in tables if len(rows) > 1]


def _of_frontier(found: Comparison) -> _Rows:
    label = escaped(found.measure.label)
    rows = [["RL FLOPs from", "to", "best", f"{label} at the beginning", "at the end"]]
    for stretch in found.frontier:
        best = either(stretch.names)
        if stretch.alone:
            best += " (no other has a value there)"
        elif len(stretch.names) > 1:
            best += " (can't be told)"
        rows.append(
            [
                numbers.amount(stretch.from_flops),
                numbers.amount(stretch.to_flops),
                best,
                numbers.value(found.measure, stretch.begin),
                numbers.value(found.measure, stretch.end),
            ]
        )
    return rows


def _at_compute(found: Comparison) -> _Rows:
    labels = [escaped(name) for name in found.names]
    others = list(found.multipliers)
    reference = escaped(found.reference)
    head = ["RL FLOPs", *labels, *(f"{escaped(other)} − {reference}" for other in others)]
    return [
        head,
        *(
            [
                numbers.amount(row.flops),
                *(numbers.value(found.measure, row.values[name]) for name in found.names),
                *(numbers.difference(found.measure, row.differences[name]) for name in others),
            ]
            for row in found.at_compute
        ),
    ]


def _at_accuracy(found: Comparison) -> _Rows:
    head = [escaped(found.measure.label)]
    head += [f"FLOPs of {escaped(name)}" for name in found.names]
    head += [f"multiplier of {escaped(name)}" for name in found.multipliers]
    return [
        head,
        *(
            [
                numbers.level(found.measure, row.level),
                *(_needed(row, name) for name in found.names),
                *(numbers.times(row.multipliers[name]) for name in found.multipliers),
            ]
            for row in found.at_accuracy
        ),
    ]


def _needed(row: EqualAccuracy, name: str) -> str:
    return numbers.flops(row.flops[name]) + (", in passing" if name in row.in_passing else "")


def _definitions(found: Comparison) -> str:
    reference = escaped(found.reference)
    said = conventions.of_runs({group.name: group.conventions for group in found.groups})
    several = max(found.seeds.values()) > 1
    single = min(found.seeds.values()) == 1
    ways = ["of one run, what its curve could be by the noise of its steps"] if single else []
    if several:
        ways.append(
            "of several seeds, Student's t interval of their mean with seeds − 1 degrees of "
            "freedom, with a standard error of at least what the noise of the steps makes"
        )
    return (
        f"Values are read off the figure's curves over cumulative RL FLOPs, {escaped(said)}. A "
        "level is reached at the first compute at which the curve is there; – where a run did not "
        "surely come to it, or started beyond; “in passing” where the whole band of the curve is "
        "on the wrong side of the level later. Compute multiplier: FLOPs that "
        f"{reference} needed / FLOPs that the other needed, over several levels the geometric "
        "mean. Brackets hold 95 % intervals: "
        f"{'; '.join(ways)}; of a difference, both intervals added like independent errors, those "
        "of single runs 1.3 times as wide, as measured at the ends of equal runs. Of the "
        "best at each compute, ranges under 5 % of all compute are told only where no longer one "
        "beside them includes them. Ceilings: A, B and C_mid of `rlviz.scaling.fit`; B compares "
        "only runs of equal A."
    )
