"""The list of runs says what `rlviz.read` says, through either of TensorBoard's loaders."""

import numpy as np
import pytest

import rlviz
from rlviz.dashboard.listing import listing_of
from rlviz.report.series.axis import choose
from rlviz.report.series.defaults import ranked

from .conftest import WHOLE


@pytest.mark.parametrize("name", WHOLE)
def test_the_list_says_of_a_run_what_read_says(every_board, corpus, name):
    run = rlviz.read(corpus / name)
    listed = every_board.runs()[name]
    assert listed["steps"] == len(run)
    assert listed["last"]["step"] == run.step[-1]
    assert listed["last"]["wall_time"] == run.wall_time[-1]
    assert listed["last"]["flops"] == (run.flops[-1] if run.has_compute_axis else None)
    assert listed["has_flops"] == run.has_compute_axis == (name != "without flops")
    assert listed["superseded"] == run.superseded
    assert listed["dropped"] == run.dropped
    assert listed["lost_rows"] == 0
    assert listed["missing_ranks"] == ([1, 3] if name == "lossy" else [])
    assert [s["number"] for s in listed["sessions"]] == [s.number for s in run.sessions]
    for shown, session in zip(listed["sessions"], run.sessions, strict=True):
        assert shown["resumed_after"] == session.resumed_after
        if number := shown["number"]:
            at = run.session == number
            assert at.any() == bool(shown["x"])
            if at.any():
                first = int(np.argmax(at))
                assert (shown["step"], shown["x"]["step"]) == (run.step[first], run.step[first])
                assert shown["flops"] == shown["x"]["flops"] == run.flops[first]
                hours = choose("wall_time", [run]).positions(run)
                assert shown["x"]["wall_time"] == hours[first]


def test_a_metric_that_sets_in_late_and_a_group_are_in_the_list(board):
    metrics = board.runs()["plain"]["metrics"]
    assert metrics[:2] == ["accuracy", "average_parallelism"]
    assert {"accuracy/math", "accuracy/code", "loss", "kl", "tokens"} <= set(metrics)
    _, arrays = board.series("plain", "kl", x="step")
    assert list(arrays["step"]) == list(range(60, 121))


def test_what_is_lost_is_said_in_words(board):
    notes = " ".join(board.runs()["lossy"]["notes"])
    assert "9 steps of session 0 were given up" in notes
    assert "ranks 1 and 3" in notes
    assert "Steps 51 to 65 have no rows" in " ".join(board.runs()["ahead"]["notes"])
    assert board.runs()["plain"]["notes"] == []


def test_the_list_says_which_metrics_tell_most_as_the_figure_finds_them(board, corpus):
    for name, listed in board.runs().items():
        if listed["steps"]:
            found = ranked(rlviz.read(corpus / name))
            assert [tuple(one) for one in listed["tells"]] == list(found)


@pytest.mark.parametrize(
    "name", ["accuracy", "parallelism", "average_parallelism", "accuracy/math", "metrics/accuracy"]
)
def test_a_column_under_the_name_of_a_quantity_without_values_is_no_metric(name):
    columns = {
        "step": np.arange(3.0),
        name: np.ones(3),
        "correct/math": np.zeros(3),
        "graded/math": np.zeros(3),
    }
    listed = listing_of(rlviz.History(columns), ())
    assert listed["metrics"] == []
    assert listed["values"] == {}
