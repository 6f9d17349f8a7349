"""Limits that show nothing of what a figure draws, and what to take instead."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rlviz.report.figure.looks import OPEN, Limits, cut, inside
from rlviz.report.figure.panels import Panel

Floats = NDArray[np.float64]


def hidden(panels: Sequence[Panel]) -> str:
    """Why limits would leave a figure empty, and what to do; "" if they don't.

    Limits of y are told of panel by panel. A part of the axis is told of where it has nothing of
    any metric: one that was measured now and then may have no value there.
    """
    filled = [panel for panel in panels if panel.lines]
    if not filled:
        return ""
    xlim = filled[0].looks.xlim
    with_some = [panel for panel in filled if is_seen(panel)]
    if xlim != OPEN and not with_some:
        ends = _range([points.x for panel in filled for points in panel.points])
        return (
            f"xlim {_told(xlim)} shows nothing of the runs, which go from {ends} "
            f"({filled[0].axis.unit})."
        )
    return next((why for panel in with_some if (why := _hidden_in_y(panel))), "")


def _hidden_in_y(panel: Panel) -> str:
    limits = panel.looks.of_y(panel.measure.name)
    if limits == OPEN or is_seen(panel, limits):
        return ""
    why = (
        f"ylim {_told(limits)} shows nothing of {panel.measure.name!r}, whose values go from "
        f"{_range([points.y for points in panel.points])}."
    )
    if panel.measure.scale == "percent":
        why += " Shares are written as 0.3, and not as 30."
    for other in (_times(limits, 0.01), _times(limits, 100.0)):
        if isinstance(panel.looks.ylim, Mapping) and is_seen(panel, other):
            return f"{why} Did you mean {_told(other)}?"
    return why if isinstance(panel.looks.ylim, Mapping) else f"{why} Give each metric its own."


def is_seen(panel: Panel, ylim: Limits = OPEN) -> bool:
    """Whether a dot or a part of a curve, its band or a forecast is inside the limits."""
    xlim = panel.looks.xlim
    for line in panel.lines:
        for drawn in (line.curve, line.outlook):
            if drawn is not None and _passes(drawn.x, drawn.y, drawn.low, drawn.high, xlim, ylim):
                return True
    if all(line.curve is not None for line in panel.lines) and not panel.looks.dots:
        return False
    return any((inside(p.x, xlim) & inside(p.y, ylim)).any() for p in panel.points)


def _passes(x: Floats, y: Floats, low: Floats, high: Floats, xlim: Limits, ylim: Limits) -> bool:
    """Whether a line or its band is somewhere inside."""
    below, above = (cut(x, np.where(np.isfinite(e), e, y), xlim)[1] for e in (low, high))
    bottom, top = ylim
    ends = -math.inf if bottom is None else bottom, math.inf if top is None else top
    return bool(len(below)) and bool(below.min() <= ends[1] and above.max() >= ends[0])


def _times(limits: Limits, factor: float) -> Limits:
    low, high = (None if end is None else factor * end for end in limits)
    return low, high


def _range(parts: Sequence[Floats]) -> str:
    low, high = min(float(part.min()) for part in parts), max(float(part.max()) for part in parts)
    return f"{low:.4g} to {high:.4g}"


def _told(limits: Limits) -> str:
    """
    >>> _told((0.3, 0.7)), _told((30.0, None))
    ('0.3:0.7', '30:')
    """
    return ":".join("" if end is None else f"{end:.6g}" for end in limits)
