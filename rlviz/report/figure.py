"""The figure: accuracy and average parallelism, side by side over one axis of compute."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter, ScalarFormatter
from numpy.typing import NDArray

from rlviz.report.history import History
from rlviz.smooth.local import Smoothed, local_polynomial

Floats = NDArray[np.float64]
XAxis = Literal["flops", "step", "wall_time"]

_BLUE, _RED = "#1f77b4", "#d62728"
_X_LABELS = {"flops": "RL flops", "step": "Training step", "wall_time": "Wall time (hours)"}
_X_UNITS = {"flops": "RL FLOPs", "step": "steps", "wall_time": "hours"}
_LEGEND_WIDTH, _LEGEND_HEIGHT = 0.56, 0.22
"""How much of a panel the legend takes at most, its distance from the frame included."""
_ROUNDING = 1e-9
"""0.55 / 0.05 is a little more than 11 in float64, and 0.3 / 0.05 a little less than 6."""
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11.0,
    "axes.titlesize": 13.0,
    "axes.labelsize": 12.0,
}


@dataclass(frozen=True, slots=True)
class _Panel:
    """What is particular about one of the panels."""

    name: str
    short_name: str
    title: str
    values: Callable[[History], Floats]
    tick_steps: tuple[float, ...]
    most_ticks: int
    percent: bool


_PANELS = (
    _Panel(
        "Training Accuracy",
        "accuracy",
        "Training Accuracy vs Steps",
        lambda history: history.accuracy,
        (0.05, 0.1, 0.2),
        most_ticks=11,
        percent=True,
    ),
    _Panel(
        "Average Parallelism",
        "parallelism",
        "Average parallelism vs Steps",
        lambda history: history.parallelism,
        (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
        most_ticks=12,
        percent=False,
    ),
)


def figure(history: History, *, x: XAxis = "flops") -> Figure:
    """Draw training accuracy (left) and average parallelism (right) over cumulative RL FLOPs.

    Every step is a blue dot; the red curve is `rlviz.smooth.local_polynomial` with its band. Made
    after figure 4 of the Kimi K2.5 report (arXiv 2602.02276).

    Args:
        history: a run, from `rlviz.read`.
        x: "flops", "step" or "wall_time" (hours since the first step). Where a run recorded no
            FLOPs, or their count falls along the steps (see `History.has_compute_axis`), the
            default falls back to steps.

    Returns:
        A matplotlib figure of 10 x 4.2 inches; `savefig` writes PNG, SVG or PDF.

    Raises:
        ValueError: x is none of these.
    """
    if x not in _X_LABELS:
        raise ValueError(f"x must be one of {', '.join(map(repr, _X_LABELS))}, got {x!r}.")
    axis: XAxis = "step" if x == "flops" and not history.has_compute_axis else x
    positions = _positions(history, axis)
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        drawing = Figure(figsize=(10, 4.2), dpi=150, layout="constrained")
        axes = drawing.subplots(1, 2)
        curves = {}
        for ax, panel in zip(axes, _PANELS, strict=True):
            _label(ax, panel, axis)
            _x_axis(ax, axis, positions[np.isfinite(positions)])  # the same, also with gaps
            x_at, y = _finite(positions, panel.values(history))
            if not len(y):
                _say_that_nothing_is_there(ax, panel)
                continue
            smoothed = _draw(ax, panel, x_at, y)
            if np.isfinite(smoothed.standard_error).any():  # else it just joins the points
                curves[panel.short_name] = smoothed
        if curves:
            drawing.supxlabel(_caption(curves, axis), fontsize=8, color="0.35")
    return drawing


def _positions(history: History, x: XAxis) -> Floats:
    if x == "flops":
        return history.flops
    if x == "step":
        return history.step.astype(np.float64)
    # A clock that was set back stands still: a curve never goes back on itself.
    seconds = np.maximum(np.diff(history.wall_time, prepend=history.wall_time[:1]), 0)
    hours: Floats = np.cumsum(seconds) / 3600
    return hours


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite]


def _label(ax: Axes, panel: _Panel, axis: XAxis) -> None:
    ax.set_title(panel.title)
    ax.set_xlabel(_X_LABELS[axis])
    ax.set_ylabel(panel.name)
    ax.grid(True, color="0.85", linewidth=0.8)
    ax.set_axisbelow(True)


def _say_that_nothing_is_there(ax: Axes, panel: _Panel) -> None:
    sentence = f"no {panel.name.lower()} recorded"
    ax.text(0.5, 0.5, sentence, ha="center", va="center", transform=ax.transAxes)
    ax.set_xticks([])
    ax.set_yticks([])


def _draw(ax: Axes, panel: _Panel, x: Floats, y: Floats) -> Smoothed:
    smoothed = local_polynomial(y, x=x)
    _dots_and_curve(ax, panel, x, y, smoothed)
    _y_axis(ax, panel, x, y)
    for handle in ax.legend(loc="upper left", framealpha=0.9).legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([25])  # the dots of a long run are too small to tell their color
    return smoothed


def _dots_and_curve(ax: Axes, panel: _Panel, x: Floats, y: Floats, smoothed: Smoothed) -> None:
    size = float(np.clip(4500 / len(x), 2, 40))
    ax.scatter(
        x,
        y,
        s=size,
        color=_BLUE,
        alpha=0.65,
        linewidths=0,
        clip_on=False,  # a value on the frame, such as 0 %, is a whole dot too
        label=panel.name,
        rasterized=len(x) > 5000,  # keeps an SVG or PDF of a long run small
    )
    ax.fill_between(x, smoothed.low, smoothed.high, color=_RED, alpha=0.2, linewidth=0)
    ax.plot(x, smoothed.curve, color=_RED, linewidth=2.2, label="Smoothed Curve")


def _x_axis(ax: Axes, axis: XAxis, x: Floats) -> None:
    if axis == "step":
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-3, 5))
    ax.xaxis.set_major_formatter(formatter)
    span = float(x[-1] - x[0]) or abs(float(x[0])) or 1.0
    ax.set_xlim(x[0] - 0.03 * span, x[-1] + 0.03 * span)


def _y_axis(ax: Axes, panel: _Panel, x: Floats, y: Floats) -> None:
    """Ticks from the data, and room for the legend above what is drawn at the upper left."""
    low, high = float(y.min()), float(y.max())
    step = _tick_step(panel, high - low)
    bottom = math.floor(low / step + _ROUNDING) * step
    top = math.ceil(high / step - _ROUNDING) * step if panel.percent else high + 0.4 * step
    if top - bottom < 2 * step:  # a nearly constant value still needs a scale around it
        bottom, top = max(bottom - step, 0.0), bottom + 2 * step
    left = y[ax.transLimits.transform(np.column_stack([x, y]))[:, 0] < _LEGEND_WIDTH]
    below_legend = float(left.max(initial=bottom)) - bottom
    top = max(top, bottom + below_legend / (1 - _LEGEND_HEIGHT))
    highest = min(top, 1.0) if panel.percent else top  # the room above 100 % is no scale
    ticks = np.arange(round(bottom / step), math.floor(highest / step + _ROUNDING) + 1)
    ax.set_yticks(step * ticks)
    ax.set_ylim(bottom, top)
    if panel.percent:
        ax.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=1))
    else:
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def _tick_step(panel: _Panel, extent: float) -> float:
    """The finest of the panel's steps that needs no more ticks than there is room for."""
    for step in panel.tick_steps:
        if extent / step <= panel.most_ticks - 1:
            return step
    return float(10 ** math.ceil(math.log10(extent / panel.most_ticks)))


def _caption(curves: dict[str, Smoothed], axis: XAxis) -> str:
    widths = ", ".join(f"{curve.bandwidth:.2g} ({name})" for name, curve in curves.items())
    return (
        "Smoothed curve: local quadratic, leave-one-out bandwidth "
        f"{widths} {_X_UNITS[axis]}; band: ± 2 SE at it and at half of it"
    )
