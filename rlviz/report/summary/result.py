"""A summary and its forms: sentences, Markdown, a page, plain data."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from rlviz import conventions, schema, wording
from rlviz.markdown import escaped, table, to_html
from rlviz.report.series.curves import Value
from rlviz.report.statistics import Segment
from rlviz.report.summary.values_text import Form, form_of

_WHEN = ("start", "middle", "end")
_COMPUTE = (
    "RL FLOPs: cumulative, one multiply-add counts 2; {}; shares of the compute are shares of them."
)
_VALUES = (
    "Values are those of the figure's curve at the place named beside them; start, middle and end "
    "are the curve's first point, half of its way along the x axis and its last point. The number "
    "after ± is half of the curve's band, about two standard errors."
)
_TIME = (
    "Time: from the end of the first step to the end of the last, pauses included; FLOP/s are "
    "those of the steps after the first."
)
_SCATTER = "Scatter: standard deviation of single steps around the curve."
_MOVES = (
    "A rise, a fall or a turn is told where noise of single steps, lasting or not (AR(1)), does "
    "not explain it; a level stretch changes by less than a tenth of the curve's range. The "
    "strength of a move is the largest |z| of its slopes, less what chance makes of as many."
)
_CAUSE = (
    "That something happened does not say that training caused it, or that it would happen again: "
    "that takes more seeds (`rlviz compare`)."
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the summary says about one measure, and the numbers behind it."""

    name: str
    label: str
    """The name of the measure, also in the tables."""
    sentence: str
    values: dict[str, Value]
    """The values of its curve at `start`, `middle` and `end` of the axis; empty if nothing was
    recorded."""
    findings: tuple[tuple[str, str], ...] = ()
    """(claim, finding)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What happened in a run. Notebooks display it.

    Attributes:
        title: name of the run.
        claims: the claims: about each metric that was told of, and about a forecast and a
            connection if there is one.
        facts: plain numbers, see `rlviz.report.summary.facts.facts`.
        notes: what was lost.
        not_concluded: what is not known, and why.
        groups: task family -> values of its accuracy curve at `start`, `middle` and `end`.
        segments: metric -> what its curve did, in order and without gaps; empty with fewer than 20
            points, see `rlviz.report.statistics.Segment`.
        statistics: the numbers behind the claims, for statisticians.
    """

    title: str
    claims: tuple[Claim, ...]
    facts: dict[str, Any]
    notes: tuple[str, ...]
    not_concluded: tuple[str, ...] = ()
    groups: dict[str, dict[str, Value]] = field(default_factory=dict)
    segments: dict[str, tuple[Segment, ...]] = field(default_factory=dict)
    statistics: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line; `print` shows its sentences."""
        steps = wording.counted(self.facts["steps"], "step")
        notes = wording.counted(len(self.notes), "note")
        return f"<Summary {self.title!r}, {steps}, {len(self.claims)} claims, {notes}>"

    def __str__(self) -> str:
        """What happened, one sentence per line; `markdown()` has the tables, too."""
        notes = (f"Note: {note}" for note in self.notes)
        lines = (f"{self.title}:", *(claim.sentence for claim in self.claims), *notes)
        return wording.visible("\n".join(lines))

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, ready for JSON."""
        return {
            "title": self.title,
            "claims": [
                {
                    "name": claim.name,
                    "sentence": claim.sentence,
                    "values": _plain(claim.values),
                    "findings": [list(finding) for finding in claim.findings],
                }
                for claim in self.claims
            ],
            "facts": self.facts,
            "notes": list(self.notes),
            "not_concluded": list(self.not_concluded),
            "groups": {name: _plain(values) for name, values in self.groups.items()},
            "segments": {
                name: [_finite(asdict(segment)) for segment in segments]
                for name, segments in self.segments.items()
            },
            "statistics": list(self.statistics),
        }

    def markdown(self) -> str:
        """The summary as Markdown. The same run gives the same bytes."""
        return _markdown(self)

    def html(self, *, figure_svg: str = "") -> str:
        """The summary as a self-contained page, with a figure above it if one is given."""
        return _page(self, figure_svg)

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _plain(values: dict[str, Value]) -> dict[str, dict[str, float | None]]:
    return {
        when: {
            "value": value.value,
            "standard_error": None if value.error is None else value.error / 2,
            "low": None if value.error is None else value.low,
            "high": None if value.error is None else value.high,
        }
        for when, value in values.items()
    }


def _finite(plain: dict[str, Any]) -> dict[str, Any]:
    """Numbers as JSON has them."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in plain.items()
    }


def _markdown(summary: Summary) -> str:
    parts = [
        f"# {escaped(summary.title)}",
        _length(summary.facts),
        *(_safe(summary, claim.sentence) for claim in summary.claims),
        _values(summary),
        _findings(summary),
        _costs(summary.facts),
    ]
    if summary.not_concluded:
        reasons = [f"- {_safe(summary, reason)}" for reason in summary.not_concluded]
        parts.append("**Not known:**\n\n" + "\n".join(reasons))
    parts += [f"**Note:** {note}" for note in summary.notes]
    parts.append("## How to read this\n\n" + "\n".join(f"- {line}" for line in _reading(summary)))
    return wording.visible("\n\n".join(part for part in parts if part)) + "\n"


def _reading(summary: Summary) -> list[str]:
    """What the words and numbers are; at the end, the numbers for statisticians."""
    told = {claim.name for claim in summary.claims}
    units = summary.facts.get("parallelism_units", ())
    lines = [
        f"{quantity.words}: {quantity.definition}{_measured(name, units)}."
        for name, quantity in schema.QUANTITIES.items()
        if quantity.is_core or name in told
    ]
    if schema.TOTAL in summary.facts.get("flops", {}):
        said = conventions.explained(summary.facts["conventions"])
        lines.append(_COMPUTE.format(escaped(said)))
    if summary.facts["wall_seconds"] > 0:
        lines.append(_TIME)
    if any(summary.segments.values()):
        lines += [_VALUES, _MOVES, _CAUSE]
    if any("scatter" in claim for told in summary.claims for claim, _ in told.findings):
        lines.append(_SCATTER)
    return lines + [f"{_safe(summary, numbers)}." for numbers in summary.statistics]


def _measured(name: str, units: Sequence[schema.WorkUnit]) -> str:
    """In what the work and span behind a quantity are."""
    told = schema.in_units(units) if name == schema.PARALLELISM else ""
    return f", {told}" if told else ""


def _length(facts: dict[str, Any]) -> str:
    told = wording.counted(facts["steps"], "training step")
    if facts.get("steps_apart", 1) > 1:
        ends = f"{facts['first_step']:,} to {facts['last_step']:,}"
        told = f"{wording.counted(facts['steps'], 'logged point')} of steps {ends}"
    if facts["wall_seconds"] > 0:
        told += f" in {wording.duration(facts['wall_seconds'])}"
        if paused := facts.get("paused_seconds", 0.0):
            told += f" (and {wording.duration(paused)} of pauses)"
    total = facts["flops"].get(schema.TOTAL)
    if total is not None:
        told += f", {wording.flops(total)} RL FLOPs"
    if facts["flops_per_second"]:
        told += f", on average {wording.flops(int(facts['flops_per_second']))} FLOP/s"
    if facts.get("of_rows_alone"):
        both = "time and RL FLOPs are" if total is not None else "the time is"
        told += f"; {both} of these points alone, not of the steps between them"
    return f"{told}."


def _safe(summary: Summary, text: str) -> str:
    """A sentence with the names of metrics escaped; only they may hold Markdown characters."""
    for claim in summary.claims:
        text = text.replace(claim.label, escaped(claim.label))
    return text


def _values(summary: Summary) -> str:
    """One row per measure and, below accuracy, one row per task family."""
    rows = []
    for claim in summary.claims:
        if claim.values:
            form = form_of(claim.name, summary.segments.get(claim.name, ()))
            rows.append(_row(escaped(claim.label), form, claim.values))
        if claim.name == schema.ACCURACY:
            rows += [
                _row(f"Accuracy of {escaped(group)}", form_of(claim.name), values)
                for group, values in summary.groups.items()
            ]
    return table(["", *_WHEN], rows, right=3)


def _row(label: str, form: Form, values: dict[str, Value]) -> list[str]:
    return [label, *(form(values[when]) for when in _WHEN)]


def _findings(summary: Summary) -> str:
    rows = [
        [_safe(summary, text) for text in finding]
        for claim in summary.claims
        for finding in claim.findings
    ]
    return table(["claim", "finding"], rows)


def _costs(facts: dict[str, Any]) -> str:
    """FLOPs by phase, with seconds and MFU where they are known."""
    flops: dict[str, int] = facts["flops"]
    phases = [phase for phase in flops if phase != schema.TOTAL]
    if not phases:
        return ""
    total = flops.get(schema.TOTAL, 0)
    seconds, mfu = facts["seconds"], facts["mfu"]
    header = ["phase", "RL FLOPs", "share", *["time"] * bool(seconds), *["MFU"] * bool(mfu)]
    rows = []
    for phase in phases:
        row = [phase, wording.flops(flops[phase]), _share(phase, flops[phase], total)]
        if seconds:
            row.append(wording.duration(seconds[phase]) if phase in seconds else "")
        if mfu:
            row.append(f"{100 * mfu[phase]:.1f} %" if phase in mfu else "")
        rows.append(row)
    known = sum(flops[phase] for phase in phases if phase != schema.EVALUATION)
    if (rest := total - known) > total // 1000:  # a smaller share would read as nothing
        told = ["*without a phase*", wording.flops(rest), _share("", rest, total)]
        rows.append([*told, *[""] * (len(header) - 3)])
    rows.append(["**total**", wording.flops(total), *[""] * (len(header) - 2)])
    return table(header, rows, right=len(header) - 1) + _discarded(flops)


def _discarded(flops: dict[str, int]) -> str:
    """What share of the generated was thrown away, where that is known."""
    thrown = flops.get(schema.DISCARDED, 0)
    if not thrown:
        return ""
    share = 100 * thrown / (thrown + flops.get(schema.ROLLOUT, 0))
    return f"\n\nOf the RL FLOPs of rollouts {share:.1f} % went into ones that no update used."


def _share(phase: str, count: int, total: int) -> str:
    if phase == schema.EVALUATION:
        return "not in the total"
    return f"{100 * count / total:.1f} %" if total else ""


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #8884; text-align: left; }
svg { max-width: 100%; height: auto; background: white; }
em { color: #767676; font-size: 0.9rem; }
"""


def _page(summary: Summary, figure_svg: str) -> str:
    """A page without scripts or external resources."""
    body = to_html(_markdown(summary))
    drawing = figure_svg[figure_svg.find("<svg") :]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(wording.visible(summary.title))}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{drawing}\n{body}</body>\n</html>\n"
    )
