"""One panel of the figure: dots, curves, bands, and the legend of a single run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from numpy.typing import NDArray

from rlviz.palette import BLUE, RED
from rlviz.report.figure import labels, scales
from rlviz.report.figure.looks import OPEN, Looks, cut, inside
from rlviz.report.figure.style import Style
from rlviz.report.series import curves
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import Curve
from rlviz.report.series.forecast import Forecast, Outlook
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import Measure
from rlviz.report.series.points import Points, points_of
from rlviz.report.series.thinning import thinned
from rlviz.report.series.usual import Usual, usual_range

Floats = NDArray[np.float64]
Dots = tuple[Floats, Floats]

LEGEND_HANDLE = 3.6
"""Width of a legend handle including its distances, in font sizes."""
_RASTERIZED = 5000
"""From this many dots on, the dots are an image in SVG and PDF, which keeps the files small."""


_USUAL = Looks()


@dataclass(frozen=True, slots=True)
class Line:
    """One group in a panel: the dots of all its runs, and one curve."""

    name: str
    steps: int
    """How many steps are inside the scale, before thinning."""
    dots: Dots
    curve: Curve | None
    outlook: Outlook | None
    color: Any
    curve_color: Any
    dashes: Any


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure of all groups, over one axis."""

    measure: Measure
    axis: XAxis
    lines: tuple[Line, ...]
    points: tuple[Points, ...]
    """Those of all its runs, also where limits hide them."""
    is_single: bool
    """Whether it shows a single run, in blue and red, with a legend in the panel."""
    usual: Usual | None = None
    """The range of nearly all values, which its scale covers; None if it has no points, or its
    scale was chosen."""
    looks: Looks = _USUAL
    below: int = 0
    """How many values a logarithmic axis leaves out, since they are not above 0."""

    @property
    def beyond(self) -> int:
        """How many values are too large to be drawn."""
        return sum(points.beyond for points in self.points)

    @property
    def is_log(self) -> bool:
        return self.looks.is_log(self.measure.name)

    @property
    def steps(self) -> int:
        return sum(line.steps for line in self.lines)

    @property
    def dots(self) -> int:
        return sum(len(line.dots[0]) for line in self.lines)

    @property
    def curves(self) -> list[Curve]:
        """The smoothed curves."""
        return [line.curve for line in self.lines if line.curve and line.curve.is_smooth]


def panel(
    measure: Measure,
    axis: XAxis,
    groups: Sequence[Group],
    forecasts: dict[str, Forecast],
    looks: Looks = _USUAL,
) -> Panel:
    """Compute the contents of a panel: points, curves and forecasts beyond the data."""
    is_single = len(groups) == 1
    runs = sum(len(group.runs) for group in groups)
    lines = []
    points = [_points(measure, axis, group) for group in groups]
    values = [seed.y for seeds in points for seed in seeds]
    together = values[0] if len(values) == 1 else np.concatenate(values) if values else None
    usual = None if together is None else usual_range(together)
    limits, is_log = looks.of_y(measure.name), looks.is_log(measure.name)
    is_chosen = limits != OPEN
    below = sum(int(np.count_nonzero(y <= 0)) for y in values) if is_log else 0
    if is_log and values and not any((y > 0).any() for y in values):
        raise ValueError(
            f"{measure.name} has no value above 0, which a logarithmic axis needs. Draw it without "
            "log_y."
        )
    for number, (group, seeds) in enumerate(zip(groups, points, strict=True)):
        color, dashes = looks.color(number)
        if not seeds or usual is None:
            continue
        dots_color, line_color = looks.dots_and_curve(
            number, (BLUE, RED) if is_single else (color, color)
        )
        average = None if isinstance(looks.smooth, str) else float(looks.smooth)
        curve = None
        if looks.smooth != "none":
            curve = curves.curve_of_seeds(seeds, axis, average=average)
        if curve is not None and len(curve.x) == 1:
            curve = None  # a line through one point draws nothing
        outlook = None
        if measure.name == "accuracy" and group.name in forecasts:
            last = max(seed.x[-1] for seed in seeds)
            start = None if curve is None else curve.at(last)
            outlook = Outlook.beyond(last, axis, forecasts[group.name], start)
        visible = [
            (inside(seed.y, limits) if is_chosen else usual.has(seed.y))
            & inside(seed.x, looks.xlim)
            & (seed.y > (0 if is_log else -np.inf))
            & (looks.dots or curve is None)
            for seed in seeds
        ]
        lines.append(
            Line(
                name=group.name,
                steps=sum(map(np.count_nonzero, visible)),
                dots=_dots(axis, seeds, visible, runs),
                curve=curve,
                outlook=outlook,
                color=dots_color,
                curve_color=line_color,
                dashes=dashes,
            )
        )
    shown = None if is_chosen or not looks.dots else usual
    # Of a long run the variance takes much memory, and only the curve needs it.
    known = tuple(replace(seed, variance=None) for seeds in points for seed in seeds)
    return Panel(measure, axis, tuple(lines), known, is_single, shown, looks, below)


def _points(measure: Measure, axis: XAxis, group: Group) -> list[Points]:
    """The points of each run of a group that has any."""
    found = (points_of(run, measure, axis) for run in group.runs)
    return [points for points in found if points is not None]


def _dots(
    axis: XAxis, seeds: Sequence[Points], visible: Sequence[NDArray[np.bool_]], runs: int
) -> Dots:
    """The dots that are drawn, of those inside the scale."""
    inside = [
        (seed.x, seed.y) if seen.all() else (seed.x[seen], seed.y[seen])
        for seed, seen in zip(seeds, visible, strict=True)
    ]
    kept = [(x, y, thinned(axis.scaled(x), y, runs=runs)) for x, y in inside if len(x)]
    return (
        np.concatenate([np.empty(0), *(x[index] for x, _, index in kept)]),
        np.concatenate([np.empty(0), *(y[index] for _, y, index in kept)]),
    )


# --- drawing ---------------------------------------------------------------


def draw(
    ax: Axes, panel: Panel, style: Style, limits: tuple[float, float], *, is_empty: bool
) -> int:
    """Draw a panel.

    Args:
        ax: where.
        panel: what.
        style: how.
        limits: the first and the last x of anything in the figure.
        is_empty: whether nothing of it is within the limits that were chosen, if any.

    Returns:
        How many lines of its legend stand above it, which the figure has to be higher.
    """
    measure = panel.measure
    _write(ax, panel, style)
    ax.grid(True, color="0.85", linewidth=0.36 * style.line)
    ax.set_axisbelow(True)
    scales.set_x(ax, panel.axis, *limits, style, panel.looks.xlim)
    if is_empty:
        _say_that_nothing_is_there(ax, panel, style)
        return 0
    for line in panel.lines:
        _draw_dots(ax, panel, line, style)
    for line in panel.lines:
        _draw_curve(ax, panel, line, style)
    x, y = _everything(panel)
    chosen = panel.looks.of_y(measure.name)
    if panel.is_log:
        place = scales.set_log_y(ax, measure.scale, y, chosen, style)
    elif chosen != OPEN:
        place = scales.set_chosen_y(ax, measure.scale, y, chosen, style)
    else:
        most = measure.limits(y)[1]
        place = scales.set_y(ax, measure.scale, most, x, y, _room(panel, style), style)
    return _draw_legend(ax, place, style) if panel.is_single else 0


def _write(ax: Axes, panel: Panel, style: Style) -> None:
    """Write title and labels, none longer than their panel."""
    points = 72 * style.width / style.columns
    title = labels.fitted(
        panel.measure.title(panel.axis.axis, panel.looks.titles), style.title, 0.75 * points
    )
    name = labels.fitted(panel.measure.label, style.label, 0.6 * 72 * style.panel_height)
    if panel.looks.title:
        ax.set_title(title, parse_math=False)
    ax.set_xlabel(panel.axis.label)
    ax.set_ylabel(name, parse_math=False)


def _say_that_nothing_is_there(ax: Axes, panel: Panel, style: Style) -> None:
    measure = panel.measure
    name = measure.label if measure.scale == "number" else measure.label.lower()
    points = 0.7 * 72 * style.width / style.columns
    where = "in this part" if panel.lines else "recorded"
    sentence = labels.fitted(f"no {name} {where}", style.font, points)
    ax.text(0.5, 0.5, sentence, ha="center", va="center", transform=ax.transAxes, parse_math=False)
    if not panel.lines:
        ax.set_xticks([])
    ax.set_yticks([])


def _draw_dots(ax: Axes, panel: Panel, line: Line, style: Style) -> None:
    if not len(line.dots[0]):
        return
    smallest, largest = style.dots
    size = float(np.clip(112.5 * largest / max(line.steps, 1), smallest, largest))
    if not panel.is_single:  # several clouds: the curves have to stand out
        size = min(size, largest / 4)
    alpha = 0.65 if panel.is_single else 0.35
    ax.scatter(
        *line.dots,
        s=size,
        color=line.color,
        alpha=alpha,
        linewidths=0,
        clip_on=False,  # a value on the frame, such as 0 %, is a whole dot, too
        label=labels.fitted(
            panel.measure.legend or panel.measure.label, style.font, style.legend_label
        ),
        rasterized=panel.dots > _RASTERIZED,
    )


def _draw_curve(ax: Axes, panel: Panel, line: Line, style: Style) -> None:
    look = {"color": line.curve_color, "linewidth": style.line}
    curve, outlook = line.curve, line.outlook
    if curve is not None:
        band = {"color": line.curve_color, "alpha": 0.2, "linewidth": 0}
        ax.fill_between(curve.x, curve.low, curve.high, **band)
        name = "Smoothed Curve" if panel.is_single else line.name
        ax.plot(curve.x, curve.y, label=name, linestyle=line.dashes, **look)
    if outlook is not None:
        band = {"color": line.curve_color, "alpha": 0.1, "linewidth": 0}
        ax.fill_between(outlook.x, outlook.low, outlook.high, **band)
        ax.plot(outlook.x, outlook.y, label="Forecast", linestyle=(0, (3, 2)), **look)


def _everything(panel: Panel) -> Dots:
    """All points that the scale must cover."""
    parts = [line.dots for line in panel.lines]
    for curve in (line.curve for line in panel.lines if not len(line.dots[0])):
        if curve is not None:
            known = (np.where(np.isfinite(c), c, curve.y) for c in (curve.low, curve.high))
            parts += [cut(curve.x, side, panel.looks.xlim) for side in (curve.y, *known)]
    for outlook in (line.outlook for line in panel.lines):
        if outlook is not None:
            parts += [(outlook.x, side) for side in (outlook.low, outlook.y, outlook.high)]
    x, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    return x, np.clip(y, 0, 1) if panel.measure.scale == "percent" else y


def _room(panel: Panel, style: Style) -> scales.Room | None:
    """The room for the legend; None if it is not in the panel."""
    if not panel.is_single:
        return None
    (line,) = panel.lines
    entries = bool(len(line.dots[0])) + (line.curve is not None) + (line.outlook is not None)
    base, each = style.legend_height
    return scales.Room(style.legend_width, base + each * entries)


def _draw_legend(ax: Axes, place: str, style: Style) -> int:
    """Draw the legend in a corner of the panel, or above it if there is no `place`.

    Returns:
        How many lines of it stand above the panel.
    """
    lines = 0
    if place:
        corner: Any = place
        legend = ax.legend(loc=corner, framealpha=0.9)
    else:
        names = ax.get_legend_handles_labels()[1]
        widest = max(labels.width(name, style.font) for name in names) + LEGEND_HANDLE * style.font
        across = max(1, int(0.8 * 72 * style.width / style.columns / widest))
        lines = -(-len(names) // across)
        above: Any = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.0}
        legend = ax.legend(**above, ncols=across, frameon=False, columnspacing=1.0)
        ax.set_title(ax.get_title(), pad=(1.6 * lines + 0.4) * style.font, parse_math=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            # The dots of a long run are too small to tell their color.
            handle.set_sizes([style.legend_handle])
    return lines
