"""Ticks and limits of the axes: round numbers from the data, and room for the legend."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter, FuncFormatter, NullLocator, PercentFormatter
from numpy.typing import NDArray

from rlviz.report.figure import ticks
from rlviz.report.figure.looks import OPEN, Limits
from rlviz.report.figure.style import Style
from rlviz.report.series.axis import XAxis
from rlviz.schema import Scale

Floats = NDArray[np.float64]

_ROUNDING = 1e-9
"""Tolerance: in float64, 0.55 / 0.05 is a little more than 11, and 0.3 / 0.05 a little less than
6."""
_STEPS: dict[Scale, tuple[float, ...]] = {
    "percent": (0.05, 0.1, 0.2),
    "count": (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
    "number": (),
}
_MOST: dict[Scale, float] = {"percent": 1.0, "count": math.inf, "number": math.inf}
"""The bounds of the scales: above 100 % there is no share."""
_CONSTANT = 1e-12
"""Values that differ by less than this share of themselves are the same."""


@dataclass(frozen=True, slots=True)
class Room:
    """The corner of a panel that its legend fills, as shares of width and height."""

    width: float
    height: float


def set_y(
    ax: Axes, scale: Scale, most: float, x: Floats, y: Floats, room: Room | None, style: Style
) -> str:
    """Set ticks that suit the points drawn at (x, y), and leave room for the legend.

    Args:
        most: the largest value that the quantity can have, or inf.

    Returns:
        Where the legend stands: at the upper left, with room above what is below it. Above the
        largest value there is none: there it stands in another corner, and in none ("") if all are
        full.
    """
    low, high = float(y.min()), float(y.max())
    if scale == "number" and high - low <= _CONSTANT * max(abs(low), abs(high)):
        step, bottom, top = _around(low)
    else:
        step, bottom, top = _from_to(scale, low, high, style.most_ticks)
    if math.isfinite(most):  # a share, also where a constant has a scale around it
        top = top if high > most else min(top, most)
        bottom = bottom if low < 0 else max(bottom, 0.0)
    place = "upper left"
    if room:
        across = (ax.transScale + ax.transLimits).transform(np.column_stack([x, y]))[:, 0]
        below_legend = float(y[across < room.width].max(initial=bottom)) - bottom
        above = bottom + below_legend / (1 - room.height)
        if above <= max(top, most):
            top = max(top, above)
        else:
            place, bottom = _corner(room, across, y, bottom, top, step)
    ax.yaxis.set_major_locator(ticks.multiples(step, most))
    ax.set_ylim(min(bottom, low), max(top, high))  # a product may round to below the data
    ax.yaxis.set_major_formatter(_FORMATS[scale]())
    return place


def set_chosen_y(ax: Axes, scale: Scale, y: Floats, limits: Limits, style: Style) -> str:
    """Set the limits that an author chose, an open one from the data, and ticks between them."""
    low, high = _ends(y, limits)
    step, *_ = _from_to(scale, low, high, style.most_ticks)
    ax.yaxis.set_major_locator(ticks.multiples(step, _MOST[scale]))
    ax.set_ylim(low, high)
    ax.yaxis.set_major_formatter(_FORMATS[scale]())
    return "best"


def set_log_y(ax: Axes, scale: Scale, y: Floats, limits: Limits, style: Style) -> str:
    """Set a logarithmic axis; what is not above 0 is no part of it.

    Raises:
        ValueError: a chosen limit is not above 0.
    """
    if any(end is not None and end <= 0 for end in limits):
        raise ValueError(f"ylim must be above 0 on a logarithmic axis, got {limits!r}.")
    low, high = _ends(y[y > 0], limits)
    beside = 10.0 ** (0.05 * (math.log10(high) - math.log10(low)))
    low = low / beside if limits[0] is None else low
    high = high * beside if limits[1] is None else high
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(ticks.logarithmic(style.decades))
    ax.yaxis.set_minor_locator(NullLocator())
    percent = PercentFormatter(xmax=1, decimals=None)
    ax.yaxis.set_major_formatter(percent if scale == "percent" else ticks.Powers())
    return "best"


def _ends(y: Floats, limits: Limits) -> tuple[float, float]:
    """Both ends of a scale, apart: the chosen ones, and else those of the data."""
    low = float(y.min()) if limits[0] is None and len(y) else limits[0]
    high = float(y.max()) if limits[1] is None and len(y) else limits[1]
    if low is None and high is None:
        low, high = 0.1, 1.0
    elif low is None:
        low = high - abs(high) / 2 if high else -1.0
    elif high is None:
        high = low + abs(low) / 2 if low else 1.0
    assert low is not None
    assert high is not None
    if not low < high:  # one value, or an end beyond all of them
        half = abs(low) / 2 or 1.0
        low, high = (low, low + half) if limits[0] is not None else (high - half, high)
    return low, high


def _corner(
    room: Room, across: Floats, y: Floats, bottom: float, top: float, step: float
) -> tuple[str, float]:
    """A corner that no point is in, and the bottom of the scale; below what is there, if it takes
    that."""
    corners = {
        "lower right": (1 - across < room.width, 1),
        "lower left": (across < room.width, 1),
        "upper right": (1 - across < room.width, -1),
    }
    up = (y - bottom) / (top - bottom)
    for place, (beside, side) in corners.items():
        if not (beside & ((up if side > 0 else 1 - up) < room.height)).any():
            return place, bottom
    lowest = float(y[1 - across < room.width].min(initial=top))
    lower = math.floor((top - (top - lowest) / (1 - room.height)) / step + _ROUNDING) * step
    return ("lower right", lower) if lower >= 0 else ("", bottom)


def _from_to(scale: Scale, low: float, high: float, most_ticks: int) -> tuple[float, float, float]:
    """The step between ticks, and the ends of the scale, for values that differ."""
    step = _tick_step(scale, low, high, most_ticks - 1 - (scale == "percent"))
    bottom = math.floor(low / step + _ROUNDING) * step
    top = high + 0.4 * step if scale == "count" else math.ceil(high / step - _ROUNDING) * step
    if top - bottom < 2 * step * (
        1 - _ROUNDING
    ):  # a nearly constant value still needs a scale around it
        floor = -math.inf if scale == "number" else 0.0
        bottom, top = max(bottom - step, floor), bottom + 2 * step
    if top > _MOST[scale]:  # a share near 100 %
        top = _MOST[scale]
        bottom = min(bottom, top - 2 * step)
    return step, bottom, top


def _around(value: float) -> tuple[float, float, float]:
    """The same for a constant: two steps on either side, with a tick at the value if it is round.

    >>> _around(-21.0), _around(0.45), _around(0.0)
    ((1.0, -23.0, -19.0), (0.01, 0.43, 0.47), (0.5, -1.0, 1.0))
    """
    if value == 0:
        return 0.5, -1.0, 1.0
    decade = 10.0 ** math.floor(math.log10(abs(value)))
    steps = [float(f"{m * decade:.0e}") for m in (0.2, 0.1, 0.05, 0.02, 0.01)]
    fits = (s for s in steps if abs(value / s - round(value / s)) < 1e-6)
    step = next(fits, steps[0])
    middle = round(value / step) * step
    return step, float(f"{middle - 2 * step:.9g}"), float(f"{middle + 2 * step:.9g}")


def _whole(value: float, _: object = None) -> str:
    return f"{value:.0f}" if abs(value) < 1e6 else ticks.power_of_ten(value)


_FORMATS: dict[Scale, Callable[[], Formatter]] = {
    "percent": lambda: PercentFormatter(xmax=1, decimals=1),
    "count": lambda: FuncFormatter(_whole),
    "number": ticks.Numbers,
}


def _tick_step(scale: Scale, low: float, high: float, most: int) -> float:
    """The finest step whose ticks fit."""
    extent = high - low
    for step in _STEPS[scale]:
        if extent / step <= most:
            return step
    if scale == "percent" or scale == "count":
        return float(10 ** math.ceil(math.log10(extent / most)))
    decade = 10.0 ** math.floor(math.log10(extent / most))
    return next(step for m in (1, 2, 5, 10) if extent / (step := m * decade) <= most)


def set_x(
    ax: Axes, axis: XAxis, low: float, high: float, style: Style, chosen: Limits = OPEN
) -> None:
    """Set limits a little beyond the data, or those that an author chose, and ticks.

    Raises:
        ValueError: a chosen limit is not above 0, and the axis is logarithmic.
    """
    _set_x(ax, axis, low, high, style)
    if axis.log and any(end is not None and end <= 0 for end in chosen):
        raise ValueError(f"xlim must be above 0 on a logarithmic axis, got {chosen!r}.")
    both = zip(chosen, ax.get_xlim(), strict=True)
    ends = [usual if end is None else end for end, usual in both]
    if not ends[0] < ends[1]:
        raise ValueError(f"xlim {chosen!r} shows nothing of the runs, from {low:g} to {high:g}.")
    ax.set_xlim(*ends)


def _set_x(ax: Axes, axis: XAxis, low: float, high: float, style: Style) -> None:
    begin, end = axis.scaled(np.array([low, high]))
    if axis.log:
        ax.set_xscale("log")
        span = float(end - begin) or 1.0
        ax.set_xlim(*(10.0 ** np.array([begin - 0.03 * span, end + 0.03 * span])))
        ax.xaxis.set_major_locator(ticks.logarithmic(style.decades))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(ticks.Powers())
        return
    whole = axis.name in ("step", "tokens")
    ax.xaxis.set_major_locator(ticks.linear(whole=whole))
    ax.xaxis.set_major_formatter(ticks.Numbers())
    beside = 0.03 * float(end - begin)
    if not beside:  # a single place
        beside = max(0.03 * abs(low), 1.0) if whole else 0.03 * (abs(low) or 1.0)
    # No run has fewer than no steps, unless it counts so.
    ax.set_xlim(max(low - beside, min(0.0, low)), high + beside)
