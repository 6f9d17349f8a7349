"""Tells in one sentence what a curve did, and claims no more than its tests allow."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from rlviz import wording
from rlviz.report.series.curves import Curve, Value
from rlviz.report.statistics import Analysis
from rlviz.report.statistics.plateau import Plateau

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

    def x(self, share: float) -> float:
        return self.start + share * self.extent

    def share(self, share: float) -> str:
        return f"{100 * share:.0f} % of {self.whole}"

    def at(self, *shares: float) -> str:
        """The place at a share; with two shares, the range between them."""
        return self.places(*map(self.x, shares))


def sentence(name: str, form: Form, axis: Axis, values: Curve, found: Analysis) -> str:
    """What happened to one measure, from its first step to its last."""
    start, end = (form(values.at(axis.x(share))) for share in (0.0, 1.0))
    if found.noise is None:
        return f"{name} went from {start} to {end}."
    if not found.drift_excluded:
        return (
            f"{name} went from {start} to {end}; random drift cannot be excluded with this many "
            "steps."
        )
    events = _events(form, axis, values, found, start, end)
    if events:
        text = f"{name} {wording.joined(events, serial_comma=True)}"
    elif found.direction and found.direction * _change(values, axis, 0.0, 1.0) > 0:
        text = f"{name} {'rose' if found.direction > 0 else 'fell'} from {start} to {end}"
    elif found.direction:
        over_all = "a rise" if found.direction > 0 else "a fall"
        middle = form(values.at(axis.x(0.5)))
        text = (
            f"{name} went from {start} over {middle} in the middle to {end}; a straight line "
            f"through all steps shows {over_all} ({p_text(_trend_p(found))}), so it turned"
        )
    else:
        text = f"{name} went from {start} to {end}, which is no trend ({p_text(_trend_p(found))})"
    if found.scatter is not None and found.scatter.grows:
        first, last = (form(Value(size)) for size in (found.scatter.first, found.scatter.last))
        text += f", its scatter growing from {first} to {last}"
    return text + "."


def _events(
    form: Form, axis: Axis, values: Curve, found: Analysis, start: str, end: str
) -> list[str]:
    """What the curve did, in order; empty if it has no distinct parts."""
    dip, plateau, bend = found.dip, found.plateau, found.acceleration
    events = []
    began, reached = 0.0, values.at(axis.x(0.0)).value
    if dip is not None:
        lowest = values.at(axis.x(dip.at))
        events.append(f"first fell from {start} to {form(lowest)} (at {axis.share(dip.at)})")
        began, reached = dip.at, lowest.value
    if plateau is not None and plateau.start >= began - 0.05:
        level = form(Value.around(plateau.level, plateau.level_error))
        # Only up to the bend: over a plateau the curve may change a little.
        ended = plateau.end if bend is None else min(plateau.end, bend.at)
        stretch = f"from {100 * plateau.start:.0f} to {axis.share(ended)}"
        if plateau.start < 0.05:
            stretch = f"until {axis.share(ended)}"
        elif plateau.end > 0.95:
            stretch = f"from {axis.share(plateau.start)} on"
        if plateau.start >= 0.05 and dip is None:
            events.append(f"{_moved(values, axis, 0.0, plateau.start)} from {start}")
        stayed = "stayed near" if dip is None else "then rose to stay near"
        told = f"{stayed} {level} {stretch}"
        if plateau.start < 0.05 and _differs(values.at(axis.x(0.0)), plateau):
            told = f"came from {start} and {told}"
        if plateau.end > 0.95 and _differs(values.at(axis.x(1.0)), plateau):
            told += f", at last {end}"
        events.append(told)
        began, reached = plateau.end, plateau.level
    if bend is not None:
        if not events:
            before = form(values.at(axis.x(bend.at)))
            events.append(f"went from {start} to {before} at first")
        steep = "rose" if bend.after > 0 else "fell"
        events.append(f"from {axis.at(bend.at)} on {steep} steeply to {end}")
    elif events and began <= 0.95:
        # Compare with the number told before: another number at that place would contradict it.
        moved = "rose" if values.at(axis.x(1.0)).value > reached else "fell"
        events.append(f"then {moved} to {end}")
    return events


def _differs(value: Value, plateau: Plateau) -> bool:
    """Whether the curve differs from the level: over a plateau it may change by a tenth of its
    range."""
    return abs(value.value - plateau.level) > math.hypot(
        value.error or 0.0, 2 * plateau.level_error
    )


def _moved(values: Curve, axis: Axis, first: float, last: float) -> str:
    return "rose" if _change(values, axis, first, last) > 0 else "fell"


def _change(values: Curve, axis: Axis, first: float, last: float) -> float:
    return values.at(axis.x(last)).value - values.at(axis.x(first)).value


def _trend_p(found: Analysis) -> float:
    assert found.trend is not None
    return found.trend.p


def p_text(p: float) -> str:
    """A p value as papers print it.

    >>> p_text(0.0321), p_text(0.0002)
    ('p = 0.03', 'p < 0.001')
    """
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.01 else f"p = {p:.2f}"


def findings(name: str, form: Form, axis: Axis, found: Analysis) -> list[tuple[str, str]]:
    """The claims about a measure, each with its test: (claim, finding)."""
    rows = []
    if found.direction and found.trend is not None:
        moved = "rises" if found.direction > 0 else "falls"
        rows.append(("trend", f"{moved}, {p_text(found.trend.p)}"))
    if (dip := found.dip) is not None:
        depth = form(Value.around(dip.depth, dip.depth_error))
        rows.append(("initial dip", f"{depth} deep at {axis.at(dip.at)}, {p_text(dip.p)}"))
    if (plateau := found.plateau) is not None:
        stretch = axis.at(plateau.start, plateau.end)
        rows.append(("plateau", f"{stretch}; changes by {form(Value(plateau.change))} at most"))
    if (bend := found.acceleration) is not None:
        between = axis.at(*bend.interval)
        rows.append(("acceleration", f"at {axis.at(bend.at)} (95 %: {between}), {p_text(bend.p)}"))
    if found.scatter is not None and found.scatter.grows:
        first, last = (form(Value(size)) for size in (found.scatter.first, found.scatter.last))
        rows.append(("growing scatter", f"{first} to {last}, {p_text(found.scatter.p)}"))
    return [(f"{name}: {claim}", finding) for claim, finding in rows]
