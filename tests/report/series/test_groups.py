"""Runs that are drawn together: what they are called, and which are seeds of one another."""

import numpy as np
import pytest

import rlviz
from rlviz.report.series.groups import groups_of


def run_at(logdir=""):
    return rlviz.History({"step": np.array([1.0])}, logdir)


def names_of(*logdirs):
    return [group.name for group in groups_of([run_at(logdir) for logdir in logdirs])]


@pytest.mark.parametrize(
    ("logdirs", "names"),
    [
        (["runs/a"], ["a"]),
        ([""], ["run"]),
        (["runs/a", "runs/b"], ["a", "b"]),
        (["lr1/run", "lr2/run"], ["lr1/run", "lr2/run"]),
        (["x/lr1/run", "y/lr1/run"], ["x/lr1/run", "y/lr1/run"]),
        (["runs/a", "runs/a"], ["a (1)", "a (2)"]),
        (["runs/a", ""], ["a (1)", "run (2)"]),
    ],
)
def test_runs_are_called_by_as_much_of_their_paths_as_tells_them_apart(logdirs, names):
    assert names_of(*logdirs) == names


def test_a_run_alone_is_a_group_of_its_own():
    run = run_at("runs/a")
    (group,) = groups_of(run)
    assert (group.name, group.runs) == ("a", (run,))


def test_runs_under_one_name_are_seeds_in_the_order_given():
    one, two, other = run_at("1"), run_at("2"), run_at("3")
    ours, base = groups_of({"ours": [one, two], "base": other})
    assert (ours.name, ours.runs) == ("ours", (one, two))
    assert (base.name, base.runs) == ("base", (other,))


@pytest.mark.parametrize(
    ("histories", "error", "words"),
    [
        ("runs/a", TypeError, "histories must be runs as rlviz.read returns them, got 'runs/a'"),
        (["runs/a"], TypeError, "one is 'runs/a'"),
        (3, TypeError, "got 3"),
        ({"a": "runs/a"}, TypeError, "the runs of 'a' must be runs"),
        ({"": run_at()}, TypeError, "a name of runs must be a string of at least 1 character"),
        ([], ValueError, "histories is empty, expected at least one run"),
        ({"a": []}, ValueError, "'a' has no runs, expected a run or a list of seeds"),
        (rlviz.History({"step": np.array([])}, "runs/new"), ValueError, "'runs/new' has no steps"),
    ],
)
def test_what_is_no_run_is_refused_in_words(histories, error, words):
    with pytest.raises(error, match=words):
        groups_of(histories)
