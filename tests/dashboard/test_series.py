"""What a series holds for the screen: thinned dots, the figure's curve, the slider's average."""

import math

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import rlviz
from rlviz.dashboard import thinning
from rlviz.dashboard.thinning import Panel

STEPS = 60_000
WIDTH, HEIGHT = 600, 300


@pytest.fixture(scope="module")
def long_run(tmp_path_factory, write_rows, learning):
    runs = tmp_path_factory.mktemp("long")
    columns, table = learning(STEPS)
    write_rows(runs / "run", columns, [(table, {})])
    return runs


@pytest.fixture(scope="module")
def long_board(open_board, long_run):
    return open_board(long_run)


@pytest.fixture(scope="module")
def history(long_run):
    return rlviz.read(long_run / "run")


# --- dots ------------------------------------------------------------------


def test_up_to_20_000_points_all_are_there_and_beyond_about_as_many(long_board, history):
    header, arrays = long_board.series("run", "accuracy")
    assert (header["total"], header["thinned"]) == (STEPS, True)
    assert 2000 < header["shown"] == len(arrays["x"]) <= 20_000
    limits = history.flops[100], history.flops[20_099]
    header, arrays = long_board.series("run", "accuracy", start=limits[0], to=limits[1])
    assert (header["total"], header["shown"], header["thinned"]) == (20_000, 20_000, False)
    np.testing.assert_array_equal(arrays["x"], history.flops[100:20_100])
    np.testing.assert_array_equal(arrays["step"], history.step[100:20_100])


def test_what_is_shown_are_real_points_and_their_intervals(long_board, history):
    _, arrays = long_board.series("run", "accuracy")
    at = arrays["step"].astype(int) - 1
    assert (np.diff(at) > 0).all()
    low, high = history.accuracy_interval
    for name, column in {
        "x": history.flops,
        "y": history.accuracy,
        "low": low,
        "high": high,
    }.items():
        np.testing.assert_array_equal(arrays[name], column[at])


def bitmap(place, y, panel, radius):
    """The pixels that discs around the points cover."""
    across = (place - panel.left) / (panel.right - panel.left) * (panel.width - 1)
    up = (y - panel.low) / (panel.high - panel.low) * (panel.height - 1)
    margin = math.ceil(radius)
    covered = np.zeros((panel.height + 2 * margin, panel.width + 2 * margin), dtype=bool)
    for dx in range(-margin, margin + 1):
        for dy in range(-margin, margin + 1):
            if dx * dx + dy * dy <= radius * radius:
                covered[
                    np.round(up).astype(int) + dy + margin,
                    np.round(across).astype(int) + dx + margin,
                ] = True
    return covered


@pytest.mark.parametrize("points", [60_000, 400_000])
@pytest.mark.parametrize("shape", ["cloud", "curve", "outliers", "levels"])
def test_the_thinned_picture_looks_like_the_whole_one(points, shape):
    random = np.random.default_rng(0)
    place = np.sort(random.random(points))
    y = np.sin(5 * place) + 0.2 * random.normal(size=points)
    if shape == "curve":
        y = np.sin(5 * place)
    elif shape == "outliers":
        y[:: points // 20] += 8 * random.normal(size=len(y[:: points // 20]))
    elif shape == "levels":
        y = np.round(y * 8) / 8
    panel = Panel(place[0], place[-1], y.min(), y.max(), WIDTH, HEIGHT)
    kept = thinning.dots(place, y, panel)
    assert len(kept) <= 20_000
    whole = bitmap(place, y, panel, 2)
    thinned = bitmap(place[kept], y[kept], panel, 2)
    assert not (thinned & ~whole).any()
    assert (whole & ~thinned).sum() <= 0.03 * whole.sum()
    assert {int(y.argmin()), int(y.argmax())} <= set(kept)


def test_a_narrow_window_of_values_is_thinned_to_its_own_grid(long_board, history):
    middle = float(np.median(history.accuracy))
    whole, _ = long_board.series("run", "accuracy")
    narrow, arrays = long_board.series("run", "accuracy", low=middle, high=middle + 0.02)
    assert ((arrays["y"] >= middle) & (arrays["y"] <= middle + 0.02)).all()
    inside = (history.accuracy >= middle) & (history.accuracy <= middle + 0.02)
    assert narrow["shown"] == inside.sum() < 20_000  # so few that all of them are there
    assert narrow["range"] == whole["range"]


def test_the_page_may_ask_for_fewer_dots(long_board, history):
    for most in (100, 1000, 20_000):
        header, arrays = long_board.series("run", "accuracy", dots=most)
        assert 0.4 * most < header["shown"] == len(arrays["x"]) <= most
        assert history.accuracy.min() in arrays["y"]
        assert history.accuracy.max() in arrays["y"]
    last = history.flops[499]
    header, _ = long_board.series("run", "accuracy", dots=500, to=last)
    assert (header["total"], header["shown"]) == (500, 500)


def test_a_larger_panel_shows_more():
    random = np.random.default_rng(0)
    place = np.linspace(0, 1, 100_000)
    y = np.sin(5 * place) + 0.01 * random.normal(size=len(place))
    small, large = (
        thinning.dots(place, y, Panel(0, 1, -1.1, 1.1, width, width // 2)) for width in (150, 400)
    )
    assert 1.5 * len(small) < len(large) <= 20_000


def test_a_window_without_points_is_empty(long_board, history):
    for smooth in ("auto", "ema:0.9", "none"):
        header, arrays = long_board.series(
            "run", "accuracy", start=2 * history.flops[-1], to=3 * history.flops[-1], smooth=smooth
        )
        assert (header["total"], header["shown"], header["range"]) == (0, 0, None)
        assert len(arrays["x"]) == 0
        assert header["domain"] == [history.flops[0], history.flops[-1]]


def test_between_two_points_the_curve_is_there_without_a_dot(long_board, history):
    gap = np.linspace(history.flops[40], history.flops[41], 4)[1:3]
    _, arrays = long_board.series("run", "accuracy", start=gap[0], to=gap[1])
    assert len(arrays["x"]) == 0
    assert list(arrays["curve_x"]) == list(gap)
    _, arrays = long_board.series("run", "accuracy", start=gap[0], to=gap[1], smooth="ema:0.5")
    assert list(arrays["curve_x"]) == list(history.flops[40:42])


# --- curves ----------------------------------------------------------------


def figures_curve(run, metric, **options):
    """x and y of the curve that the figure draws, and the corners of its band."""
    (ax,) = rlviz.figure(run, metrics=[metric], **options).axes
    (line,) = (line for line in ax.lines if line.get_label() == "Smoothed Curve")
    (band,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    return *line.get_data(), np.concatenate([path.vertices for path in band.get_paths()])


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


def test_the_curve_of_a_long_run_is_the_figures_at_500_places(long_board, history):
    x, y, _ = figures_curve(history, "accuracy")
    _, arrays = long_board.series("run", "accuracy", width=2001)
    assert len(arrays["curve_x"]) == 500
    assert np.ptp(np.diff(arrays["curve_x"])) < 1e-6 * history.flops[-1]
    np.testing.assert_allclose(arrays["curve"], np.interp(arrays["curve_x"], x, y), rtol=1e-9)


def test_in_a_narrow_panel_the_curve_goes_through_means_and_looks_the_same(long_board, history):
    """Means of less than a pixel: the curve leaves the figure's by a tenth of its band."""
    for metric in ("accuracy", "average_parallelism"):
        x, y, _ = figures_curve(history, metric)
        _, arrays = long_board.series("run", metric, width=600)
        away = np.abs(arrays["curve"] - np.interp(arrays["curve_x"], x, y))
        assert 0 < away.max() < 0.1 * np.nanmin(arrays["curve_high"] - arrays["curve_low"])


def test_zooming_in_shows_the_same_curve_finer(long_board, history):
    x, y, _ = figures_curve(history, "accuracy")
    whole, _ = long_board.series("run", "accuracy", width=2001)
    limits = history.flops[30_000], history.flops[36_000]
    header, arrays = long_board.series("run", "accuracy", start=limits[0], to=limits[1])
    assert header["bandwidth"] == whole["bandwidth"]
    assert (arrays["curve_x"][0], arrays["curve_x"][-1]) == limits
    np.testing.assert_allclose(arrays["curve"], np.interp(arrays["curve_x"], x, y), rtol=1e-9)


def test_on_a_logarithmic_axis_places_are_even_in_decades(long_board):
    header, arrays = long_board.series("run", "loss", x="step", log=1, start=1, to=1e5)
    decades = np.log10(arrays["curve_x"])
    assert len(decades) <= 500
    assert np.median(np.diff(decades)) == pytest.approx(math.log10(STEPS) / 400, rel=0.02)
    assert header["bandwidth_unit"] == "decades of steps"
    assert header["domain"] == [1, STEPS]
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


def test_an_ema_of_a_long_run_is_over_all_points_and_thinned(long_board, history):
    _, arrays = long_board.series("run", "loss", smooth="ema:0.9")
    expected = slider(history.columns["metrics/loss"], 0.9)
    at = np.searchsorted(history.flops, arrays["curve_x"])
    np.testing.assert_array_equal(history.flops[at], arrays["curve_x"])
    np.testing.assert_allclose(arrays["curve"], expected[at], rtol=1e-9)
    assert len(at) <= 4 * WIDTH
    assert {int(expected.argmin()), int(expected.argmax()), 0, STEPS - 1} <= set(at)


def test_a_line_keeps_what_each_column_of_pixels_shows():
    random = np.random.default_rng(1)
    y = np.cumsum(random.normal(size=100_000))
    place = np.arange(100_000.0)
    panel = Panel(0, 99_999, y.min(), y.max(), 500, 300)
    kept = thinning.line(place, y, panel)
    assert len(kept) <= 4 * 500
    column = np.minimum((place / 99_999 * 500).astype(int), 499)
    for number in range(500):
        mine = np.flatnonzero(column == number)
        shown = kept[np.isin(kept, mine)]
        assert (shown[0], shown[-1]) == (mine[0], mine[-1])
        assert y[shown].min() == y[mine].min()
        assert y[shown].max() == y[mine].max()


def test_a_single_step_has_a_dot_and_no_trouble(open_board, tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0], flops=10**20)
    board = open_board(tmp_path)
    for smooth in ("auto", "none", "ema:0.5"):
        for log in (0, 1):
            header, arrays = board.series("run", "accuracy", smooth=smooth, log=log)
            assert list(arrays["y"]) == [0.5]
            assert header["domain"] == [1e20, 1e20]


# --- forecast --------------------------------------------------------------


def test_the_forecast_is_the_dashed_line_of_the_figure(open_board, tmp_path, write_rows):
    steps = 2000
    random = np.random.default_rng(0)
    flops = np.cumsum(np.full(steps, 1e21))
    accuracy = 0.2 + 0.5 / (1 + 1e23 / flops)
    columns = ["step", "session", "correct", "graded", "flops/total", "flops_remainder/total"]
    zeros = np.zeros(steps)
    correct = random.binomial(4096, accuracy).astype(np.float64)
    table = np.column_stack(
        [zeros + np.arange(1, steps + 1), zeros, correct, zeros + 4096, flops, zeros]
    )
    write_rows(tmp_path / "run", columns, [(table, {})])
    found = open_board(tmp_path).get("forecast", {"run": "run"}).get_json()
    run = rlviz.read(tmp_path / "run")
    fit = rlviz.scaling.fit(run.flops, run.accuracy)
    assert found["identifiable"] is fit.identifiable is True
    assert found["ceiling"] == list(fit.ceiling_interval)
    assert found["ceiling"][0] < 0.7 < found["ceiling"][1]
    (ax,) = rlviz.figure(run, metrics=["accuracy"], forecast=fit).axes
    (line,) = (line for line in ax.lines if line.get_label() == "Forecast")
    np.testing.assert_allclose([found["x"], found["y"]], line.get_data())
    assert found["x"][0] == flops[-1]
    assert found["x"][-1] == pytest.approx(2 * flops[-1])
    assert (np.array(found["low"]) <= found["y"]).all()


def test_where_no_ceiling_shows_the_forecast_says_why(board):
    for name, words in {"plain": "", "without flops": "no axis", "bare": "points"}.items():
        found = board.get("forecast", {"run": name}).get_json()
        assert found["identifiable"] is False
        assert words in found["why_not"] != ""
        assert found["x"] == found["y"] == []
