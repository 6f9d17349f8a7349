"""How groups compare on the page: the numbers of `rlviz.compare`, and why some have none."""

import numpy as np
import pytest

import rlviz
from rlviz.dashboard.comparisons import compared
from rlviz.report.series.groups import Group


def run_of(speed, *, seed=0, flops=True, convention=None):
    random = np.random.default_rng(seed)
    share = np.linspace(0.0, 1.0, 60)
    columns = {
        "step": np.arange(1.0, 61.0),
        "correct": 300 + 200 * speed * share + 10 * random.normal(size=60),
        "graded": np.full(60, 1000.0),
        "metrics/loss": 1 - 0.5 * speed * share + 0.01 * random.normal(size=60),
    }
    if flops:
        columns["flops/total"] = 1e20 * (0.01 + share)
    return rlviz.History(columns, f"runs/{speed}-{seed}")


def sets(**speeds):
    return {name: [run_of(speed, seed=seed) for seed in range(3)] for name, speed in speeds.items()}


def groups_of(runs):
    return [Group(name, tuple(of)) for name, of in runs.items()]


def test_the_numbers_are_those_of_compare():
    runs = sets(base=1.0, fast=2.0, slow=0.6)  # in the order of their names, as the page has them
    expected = rlviz.compare(runs, reference="fast")
    found = compared(groups_of(runs), "accuracy", ["fast", "base"])
    assert found["levels"] == [row.level for row in expected.at_accuracy]
    for name, times in expected.multipliers.items():
        assert found["multipliers"]["fast"][name] == (
            None if times is None else (times.value, times.low, times.high)
        )
    for k, row in enumerate(expected.at_accuracy):
        for name, spent in row.flops.items():
            told = found["flops"][name][k]
            assert told == (None if spent is None else (spent.value, spent.low, spent.high))
    assert set(found["multipliers"]["base"]) == {"fast", "slow"}
    assert found["multipliers"]["base"]["fast"][0] == pytest.approx(2, rel=0.1)


def test_of_a_loss_less_is_better():
    found = compared(groups_of(sets(base=1.0, fast=2.0)), "loss", ["base"])
    assert found["lower_is_better"]
    assert found["levels"] == sorted(found["levels"], reverse=True)
    assert found["multipliers"]["base"]["fast"][0] == pytest.approx(2, rel=0.1)


def test_a_group_that_can_t_be_compared_takes_nothing_from_the_others():
    runs = sets(base=1.0, fast=2.0) | {"silent": [run_of(1.0, flops=False)]}
    found = compared(groups_of(runs), "accuracy", ["base"])
    assert list(found["flops"]) == ["base", "fast"]
    assert list(found["left_out"]) == ["silent"]
    assert "has no RL FLOPs" in found["left_out"]["silent"]


def test_a_baseline_that_can_t_be_compared_leaves_out_all_and_it_is_said_why():
    runs = sets(fast=2.0) | {"silent": [run_of(1.0, flops=False)]}
    found = compared(groups_of(runs), "accuracy", ["silent"])
    assert (found["levels"], found["multipliers"]) == ([], {})
    assert "has no RL FLOPs" in found["left_out"]["fast"]


def test_the_page_asks_for_groups_by_the_names_of_their_runs(board):
    def ask(*groups, **more):
        pairs = [("metric", "accuracy"), *more.items()]
        for name, runs in groups:
            pairs += [("group", name), ("count", len(runs)), *(("run", run) for run in runs)]
        return board.get("comparison", pairs)

    found = ask(("a", ["plain", "resumed"]), ("b", ["killed"]), reference="b").get_json()
    assert set(found["flops"]) | set(found["left_out"]) == {"a", "b"}
    for groups, more, sentence in (
        ([("a", ["plain"]), ("b", ["nobody"])], {}, "there is no run 'nobody'"),
        ([("a", ["plain"])], {"reference": "c"}, "reference must be one of a, got 'c'"),
        ([("a", ["plain"]), ("a", ["resumed"])], {}, "'group' must be different"),
        ([("a", ["plain"])], {"count": "2"}, "must add up to the number of values of 'run'"),
        ([], {}, "must be given once for each part"),
    ):
        response = ask(*groups, **more)
        assert response.status_code in (400, 404)
        assert sentence in response.get_json()["error"]
