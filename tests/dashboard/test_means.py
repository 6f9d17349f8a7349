"""The curve of a group for the page: the mean and the band that a comparison of seeds has."""

import numpy as np
import pytest

import rlviz
from rlviz.parallelism import Parallelism
from rlviz.report.compare.run_curves import contenders_of
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import curve_of, mean_of
from rlviz.report.series.groups import Group
from rlviz.report.series.measures import measure

from .conftest import decode

SEEDS = ("plain", "resumed", "killed")
FROM_THE_FIRST = ("plain", "resumed", "ahead")
"""Runs that log their loss from the first step: of `killed`, it begins once Python has started a
second time, when `plain` may have ended."""


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
    runs = [rlviz.read(corpus / name) for name in FROM_THE_FIRST]
    axis = choose(x, runs, log=log)
    expected = mean_of(axis, [curve_of(run, measure("loss", runs), axis) for run in runs])
    _, arrays = curve_at(board, FROM_THE_FIRST, metric="loss", x=x, log=int(log))
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


def recorded(folder, *, convention=None, unit=None, flops=None, share=1.0):
    """A run on disk whose episodes have a span of half their work."""
    with rlviz.Callback(folder, figure_seconds=None, convention=convention) as viz:
        for step in range(1, 41):
            viz.on_step_end(
                step,
                correct=[1, 0],
                flops=flops or {"rollout": 10**19, "update": 10**19},
                parallelism=Parallelism(work=8, span=4, unit=unit),
                metrics={"pass_rate": share * step / 50},
            )


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("one", "other", "metric", "words"),
    [
        (
            {"convention": "exact"},
            {"convention": "6N"},
            "accuracy",
            "'a' counts by exact, 'b' by 6N, so their RL FLOPs are not the same quantity.",
        ),
        (
            {"convention": "6N"},
            {"convention": "6N-tokens", "flops": {"update": 10**19}},
            "accuracy",  # each run is drawn as it counts: nothing is converted on the page
            "'a' counts by 6N, 'b' by 6N-tokens, so their RL FLOPs are not the same quantity.",
        ),
        (
            {},
            {"flops": {"update": 10**19}},
            "accuracy",
            "'a' counts rollout and update, 'b' only update, so their RL FLOPs are not the same",
        ),
        (
            {"unit": "tokens"},
            {"unit": "seconds"},
            "parallelism",
            "work and span are in tokens in 'a' and in seconds in 'b': these are different",
        ),
        ({}, {"share": 100.0}, "pass_rate", "one is a share of 1 and the other is in percent."),
    ],
    ids=["convention", "converted", "phases", "unit", "percent"],
)
def test_runs_that_compare_refuses_have_no_mean_and_the_page_is_told_why(
    open_board, tmp_path, one, other, metric, words
):
    recorded(tmp_path / "a", **one)
    recorded(tmp_path / "b", **other)
    board = open_board(tmp_path)
    header, arrays = curve_at(board, ["a", "b"], metric=metric)
    assert words in header["error"]
    assert (header["status"], arrays) == (404, {})
    header, _ = curve_at(board, ["b"], metric=metric)
    assert header["seeds"] == 1
    # Over their steps the FLOPs of runs may count as they like.
    header, _ = curve_at(board, ["a", "b"], metric="accuracy", x="step")
    assert header["seeds"] == 2


@pytest.mark.parametrize("order", [["silent", "tokens"], ["tokens", "silent"]])
def test_the_label_of_a_mean_has_the_unit_that_any_of_its_runs_tells(open_board, tmp_path, order):
    recorded(tmp_path / "silent")
    recorded(tmp_path / "tokens", unit="tokens")
    told, _ = curve_at(open_board(tmp_path), order, metric="parallelism")
    runs = [rlviz.read(tmp_path / name) for name in order]
    assert told["label"] == measure("parallelism", runs).label
    assert "tokens" in told["label"]
