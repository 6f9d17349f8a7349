"""One panel: its dots, curve, band and legend, and what it says where nothing was recorded."""

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection

import rlviz
from rlviz.report.figure.panels import panel
from rlviz.report.series.axis import choose
from rlviz.report.series.groups import groups_of
from rlviz.report.series.measures import measure

from .conftest import (
    BLUE,
    RED,
    Law,
    N,
    T,
    box,
    curve_of,
    dots_of,
    drawn,
    is_color,
    names_in,
    run_of,
)


def test_a_metric_that_only_some_runs_have_is_drawn_of_those():
    figure = drawn([run_of(loss=T, name="runs/a"), run_of(name="runs/b")], metrics=["loss"])
    assert [len(figure.axes[0].lines), len(figure.legends[0].get_lines())] == [1, 2]


@pytest.mark.slow
def test_a_forecast_is_dashed_and_goes_from_the_last_step_to_twice_its_compute():
    run = run_of()
    figure = drawn(run, forecast=Law())
    left, right = figure.axes
    _, forecast = left.lines
    assert forecast.get_linestyle() == "--"
    assert forecast.get_xdata()[[0, -1]] == pytest.approx([run.flops[-1], 2 * run.flops[-1]])
    curve_end = left.lines[0].get_ydata()[-1]
    ends = [curve_end, Law().predict(2 * run.flops[-1])]
    assert forecast.get_ydata()[[0, -1]] == pytest.approx(ends)
    assert names_in(left.get_legend()) == ["Training Accuracy", "Smoothed Curve", "Forecast"]
    assert len(right.lines) == 1
    assert left.get_xlim() == right.get_xlim()
    assert left.get_xlim()[1] > 2 * run.flops[-1]
    assert "dashed: forecast" in figure.get_supxlabel().replace("\n", " ")


@pytest.mark.slow
def test_no_forecast_is_drawn_where_it_is_not_identifiable_or_over_another_axis():
    unsure = type("Unsure", (Law,), {"identifiable": False})()
    for figure in (drawn(run_of(), forecast=unsure), drawn(run_of(), x="step", forecast=Law())):
        assert len(figure.axes[0].lines) == 1
        assert "forecast" not in figure.get_supxlabel()


def band_of(ax):
    (band,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    return band


def test_the_legend_names_the_dots_and_then_the_curve(panels):
    for ax, name in zip(panels, ["Training Accuracy", "Average Parallelism"], strict=True):
        legend = ax.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == [name, "Smoothed Curve"]
        dot, line = legend.legend_handles
        assert isinstance(dot, PathCollection)
        assert is_color(dot.get_facecolor()[0], BLUE)
        assert is_color(matplotlib.colors.to_rgba(line.get_color()), RED)


def test_every_step_is_a_blue_dot_at_its_flops(panels, parl_table):
    accuracy = np.divide(parl_table["correct"], parl_table["graded"])
    for ax, values in zip(panels, [accuracy, parl_table["parallelism"]], strict=True):
        (dots,) = dots_of(ax)
        x, y = dots.get_offsets().T
        assert list(x) == [float(flops) for flops in parl_table["flops"]]
        assert list(y) == list(values)
        assert is_color(dots.get_facecolor()[0], BLUE)


def test_the_red_curve_is_the_local_quadratic_fit_with_its_band(
    panels, parl, parl_figure, reference_curve
):
    caption = parl_figure.get_supxlabel()
    for ax, name in zip(panels, ["accuracy", "parallelism"], strict=True):
        (dots,) = dots_of(ax)
        x, y = (np.asarray(v) for v in dots.get_offsets().T)
        smoothed = rlviz.smooth.local_polynomial(y, x=x)
        curve = reference_curve(x, y, smoothed.bandwidth)
        assert is_color(matplotlib.colors.to_rgba(curve_of(ax).get_color()), RED)
        assert list(curve_of(ax).get_xdata()) == list(x)
        np.testing.assert_allclose(curve_of(ax).get_ydata(), curve, rtol=1e-8)
        band = band_of(ax).get_paths()[0].vertices[:, 1]
        assert band.max() == pytest.approx(smoothed.high.max(), rel=1e-8)
        assert band.min() == pytest.approx(smoothed.low.min(), rel=1e-8)
        assert is_color(band_of(ax).get_facecolor()[0], RED)
        shares = 100 * smoothed.bandwidth / np.ptp(parl.flops)
        assert 1 < shares.min() < shares.max() < 200.01  # the grid ends at twice the extent
        ends = (shares.min(), shares.max())
        told = ["over 100 %" if s > 100 else f"{s:.{0 if s > 9.95 else 1}f} %" for s in ends]
        if told[1] != "over 100 %":
            told[0] = told[0].removesuffix(" %")
        told = " – ".join(dict.fromkeys(told))
        assert f"{told} ({name})" in caption.replace("\n", " ")
        assert f"{smoothed.noise_correlation:.2f} ({name})" in caption.replace("\n", " ")


def test_the_curve_stands_before_the_dots(panels):
    for ax in panels:
        assert curve_of(ax).get_zorder() > dots_of(ax)[0].get_zorder()


def test_grid_lines_stand_at_the_major_ticks_behind_the_dots(panels):
    for ax in panels:
        for axis in (ax.xaxis, ax.yaxis):
            assert all(tick.gridline.get_visible() for tick in axis.get_major_ticks())
            assert not any(tick.gridline.get_visible() for tick in axis.get_minor_ticks())
        assert ax.get_axisbelow()


def test_a_dot_on_the_frame_is_drawn_whole(history_of):
    figure = drawn(
        history_of(flops=np.arange(1.0, N + 1), accuracy=np.zeros(N), parallelism=np.ones(N))
    )
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    left, frame = figure.axes[0], box(figure.axes[0])
    assert left.get_ylim()[0] == 0
    below = picture[-int(frame.y0) :, int(frame.x0) + 20 : int(frame.x1) - 20]
    bluish = (below[..., 2] - below[..., 0] > 60).any(axis=1)
    assert bluish[1:3].any()  # the lower halves of the dots, under the line of the frame


def test_what_was_not_recorded_is_said_in_its_panel(history_of):
    figure = drawn(history_of(flops=np.arange(1.0, N + 1)))
    left, right = ([text.get_text() for text in ax.texts] for ax in figure.axes)
    assert left == ["no training accuracy recorded"]
    assert right == ["no average parallelism recorded"]
    assert figure.get_supxlabel() == "RL FLOPs: convention not said"


def test_a_panel_knows_the_dots_of_all_runs_and_the_curves_that_smooth_anything():
    long, short = run_of(name="runs/long"), run_of(3, name="runs/short")
    groups = groups_of([long, short, run_of(name="runs/none", steps=4)])
    axis = choose("flops", [long, short])
    del groups[2].runs[0].columns["graded"]
    found = panel(measure("accuracy", [long]), axis, groups, {})
    assert [line.name for line in found.lines] == ["long", "short"]
    assert (found.steps, found.dots) == (N + 3, N + 3)
    assert [len(curve.x) for curve in found.curves] == [N]  # three points are only joined
    assert not found.is_single
    # Only the curves need it, and of a long run it takes much memory.
    assert all(points.variance is None for points in found.points)


def test_a_run_alone_is_blue_and_red_and_one_of_several_has_one_color():
    run = run_of()
    axis, what = choose("step", [run]), measure("accuracy", [run])
    (line,) = panel(what, axis, groups_of(run), {}).lines
    assert (line.color, line.curve_color) == ("#1f77b4", "#d62728")
    for line in panel(what, axis, groups_of([run, run]), {}).lines:
        assert line.color == line.curve_color
