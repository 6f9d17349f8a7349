"""The curve of a group for the page: the mean and the band that a comparison of seeds has."""

import numpy as np
import pytest

import rlviz
from rlviz.report.compare.run_curves import contenders_of
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of, mean_of
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import measure

from .conftest import decode

SEEDS = ("plain", "resumed", "killed")


def curve_at(board, runs, **asked):
    response = board.get("curve", [*(("run", run) for run in runs), *asked.items()])
    assert response.status_code == 200, response.data
    return decode(response.data)


def test_the_mean_and_its_band_are_those_of_a_comparison(board, corpus):
    group = Group("swarm", tuple(rlviz.read(corpus / name) for name in SEEDS))
    (whole,) = contenders_of([group], measure("accuracy", group.runs), up=1.0)
    header, arrays = curve_at(board, SEEDS, metric="accuracy")
    # Curves of equally long runs are smoothed at once there, which rounds otherwise.
    for name, expected in zip(
        ("curve_x", "curve", "curve_low", "curve_high"),
        (whole.curve.x, whole.curve.y, whole.curve.low, whole.curve.high),
        strict=True,
    ):
        np.testing.assert_allclose(arrays[name], expected, rtol=1e-12)
    assert (header["seeds"], header["caution"]) == (3, 1.0)
    assert header["domain"] == [
        max(run.flops[0] for run in group.runs),
        min(run.flops[-1] for run in group.runs),
    ]


@pytest.mark.parametrize(("x", "log"), [("step", False), ("wall_time", False), ("flops", True)])
def test_over_any_axis_it_is_the_mean_of_the_curves_that_the_page_draws(board, corpus, x, log):
    runs = [rlviz.read(corpus / name) for name in SEEDS]
    axis = choose(x, runs, log=log)
    expected = mean_of(axis, [curve_of(run, measure("loss", runs), axis) for run in runs])
    _, arrays = curve_at(board, SEEDS, metric="loss", x=x, log=int(log))
    np.testing.assert_array_equal(arrays["curve"], expected.y)
    np.testing.assert_array_equal(arrays["curve_high"], expected.high)


def test_a_run_that_lacks_the_metric_or_the_axis_is_none_of_the_seeds(board):
    header, _ = curve_at(board, [*SEEDS, "without flops"], metric="accuracy")
    assert header["seeds"] == 3
    header, _ = curve_at(board, [*SEEDS, "without flops"], metric="accuracy", x="step")
    assert header["seeds"] == 4
    header, _ = curve_at(board, ["without flops"], metric="accuracy")
    assert header["error"] == "no run of the group has this metric over this axis."


def test_of_one_run_it_is_its_own_curve_which_differences_take_with_caution(board, corpus):
    run = rlviz.read(corpus / "plain")
    axis = choose("flops", [run])
    expected = curve_of(run, measure("accuracy", [run]), axis)
    header, arrays = curve_at(board, ["plain"], metric="accuracy")
    np.testing.assert_array_equal(arrays["curve_low"], expected.low)
    assert (header["seeds"], header["caution"]) == (1, 1.3)
    series, _ = board.series("plain", "accuracy")
    assert series["caution"] == 1.3


def test_runs_that_never_were_at_the_same_place_have_no_mean(open_board, tmp_path):
    for name, first in (("early", 1), ("late", 101)):
        with rlviz.Callback(tmp_path / name, figure_seconds=None) as viz:
            for step in range(first, first + 40):
                viz.on_step_end(step, correct=[1, 0], flops=10**20)
    board = open_board(tmp_path)
    header, arrays = curve_at(board, ["early", "late"], metric="accuracy", x="step")
    assert header["error"].startswith("its 2 runs have no stretch of steps in common")
    assert (header["status"], arrays) == (404, {})
