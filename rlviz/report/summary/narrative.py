"""Tells in one sentence what a curve did, and claims no more than its segments."""

from collections.abc import Callable
from dataclasses import dataclass

from rlviz import wording
from rlviz.report.series.curves import Curve, Value
from rlviz.report.statistics import Analysis, Segment

Form = Callable[[Value], str]


@dataclass(frozen=True, slots=True)
class Axis:
    """The names of places along the run.

    Attributes:
        start, extent: of x.
        places: one or two positions -> "3.0e22 RL FLOPs", "steps 12 to 40".
        whole: the whole that a share refers to: "the compute" or "the steps".
    """

    start: float
    extent: float
    places: Callable[..., str]
    whole: str


def sentence(name: str, form: Form, axis: Axis, values: Curve, found: Analysis) -> str:
    """What happened to one measure, from its first step to its last."""
    start, end = (form(values.at(axis.start + at * axis.extent)) for at in (0.0, 1.0))
    if not found.is_certain:
        return f"{name} went from {start} to {end}."
    told = [_told(part, form, axis) for part in found.segments]
    return f"{name} {wording.joined(told, serial_comma=True)}."


def _told(part: Segment, form: Form, axis: Axis) -> str:
    share = f"until {100 * (part.x_end - axis.start) / axis.extent:.0f} % of {axis.whole}"
    end = form(Value(part.y_end))
    if part.kind == "level":
        return f"stayed near {end} {share}"
    moved = {"rises": "rose", "falls": "fell"}[part.kind]
    pace = "jumped" if part.pace == "jump" else f"{moved} {part.pace}".strip()
    return f"{pace} from {form(Value(part.y_start))} to {end} {share}"


def p_text(p: float) -> str:
    """A p value as papers print it.

    >>> p_text(0.0321), p_text(0.0002)
    ('p = 0.03', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"
