"""Curves: the one of the figure, and the average of TensorBoard's slider."""

import math

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import rlviz

from .conftest import LONG


def test_between_two_points_the_curve_is_there_without_a_dot(long_board, long_history):
    gap = np.linspace(long_history.flops[40], long_history.flops[41], 4)[1:3]
    _, arrays = long_board.series("run", "accuracy", start=gap[0], to=gap[1])
    assert len(arrays["x"]) == 0
    assert list(arrays["curve_x"]) == list(gap)
    _, arrays = long_board.series("run", "accuracy", start=gap[0], to=gap[1], smooth="ema:0.5")
    assert list(arrays["curve_x"]) == list(long_history.flops[40:42])


def figures_curve(run, metric, **options):
    """x and y of the curve that the figure draws, and the corners of its band."""
    (ax,) = rlviz.figure(run, metrics=[metric], **options).axes
    (line,) = (line for line in ax.lines if line.get_label() == "Smoothed Curve")
    (band,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    return *line.get_data(), np.concatenate([path.vertices for path in band.get_paths()])


@pytest.mark.quick(3)
@pytest.mark.parametrize("name", ["plain", "resumed", "killed"])
@pytest.mark.parametrize("options", [{}, {"x": "step"}, {"x": "step", "log_x": True}])
def test_the_curve_is_the_one_of_the_figure(board, corpus, name, options):
    run = rlviz.read(corpus / name)
    parameters = {"x": options.get("x", "flops"), "log": int(options.get("log_x", False))}
    for metric in ("accuracy", "average_parallelism"):
        x, y, corners = figures_curve(run, metric, **options)
        _, arrays = board.series(name, metric, **parameters)
        np.testing.assert_allclose(arrays["curve_x"], x, rtol=1e-12)
        np.testing.assert_allclose(arrays["curve"], y, rtol=1e-9)
        for side in ("curve_low", "curve_high"):
            known = np.isfinite(arrays[side])  # a point that nothing smooths has no band
            assert known.sum() >= len(x) - 8
            points = np.column_stack([arrays["curve_x"], arrays[side]])[known]
            away = np.abs(points[:, None] / corners[None] - 1).max(axis=-1).min(axis=-1)
            assert away.max() < 1e-9
        assert np.nanmin(arrays["curve_high"] - arrays["curve_low"]) >= 0


def test_the_curve_of_a_long_run_is_the_figures_point_by_point(long_board, long_history):
    x, y, _ = figures_curve(long_history, "accuracy")
    _, arrays = long_board.series("run", "accuracy", width=2001)
    np.testing.assert_array_equal(arrays["curve_x"], x)
    np.testing.assert_array_equal(arrays["curve"], y)


def test_in_a_narrow_panel_it_is_the_same_curve(long_board, long_history):
    for metric in ("accuracy", "average_parallelism"):
        x, y, _ = figures_curve(long_history, metric)
        _, arrays = long_board.series("run", metric, width=600)
        np.testing.assert_allclose(arrays["curve"], np.interp(arrays["curve_x"], x, y), rtol=1e-9)


def test_zooming_in_shows_the_same_curve_finer(long_board, long_history):
    x, y, _ = figures_curve(long_history, "accuracy")
    whole, _ = long_board.series("run", "accuracy", width=2001)
    limits = long_history.flops[30_000], long_history.flops[36_000]
    header, arrays = long_board.series("run", "accuracy", start=limits[0], to=limits[1])
    assert header["bandwidth"] == whole["bandwidth"]
    assert (arrays["curve_x"][0], arrays["curve_x"][-1]) == limits
    np.testing.assert_allclose(arrays["curve"], np.interp(arrays["curve_x"], x, y), rtol=1e-9)


def test_on_a_logarithmic_axis_places_are_even_in_decades(long_board):
    header, arrays = long_board.series("run", "loss", x="step", log=1, start=1, to=1e5)
    decades = np.log10(arrays["curve_x"])
    assert len(decades) <= 400
    assert np.median(np.diff(decades)) == pytest.approx(math.log10(LONG) / 400, rel=0.02)
    assert header["bandwidth_unit"] == "decades of steps"
    assert header["domain"] == [1, LONG]
    _, cut = long_board.series("run", "loss", x="step", log=1, start=-5, to=100)
    assert cut["x"][0] == 1
    assert cut["x"][-1] == 100


def test_without_smoothing_there_is_no_curve(long_board):
    header, arrays = long_board.series("run", "accuracy", smooth="none")
    assert set(arrays) == {"x", "y", "step", "low", "high"}
    assert header["bandwidth"] is None


def slider(values, weight):
    """TensorBoard's smoothing, as its front end computes it."""
    last, debias, smoothed = 0.0, 0.0, []
    for value in values:
        last = last * weight + (1 - weight) * value
        debias = debias * weight + (1 - weight)
        smoothed.append(last / debias)
    return np.array(smoothed)


@pytest.mark.parametrize("weight", [0.0, 0.6, 0.9, 0.999])
def test_an_ema_is_that_of_the_stock_slider(board, corpus, weight):
    run = rlviz.read(corpus / "resumed")
    _, arrays = board.series("resumed", "accuracy", smooth=f"ema:{weight}")
    np.testing.assert_array_equal(arrays["curve_x"], run.flops)
    np.testing.assert_allclose(arrays["curve"], slider(run.accuracy, weight), rtol=1e-12)
    assert "curve_low" not in arrays


def test_an_ema_of_a_long_run_is_over_all_points_and_thinned(long_board, long_history):
    _, arrays = long_board.series("run", "loss", smooth="ema:0.9")
    expected = slider(long_history.columns["metrics/loss"], 0.9)
    at = np.searchsorted(long_history.flops, arrays["curve_x"])
    np.testing.assert_array_equal(long_history.flops[at], arrays["curve_x"])
    np.testing.assert_allclose(arrays["curve"], expected[at], rtol=1e-9)
    assert len(at) <= 4 * 600
    assert {int(expected.argmin()), int(expected.argmax()), 0, LONG - 1} <= set(at)
