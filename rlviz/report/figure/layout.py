"""The figure: accuracy and average parallelism, side by side over one axis of compute."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import matplotlib
import numpy as np
from matplotlib.lines import Line2D

from rlviz import wording
from rlviz.given import flag, names
from rlviz.report.figure import labels
from rlviz.report.figure.beyond import hidden, is_seen
from rlviz.report.figure.caption import caption as words_below
from rlviz.report.figure.looks import OPEN, Limits, Looks, Smooth
from rlviz.report.figure.panels import LEGEND_HANDLE, Panel, draw, panel
from rlviz.report.figure.result import Drawing
from rlviz.report.figure.style import MOST_GROUPS, STYLES, Style
from rlviz.report.history import History
from rlviz.report.series.axis import XAxis, asked_for
from rlviz.report.series.defaults import default_measures
from rlviz.report.series.forecast import Forecast
from rlviz.report.series.groups import Group, Histories, groups_of
from rlviz.report.series.measures import Titles, measure
from rlviz.schema import AxisName


def figure(
    histories: Histories,
    *,
    x: AxisName | None = None,
    metrics: Sequence[str] | None = None,
    log_x: bool = False,
    style: Literal["default", "paper"] = "default",
    forecast: Forecast | Mapping[str, Forecast] | None = None,
    titles: Titles = "published",
    title: bool = True,
    caption: bool = True,
    width: float | None = None,
    height: float | None = None,
    xlim: Limits = OPEN,
    ylim: Limits | Mapping[str, Limits] = OPEN,
    log_y: bool | Sequence[str] = False,
    dots: bool = True,
    colors: Sequence[str] | None = None,
    smooth: Smooth = "auto",
) -> Drawing:
    """Draw training accuracy (left) and average parallelism (right) over cumulative RL FLOPs.

    Every step is a blue dot; the red curve is `rlviz.smooth.local_polynomial` with its band. The
    design follows figure 4 of the Kimi K2.5 report (arXiv 2602.02276). Several runs are drawn over
    each other, each in its own color. A run of more than 20,000 steps is drawn without some of its
    dots, never without the extremes, and its curve goes through means of neighbors; the caption
    says so.

    Args:
        histories: one run from `rlviz.read`, several runs, or a mapping of names, each to a run or
            to a list of runs that differ only in their seed. Seeds are drawn as the mean of their
            curves, over the stretch that all of them cover, with the 95 % interval over the seeds
            as its band.
        x: "flops", "step", "wall_time" (hours since the first step) or "tokens" (the running sum
            of the metric `tokens`; without it the metric `num_tokens`, which is cumulative). The
            default is "flops", or "step" if no run recorded any, or their count falls along the
            steps (see `History.has_compute_axis`). Runs that lack what others have are left out,
            and the caption names them.
        metrics: what to draw, one panel each: "accuracy", "average_parallelism", "accuracy/<group>"
            or a group's name, a metric's name, or the name of any column. The default is accuracy
            and parallelism; a metric replaces one that no run recorded: a return, a length, a
            loss, KL or an entropy, in this order, then others, and none that stays the same,
            counts, is a setting or shows the same as another.
        log_x: whether the axis is logarithmic; curves are then smoothed over the logarithm, and
            steps at 0 are left out.
        style: "default" for a screen, with two panels side by side; "paper" for one column of 3.3
            inches, with panels stacked.
        forecast: a fit such as `rlviz.scaling.fit` returns, or one fit per name; an identifiable
            fit is drawn dashed from the last step to twice its compute, or as far as it reaches.
        title: whether panels have titles.
        caption: whether the figure has its caption; papers write their own.
        width: of the figure, in inches, from 1 to 40. In a narrow one panels stand below each
            other, and words are smaller.
        height: the same.
        xlim: the ends of the axis, (low, high), None for one that the data decide. Curves are those
            of the whole run.
        ylim: the same of y, for all panels or by metric.
        log_y: whether y is logarithmic, in all panels or in those of some metrics; values at 0 or
            below are left out, and the caption counts them. The curve is that of the values, as on
            a linear scale, and not of their logarithms.
        dots: whether steps are drawn; without them the curve and its band stand alone.
        colors: a color for each run or group that was given, in their order, also for one that is
            left out; one that comes again is dashed. For a run alone, two: of its dots and of its
            curve.
        smooth: "auto" for the curve, "none" for none, or the weight of a moving average in [0, 1),
            which has no band for a single run.
        titles: "published" keeps the titles of the published figure over RL FLOPs, "Training
            Accuracy vs Steps" and "Average parallelism vs Steps", where it has no other panels;
            "axis" names the axis in all.

    Returns:
        A matplotlib figure, by default of 10 x 4.2 inches; `savefig` writes PNG, SVG or PDF with
        their fonts embedded.

    Raises:
        ValueError: x, a metric, the style or the titles are unknown; no run has such an axis; a
            number is out of range; or limits show nothing of a metric, whose range the error says.
        TypeError: something is not a run, or not a number.

    Example:
        >>> import numpy as np, rlviz
        >>> run = rlviz.History({"step": np.arange(1.0, 4.0), "correct": np.array([1.0, 2.0, 3.0]),
        ...                      "graded": np.full(3, 4.0)})
        >>> [ax.get_ylabel() for ax in rlviz.figure(run, x="step", metrics=["accuracy"]).axes]
        ['Training Accuracy']
    """
    groups = groups_of(histories)
    looks = _style(style)
    if len(groups) > MOST_GROUPS:
        raise ValueError(
            f"at most {MOST_GROUPS} runs can be told apart in a figure, got {len(groups)}. "
            "Draw fewer, or give seeds of one configuration as a list under one name."
        )
    if not isinstance(titles, str) or titles not in get_args(Titles):
        raise ValueError(f"titles must be 'published' or 'axis', got {titles!r}.")
    forecasts = _forecasts(forecast, groups)
    log_x = flag("log_x", log_x)
    axis, has_it = asked_for(x, [run for group in groups for run in group.runs], log=log_x)
    given = groups
    groups, left_out = _parted(given, has_it)
    runs = [run for group in groups for run in group.runs]
    chosen = names("metrics", default_measures(runs) if metrics is None else metrics)
    if isinstance(ylim, Mapping):
        ylim = {measure(name, runs).name: limits for name, limits in ylim.items()}
    log_y = _of_y(log_y, runs)
    measures = [measure(name, runs) for name in chosen]
    if not all(found.published_title for found in measures):
        titles = "axis"  # beside "Loss vs RL FLOPs", "vs Steps" would speak of another axis
    chosen_looks = Looks(
        title, caption, width, height, xlim, ylim, log_y, dots, colors, smooth, titles
    )
    drawn = {group.name for group in groups}
    chosen_looks = chosen_looks.checked([found.name for found in measures], len(given))
    chosen_looks = chosen_looks.of_kept([group.name in drawn for group in given])
    panels = [panel(found, axis, groups, forecasts, chosen_looks) for found in measures]
    if why := hidden(panels):
        raise ValueError(why)
    sized = chosen_looks.sized(looks, len(panels))
    with matplotlib.rc_context(sized.settings):
        return _drawn(panels, axis, groups, sized, chosen_looks, left_out)


def _parted(
    groups: Sequence[Group], has_axis: Sequence[bool]
) -> tuple[tuple[Group, ...], dict[str, int]]:
    """The groups without the runs that lack the axis, and name -> how many of these it has."""
    has_it = iter(has_axis)
    kept, left_out = [], {}
    for group in groups:
        runs = tuple(run for run in group.runs if next(has_it))
        if runs:
            kept.append(replace(group, runs=runs))
        if lacking := len(group.runs) - len(runs):
            left_out[group.name] = lacking
    return tuple(kept), left_out


def _style(name: str) -> Style:
    if not isinstance(name, str) or name not in STYLES:
        raise ValueError(f"style must be one of {', '.join(map(repr, STYLES))}, got {name!r}.")
    return STYLES[name]


def _of_y(given: Any, runs: Sequence[History]) -> bool | list[str]:
    """Whether y is logarithmic in all panels, or the names of the measures where it is."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        try:
            return flag("log_y", given)
        except TypeError:
            raise TypeError(
                f"log_y must be True, False or a list of metrics, got {wording.shown(given)}."
            ) from None
    return [measure(name, runs).name for name in given]


def _forecasts(
    forecast: Forecast | Mapping[str, Forecast] | None, groups: Sequence[Group]
) -> dict[str, Forecast]:
    """Name of a group -> its forecast."""
    if forecast is None:
        return {}
    known = [group.name for group in groups]
    found = dict(forecast) if isinstance(forecast, Mapping) else {known[0]: forecast}
    for one in found.values():
        if not all(hasattr(one, part) for part in ("identifiable", "predict", "predict_interval")):
            raise TypeError(
                f"a forecast must be a fit, got {wording.shown(one)}. Make one of a run: "
                "rlviz.scaling.fit(run.flops, run.accuracy)."
            )
    if unknown := set(found) - set(known):
        raise ValueError(f"forecasts of {sorted(map(str, unknown))}, but the runs are {known}.")
    if len(groups) > 1 and not isinstance(forecast, Mapping):
        raise ValueError(
            f"one forecast for {len(groups)} runs: give a mapping of their names, {known}."
        )
    return found


def _drawn(
    panels: Sequence[Panel],
    axis: XAxis,
    groups: Sequence[Group],
    style: Style,
    looks: Looks,
    left_out: Mapping[str, int],
) -> Drawing:
    columns = min(style.columns, len(panels))
    rows = -(-len(panels) // columns)
    width = style.width if columns == style.columns else style.one_panel_width
    legend = [] if len(groups) == 1 else _handles(groups, style, 72 * width, looks)
    across = _entries_across(legend, style, 72 * width)
    lines = -(-len(legend) // across)
    foot = style.foot_height if looks.caption else 0.0
    height = rows * style.panel_height + foot + 1.6 * lines * style.font / 72
    drawing = Drawing(figsize=(width, height), dpi=style.dpi, layout="constrained")
    axes = drawing.subplots(rows, columns, squeeze=False).ravel()
    for empty in axes[len(panels) :]:
        empty.remove()
    limits = _limits(panels, groups)
    above = [
        draw(ax, shown, style, limits, is_empty=not is_seen(shown))
        for ax, shown in zip(axes, panels, strict=False)
    ]
    height += rows * 1.6 * max(above) * style.font / 72
    drawing.set_figheight(height if looks.height is None else looks.height)
    if columns == 1 and panels[-1].lines:  # stacked: one axis is enough
        for ax in axes[:-1]:
            ax.label_outer()
    if legend:
        drawing.legend(handles=legend, loc="outside upper center", ncols=across, frameon=False)
        for text in drawing.legends[0].get_texts():
            text.set_parse_math(False)
    if looks.caption and (words := words_below(panels, axis, groups, left_out)):
        words = labels.wrapped(words, style.caption, 0.9 * 72 * width)
        drawing.supxlabel(words, fontsize=style.caption, color="0.35", parse_math=False)
    return drawing


def _limits(panels: Sequence[Panel], groups: Sequence[Group]) -> tuple[float, float]:
    """The first and the last x of all runs; all panels share them, even where a panel has gaps."""
    axis = panels[0].axis
    positions = [axis.positions(run) for group in groups for run in group.runs]
    first = min(float(np.nanmin(x)) for x in positions)
    last = max(float(np.nanmax(x)) for x in positions)
    outlooks = [line.outlook for panel in panels for line in panel.lines]
    return first, max([last, *(float(o.x[-1]) for o in outlooks if o is not None)])


def _handles(groups: Sequence[Group], style: Style, points: float, looks: Looks) -> list[Line2D]:
    """A line with a dot for each group."""
    handles = []
    for number, group in enumerate(groups):
        color, dashes = looks.color(number)
        seeds = f" ({len(group.runs)} seeds)" if len(group.runs) > 1 else ""
        room = 0.9 * points - LEGEND_HANDLE * style.font - labels.width(seeds, style.font)
        name = labels.fitted(group.name, style.font, room) + seeds
        look = {"color": color, "linestyle": dashes, "linewidth": style.line}
        handles.append(Line2D([], [], label=name, **look))
    return handles


def _entries_across(handles: Sequence[Line2D], style: Style, points: float) -> int:
    """How many legend entries fit in a row."""
    widest = max((labels.width(str(h.get_label()), style.font) for h in handles), default=0.0)
    fit = int(0.95 * points / (widest + (LEGEND_HANDLE + 1.5) * style.font))
    return max(1, min(fit, len(handles)))
