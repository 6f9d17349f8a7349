"""A summary as Markdown, and as a page of HTML."""

import html
import re
from typing import TYPE_CHECKING, Any

from rlviz import schema
from rlviz.report import words
from rlviz.report.telling.values_text import form_of

if TYPE_CHECKING:
    from rlviz.report.summary import Summary
    from rlviz.report.telling.curve_values import Value

_WHEN = ("start", "middle", "end")
_DEFINITIONS = (
    "*Training accuracy: correct / graded answers of a step. Average parallelism: mean over a "
    "step's episodes of work / span. RL FLOPs: cumulative, one multiply-add counts 2. Start, "
    "middle and end are values of the local-quadratic curve at the first step, at half of the x "
    "axis and at the last step, ± one standard error. Claims are tested against noise that lasts "
    "from step to step (AR(1)) and, but for the scatter, only where a random walk is excluded at "
    "5 %; scatter is the standard deviation of single steps.*"
)


def markdown(summary: "Summary") -> str:
    parts = [
        f"# {_escaped(summary.title)}",
        _paragraph(summary),
        _values(summary),
        _findings(summary),
        _costs(summary.facts),
    ]
    if summary.not_concluded:
        reasons = [f"- {_safe(summary, reason)}" for reason in summary.not_concluded]
        parts.append("**Not concluded:**\n\n" + "\n".join(reasons))
    parts += [f"**Note:** {note}" for note in summary.notes]
    parts.append(_DEFINITIONS)
    return "\n\n".join(part for part in parts if part) + "\n"


def _paragraph(summary: "Summary") -> str:
    facts = summary.facts
    length = words.counted(facts["steps"], "training step")
    if facts["wall_seconds"] > 0:
        length += f" in {words.duration(facts['wall_seconds'])}"
    total = facts["flops"].get(schema.TOTAL)
    if total is not None:
        length += f", {words.flops(total)} RL FLOPs"
    if facts["flops_per_second"]:
        length += f" ({words.flops(int(facts['flops_per_second']))} a second)"
    told = [_safe(summary, claim.sentence) for claim in summary.claims]
    return " ".join([f"{length}.", *told])


def _safe(summary: "Summary", text: str) -> str:
    """A sentence of which only the names of metrics may hold what Markdown sees as its own."""
    for claim in summary.claims:
        text = text.replace(claim.label, _escaped(claim.label))
    return text


def _values(summary: "Summary") -> str:
    """A row for each measure, and below the accuracy one for each task family."""
    rows = []
    for claim in summary.claims:
        if claim.values:
            rows.append(_row(_escaped(claim.label), claim.name, claim.values))
        if claim.name == schema.ACCURACY:
            rows += [
                _row(f"Accuracy, {_escaped(group)}", claim.name, values)
                for group, values in summary.groups.items()
            ]
    return _table(["", *_WHEN], rows, right=3)


def _row(label: str, name: str, values: "dict[str, Value]") -> list[str]:
    return [label, *(form_of(name)(values[when]) for when in _WHEN)]


def _findings(summary: "Summary") -> str:
    rows = [
        [_safe(summary, text) for text in finding]
        for claim in summary.claims
        for finding in claim.findings
    ]
    return _table(["claim", "finding"], rows, right=0)


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
        row = [phase, words.flops(flops[phase]), _share(phase, flops[phase], total)]
        if seconds:
            row.append(words.duration(seconds[phase]) if phase in seconds else "")
        if mfu:
            row.append(f"{100 * mfu[phase]:.1f} %" if phase in mfu else "")
        rows.append(row)
    rows.append(["**total**", words.flops(total), *[""] * (len(header) - 2)])
    return _table(header, rows, right=len(header) - 1)


def _share(phase: str, count: int, total: int) -> str:
    if phase == schema.EVALUATION:
        return "not in the total"
    return f"{100 * count / total:.1f} %" if total else ""


def _table(header: list[str], rows: list[list[str]], *, right: int) -> str:
    """Markdown; the last `right` columns stand flush right."""
    if not rows:
        return ""
    rules = ["---"] * (len(header) - right) + ["---:"] * right
    lines = [header, *rows]
    drawn = ["| " + " | ".join(cells) + " |" for cells in lines]
    drawn = [re.sub(r"\|  (?=\|)", "| ", line) for line in drawn]
    return "\n".join([drawn[0], f"|{'|'.join(rules)}|", *drawn[1:]])


def _escaped(text: str) -> str:
    """The name of a run, in which Markdown would see emphasis, links or HTML."""
    marks = r"[\\`*\[\]<>|#~]|(?<![^\W_])_|_(?![^\W_])"  # an underscore within a word is none
    return re.sub(marks, r"\\\g<0>", " ".join(text.split()))


_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #8884; text-align: left; }
svg { max-width: 100%; height: auto; background: white; }
em { color: #767676; font-size: 0.9rem; }
"""


def page(summary: "Summary", figure_svg: str) -> str:
    """A page without scripts and without anything from elsewhere."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(summary))
    drawing = figure_svg[figure_svg.find("<svg") :]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(summary.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{drawing}\n{body}</body>\n</html>\n"
    )
