"""Ticks and limits of the axes: round numbers from the data, and room for the legend."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
    ScalarFormatter,
)
from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Room:
    """The corner of a panel that its legend fills, as shares of width and height."""

    width: float
    height: float


def set_y(ax: Axes, scale: Scale, x: Floats, y: Floats, room: Room | None, style: Style) -> None:
    """Set ticks that suit the points drawn at (x, y), and leave room for the legend at the upper
    left."""
    low, high = float(y.min()), float(y.max())
    step = _tick_step(scale, low, high, style.most_ticks - 1 - (scale == "percent"))
    bottom = math.floor(low / step + _ROUNDING) * step
    top = high + 0.4 * step if scale == "count" else math.ceil(high / step - _ROUNDING) * step
    if top - bottom < 2 * step:  # a nearly constant value still needs a scale around it
        floor = -math.inf if scale == "number" else 0.0
        bottom, top = max(bottom - step, floor), bottom + 2 * step
    if room:
        across = (ax.transScale + ax.transLimits).transform(np.column_stack([x, y]))[:, 0]
        below_legend = float(y[across < room.width].max(initial=bottom)) - bottom
        top = max(top, bottom + below_legend / (1 - room.height))
    highest = min(top, 1.0) if scale == "percent" else top  # the room above 100 % is no scale
    ticks = np.arange(round(bottom / step), math.floor(highest / step + _ROUNDING) + 1)
    ax.set_yticks(step * ticks)
    ax.set_ylim(min(bottom, low), max(top, high))  # a product may round to below the data
    _format_y(ax, scale)


def _format_y(ax: Axes, scale: Scale) -> None:
    if scale == "percent":
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    elif scale == "count":
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    else:
        formatter = ScalarFormatter(useMathText=True, useOffset=False)
        formatter.set_powerlimits((-3, 5))
        ax.yaxis.set_major_formatter(formatter)


def _tick_step(scale: Scale, low: float, high: float, most: int) -> float:
    """The finest step whose ticks fit."""
    extent = high - low
    for step in _STEPS[scale]:
        if extent / step <= most:
            return step
    if scale == "percent" or scale == "count":
        return float(10 ** math.ceil(math.log10(extent / most)))
    # Not below the resolution of float64 at such a value.
    extent = max(extent, 1e-9 * max(abs(low), abs(high))) or 1.0
    decade = 10.0 ** math.floor(math.log10(extent / most))
    return next(step for m in (1, 2, 5, 10) if extent / (step := m * decade) <= most)


def set_x(ax: Axes, axis: XAxis, low: float, high: float, style: Style) -> None:
    """Set limits a little beyond the data, and ticks."""
    begin, end = axis.scaled(np.array([low, high]))
    if axis.log:
        ax.set_xscale("log")
        span = float(end - begin) or 1.0
        ax.set_xlim(*(10.0 ** np.array([begin - 0.03 * span, end + 0.03 * span])))
        _log_ticks(ax, style)
        return
    if axis.name in ("step", "tokens"):
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    ax.xaxis.set_major_formatter(formatter)
    span = float(end - begin) or abs(low) or 1.0
    ax.set_xlim(low - 0.03 * span, high + 0.03 * span)


def _log_ticks(ax: Axes, style: Style) -> None:
    """Whole decades where there are enough, else 1, 2 and 5 in each, else round numbers."""
    low, high = ax.get_xlim()
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / style.decades))
    decades = [10.0**k for k in range(first, last + 1, stride)]
    fine = [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5)]
    for ticks in (decades, fine, list(MaxNLocator(4).tick_values(low, high))):
        shown = [tick for tick in ticks if low <= tick <= high]
        if len(shown) >= 3 or (len(shown) >= 2 and ticks is fine):
            break
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))


def power_of_ten(value: float) -> str:
    """A number as mantissa and power of ten, in math text; small numbers stay as they are.

    >>> power_of_ten(20.0), power_of_ten(1e21), power_of_ten(2e21)
    ('20', '$10^{21}$', '$2 \\\\times 10^{21}$')
    """
    if 1e-3 <= value < 1e4:
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    digits = f"{float(mantissa):g}"
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if digits == "1" else f"${digits} \\times {power}$"
