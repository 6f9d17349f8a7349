"""A comparison and its forms: sentences and tables, plain data, a notebook display."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import wording
from rlviz.markdown import escaped, table, to_html
from rlviz.report.compare.run_curves import Estimate
from rlviz.report.figure import Drawing, figure
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure, default_measures

Floats = NDArray[np.float64]
_Rows = list[list[str]]
"""A table, header first."""

_NOTEBOOK_DPI = 80


@dataclass(frozen=True, slots=True)
class EqualCompute:
    """What the runs reached with the same compute."""

    flops: float
    values: dict[str, Estimate]
    differences: dict[str, Estimate]
    """The difference between every other run and the reference."""


@dataclass(frozen=True, slots=True)
class EqualAccuracy:
    """What the runs spent to reach the same accuracy."""

    level: float
    flops: dict[str, Estimate | None]
    """None if a run did not surely reach the level, or started there."""
    multipliers: dict[str, Estimate | None]
    """FLOPs of the reference / FLOPs of each other run; above 1, the other run needed less."""


@dataclass(frozen=True, slots=True)
class Lead:
    """The run that is ahead at the end of the compute that all runs spent."""

    name: str
    since_flops: float
    """From this compute on, it is ahead of every other run in at least 99.5 % of the draws."""


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
        leader: None if no run is surely ahead of every other run at the end.
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
    notes: tuple[str, ...]
    groups: tuple[Group, ...]
    lower_is_better: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.seeds)

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
        """A paragraph, both tables, the notes and the definitions. The same runs give the same
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
        "leader": None if leader is None else {"name": leader.name, "since": leader.since_flops},
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
            }
            for row in found.at_accuracy
        ],
        "notes": list(found.notes),
    }


def _plain(estimates: dict[str, Estimate] | dict[str, Estimate | None]) -> dict[str, Any]:
    return {
        name: None if e is None else {"value": e.value, "low": e.low, "high": e.high}
        for name, e in estimates.items()
    }


def _markdown(found: Comparison) -> str:
    parts = [f"# {_title(found)}", " ".join(_sentences(found))]
    for heading, (head, *body) in _tables(found):
        parts += [f"## {heading}", table(head, body, right=len(head))]
    parts += [f"**Note:** {_safe(found, note)}" for note in found.notes]
    parts.append(f"*{_definitions(found)}*")
    return "\n\n".join(parts) + "\n"


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


def _sentences(found: Comparison) -> list[str]:
    what = found.measure.label.lower() if found.measure.scale != "number" else found.measure.name
    what, reference = escaped(what), escaped(found.reference)
    if found.lower_is_better:
        what += " (lower is better)"
    parts = []
    if found.at_compute:
        end = found.at_compute[-1]
        spent = wording.flops(round(end.flops))
        if found.leader is None:
            parts.append(f"At {spent} RL FLOPs, the most that all spent, no run surely leads.")
        else:
            since = wording.flops(round(found.leader.since_flops))
            leader = escaped(found.leader.name)
            parts.append(
                f"{leader} leads in {what} from {since} RL FLOPs on to {spent}, the most that all "
                "spent."
            )
        parts += [
            f"There {escaped(name)} is at {_value(found, end.values[name])}, {reference} at "
            f"{_value(found, end.values[found.reference])}: a difference of "
            f"{_difference(found, difference)}."
            for name, difference in end.differences.items()
        ]
    parts += [_multiplier_sentence(found, name) for name in found.multipliers]
    return parts


def _multiplier_sentence(found: Comparison, name: str) -> str:
    multiplier = found.multipliers[name]
    label, reference = escaped(name), escaped(found.reference)
    if multiplier is None:
        return f"There is no level that both {label} and {reference} surely reached."
    levels = [row.level for row in found.at_accuracy if row.multipliers[name] is not None]
    over = f"{_level(found, levels[0])} to {_level(found, levels[-1])}"
    if multiplier.low > 1:
        verdict = f"{label} needed less compute for the same"
    elif multiplier.high < 1:
        verdict = f"{label} needed more compute for the same"
    else:
        verdict = f"Neither {label} nor {reference} surely needed less compute for the same"
    return (
        f"{verdict}: its compute multiplier over {reference} is {_times(multiplier)} "
        f"({wording.counted(len(levels), 'level')}, {over})."
    )


def _tables(found: Comparison) -> list[tuple[str, _Rows]]:
    tables = []
    others = list(found.multipliers)
    label, reference = {name: escaped(name) for name in found.names}, escaped(found.reference)
    if found.at_compute:
        head = ["RL FLOPs", *label.values(), *(f"{label[o]} − {reference}" for o in others)]
        rows = [
            [
                wording.flops(round(row.flops)),
                *(_value(found, row.values[name]) for name in found.names),
                *(_difference(found, row.differences[name]) for name in others),
            ]
            for row in found.at_compute
        ]
        tables.append(("At equal compute", [head, *rows]))
    if found.at_accuracy:
        head = [escaped(found.measure.label), *(f"FLOPs of {label[name]}" for name in found.names)]
        head += [f"multiplier of {label[name]}" for name in others]
        rows = [
            [
                _level(found, row.level),
                *(_flops(row.flops[name]) for name in found.names),
                *(_times(row.multipliers[name]) for name in others),
            ]
            for row in found.at_accuracy
        ]
        tables.append((f"At equal {escaped(found.measure.name)}", [head, *rows]))
    return tables


def _value(found: Comparison, e: Estimate) -> str:
    if found.measure.scale == "percent":  # a curve and its interval may leave [0, 1]
        value, low, high = (100 * min(max(part, 0.0), 1.0) for part in (e.value, e.low, e.high))
        return f"{value:.1f} % [{low:.1f}, {high:.1f}]"
    return f"{e.value:.3g} [{e.low:.3g}, {e.high:.3g}]"


def _difference(found: Comparison, e: Estimate) -> str:
    """A difference: of two shares in percentage points, else in the unit of the metric."""
    if found.measure.scale == "percent":
        return f"{100 * e.value:+.1f} points [{100 * e.low:+.1f}, {100 * e.high:+.1f}]"
    return f"{e.value:+.3g} [{e.low:+.3g}, {e.high:+.3g}]"


def _level(found: Comparison, level: float) -> str:
    return f"{100 * level:.4g} %" if found.measure.scale == "percent" else f"{level:.6g}"


def _flops(e: Estimate | None) -> str:
    if e is None:
        return "–"
    value, low, high = (wording.flops(round(part)) for part in (e.value, e.low, e.high))
    return f"{value} [{low}, {high}]"


def _times(e: Estimate | None) -> str:
    return "–" if e is None else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"


def _definitions(found: Comparison) -> str:
    reference = escaped(found.reference)
    text = (
        "Values are read off local-quadratic curves over cumulative RL FLOPs. A level is reached "
        "at the first compute at which the curve is there; – where a run did not surely come to "
        f"it, or started beyond. Compute multiplier: FLOPs that {reference} needed / FLOPs that "
        "the other needed, the geometric mean over the levels that both reached. A run leads from "
        "where it is ahead of every other in 99.5 % of the draws on to the end. In brackets: 95 % "
        "intervals"
    )
    several = max(found.seeds.values()) > 1
    single = min(found.seeds.values()) == 1
    ways = ["of what the curves could have been by their errors"] if single else []
    ways += ["of Student's t over the seeds"] if several else []
    return f"{text}, {' or '.join(ways)}."
