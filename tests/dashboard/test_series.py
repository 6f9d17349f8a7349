"""A metric over an axis: the numbers of `rlviz.read`, as far as they are visible on a screen."""

import numpy as np
import pytest

import rlviz
from rlviz.dashboard.series import points, view
from rlviz.report.series.axis import choose
from rlviz.report.series.measures import measure

from .conftest import LONG, WHOLE


@pytest.mark.quick(4)
@pytest.mark.parametrize("name", WHOLE)
def test_every_metric_over_every_axis_is_the_one_of_read(every_board, corpus, name):
    run = rlviz.read(corpus / name)
    listed = every_board.runs()[name]
    assert {"accuracy", "average_parallelism"} <= set(listed["metrics"])
    for x in listed["axes"]:
        positions = choose(x, [run]).positions(run)
        assert listed["extent"][x] == [np.nanmin(positions), np.nanmax(positions)]
        for metric in listed["metrics"]:
            values = measure(metric, [run]).values(run)
            known = np.isfinite(values) & np.isfinite(positions)
            header, arrays = every_board.series(name, metric, x=x, smooth="none")
            np.testing.assert_array_equal(arrays["x"], positions[known])
            np.testing.assert_array_equal(arrays["y"], values[known])
            np.testing.assert_array_equal(arrays["step"], run.step[known])
            assert header["total"] == header["shown"] == known.sum()
            assert header["domain"] == [positions[known][0], positions[known][-1]]
            assert header["range"] == [values[known].min(), values[known].max()]
            assert header["version"] == listed["version"]


def test_the_interval_of_an_accuracy_is_the_one_of_read(board, corpus):
    run = rlviz.read(corpus / "resumed")
    _, arrays = board.series("resumed", "accuracy")
    low, high = run.accuracy_interval
    np.testing.assert_array_equal(arrays["low"], low)
    np.testing.assert_array_equal(arrays["high"], high)
    for other in ("average_parallelism", "loss"):
        _, arrays = board.series("resumed", other)
        assert "low" not in arrays


def test_a_share_has_a_largest_value_and_other_metrics_have_none(open_board, tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        for step in range(1, 4):
            metrics = {"eval/accuracy": step / 3, "loss": 1 / step, "math_accuracy": 40.0 + step}
            viz.on_step_end(step, correct=[1, 0], parallelism=[2.0], metrics=metrics)
    board = open_board(tmp_path, "true")
    found = {
        name: board.series("run", name, x="step")[0]["most"]
        for name in ("accuracy", "average_parallelism", "eval/accuracy", "loss", "math_accuracy")
    }
    assert found == {
        "accuracy": 1,
        "average_parallelism": None,
        "eval/accuracy": 1,
        "loss": None,
        "math_accuracy": None,  # in percent, so it is no share
    }


def test_the_interval_of_a_group_is_of_its_own_answers(board):
    header, arrays = board.series("plain", "accuracy/code", x="step")
    # Steps 3, 9, 15, …: 1, 0, 1 of 3; every other third step 1, 0, 0. Wilson, worked out by hand.
    odd = arrays["step"] % 2 == 1
    np.testing.assert_allclose(arrays["y"][odd], 2 / 3)
    np.testing.assert_allclose(arrays["low"][odd], 0.2077, atol=1e-4)
    np.testing.assert_allclose(arrays["high"][~odd], 0.7923, atol=1e-4)
    assert header["label"] == "Accuracy, code"


def test_tokens_are_summed_up_and_absent_where_none_were_recorded(board, corpus):
    run = rlviz.read(corpus / "plain")
    _, arrays = board.series("plain", "loss", x="tokens")
    assert list(arrays["x"]) == list(np.cumsum(1000.0 + run.step))
    assert "tokens" not in board.runs()["bare"]["axes"]
    response = board.get("series", {"run": "bare", "metric": "accuracy", "x": "tokens"})
    assert response.status_code == 404
    assert "has no tokens" in response.get_json()["error"]


def test_a_run_without_flops_is_not_drawn_over_them(board):
    assert board.runs()["without flops"]["axes"] == ["step", "wall_time", "tokens"]
    response = board.get("series", {"run": "without flops", "metric": "accuracy", "x": "flops"})
    assert response.status_code == 404
    assert "x=step" in response.get_json()["error"]


# --- what is visible -----------------------------------------------------


def test_up_to_20_000_points_all_are_there_and_beyond_about_as_many(long_board, long_history):
    header, arrays = long_board.series("run", "accuracy")
    assert (header["total"], header["thinned"]) == (LONG, True)
    assert 2000 < header["shown"] == len(arrays["x"]) <= 20_000
    limits = long_history.flops[100], long_history.flops[20_099]
    header, arrays = long_board.series("run", "accuracy", start=limits[0], to=limits[1])
    assert (header["total"], header["shown"], header["thinned"]) == (20_000, 20_000, False)
    np.testing.assert_array_equal(arrays["x"], long_history.flops[100:20_100])
    np.testing.assert_array_equal(arrays["step"], long_history.step[100:20_100])


def test_what_is_shown_are_real_points_and_their_intervals(long_board, long_history):
    _, arrays = long_board.series("run", "accuracy")
    at = arrays["step"].astype(int) - 1
    assert (np.diff(at) > 0).all()
    low, high = long_history.accuracy_interval
    for name, column in {
        "x": long_history.flops,
        "y": long_history.accuracy,
        "low": low,
        "high": high,
    }.items():
        np.testing.assert_array_equal(arrays[name], column[at])


def test_a_narrow_window_of_values_is_thinned_to_its_own_grid(long_board, long_history):
    middle = float(np.median(long_history.accuracy))
    whole, _ = long_board.series("run", "accuracy")
    narrow, arrays = long_board.series("run", "accuracy", low=middle, high=middle + 0.02)
    assert ((arrays["y"] >= middle) & (arrays["y"] <= middle + 0.02)).all()
    inside = (long_history.accuracy >= middle) & (long_history.accuracy <= middle + 0.02)
    assert narrow["shown"] == inside.sum() < 20_000  # so few that all of them are there
    assert narrow["range"] == whole["range"]


def test_the_page_may_ask_for_fewer_dots(long_board, long_history):
    for most in (100, 1000, 20_000):
        header, arrays = long_board.series("run", "accuracy", dots=most)
        assert 0.4 * most < header["shown"] == len(arrays["x"]) <= most
        assert long_history.accuracy.min() in arrays["y"]
        assert long_history.accuracy.max() in arrays["y"]
    last = long_history.flops[499]
    header, _ = long_board.series("run", "accuracy", dots=500, to=last)
    assert (header["total"], header["shown"]) == (500, 500)


def test_a_window_without_points_is_empty(long_board, long_history):
    for smooth in ("auto", "ema:0.9", "none"):
        header, arrays = long_board.series(
            "run",
            "accuracy",
            start=2 * long_history.flops[-1],
            to=3 * long_history.flops[-1],
            smooth=smooth,
        )
        assert (header["total"], header["shown"], header["range"]) == (0, 0, None)
        assert len(arrays["x"]) == 0
        assert header["domain"] == [long_history.flops[0], long_history.flops[-1]]


def test_a_single_step_has_a_dot_and_no_trouble(open_board, tmp_path):
    with rlviz.Callback(tmp_path / "run", figure_seconds=None) as viz:
        viz.on_step_end(1, correct=[1, 0], flops=10**20)
    board = open_board(tmp_path)
    for smooth in ("auto", "none", "ema:0.5"):
        for log in (0, 1):
            header, arrays = board.series("run", "accuracy", smooth=smooth, log=log)
            assert list(arrays["y"]) == [0.5]
            assert header["domain"] == [1e20, 1e20]


def test_a_value_far_from_all_others_does_not_flatten_what_is_visible():
    kl = 0.02 + 0.01 * np.sin(np.arange(100.0))
    kl[40] = 1e9
    run = rlviz.History({"step": np.arange(100.0), "metrics/kl": kl}, "runs/a")
    found = points(run, "kl", "step", log=False)
    free = (-np.inf, np.inf)
    seen = view(found, free, free, 600, 300)
    assert (seen.usual.outside, seen.usual.farthest) == (1, 1e9)
    assert (seen.viewport.low, seen.viewport.high) == (kl.min(), np.delete(kl, 40).max())
    assert view(found, (50, 90), free, 600, 300).usual.outside == 0
    asked = view(found, free, (0.0, 2e9), 600, 300)
    assert (asked.viewport.low, asked.viewport.high) == (0.0, 2e9)


def test_an_accuracy_of_unknown_answers_has_no_interval(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as viz:
        viz.on_step_end(1, accuracy=0.5, graded=8)
        viz.on_step_end(2, accuracy=0.5)
    run = rlviz.read(tmp_path)
    found = points(run, "accuracy", "step", log=False)
    seen = view(found, (-np.inf, np.inf), (-np.inf, np.inf), 800, 400)
    low, high = seen.interval(run, found.rows)
    assert np.isfinite(low).tolist() == np.isfinite(high).tolist() == [True, False]
