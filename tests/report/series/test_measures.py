"""What of a run can be drawn by its name, and what its rows tell of the noise of each value."""

import math

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.report.series.measures import Measure, measure


def run_of(**columns):
    named = {name.replace("__", "/"): np.array(of, float) for name, of in columns.items()}
    steps = len(next(iter(named.values())))
    return rlviz.History({"step": np.arange(1.0, steps + 1), **named}, "runs/a")


GRADED = run_of(
    correct=[1, 4, 0], graded=[4, 4, 0], correct__math=[1, 2, 0], graded__math=[1, 2, 0]
)


# --- the variance of a value -----------------------------------------------


def test_a_share_of_answers_has_a_binomial_variance_with_half_an_answer_more_on_either_side():
    found = measure("accuracy", [GRADED]).variance(GRADED)
    # (1.5/5)·(3.5/5)/4 and, of 4 of 4 right ones, (4.5/5)·(0.5/5)/4; nothing graded, nothing known.
    np.testing.assert_allclose(found, [0.0525, 0.0225, np.nan])


def test_the_share_of_a_group_has_that_of_its_own_answers():
    found = measure("math", [GRADED]).variance(GRADED)
    # (1.5/2)·(0.5/2)/1 and (2.5/3)·(0.5/3)/2.
    np.testing.assert_allclose(found, [0.1875, 0.0694444, np.nan], rtol=1e-5)


def test_rates_tell_nothing_of_how_many_answers_they_are_of():
    rates = run_of(correct=[0.25, 0.5], graded=[1, 1])
    assert measure("accuracy", [rates]).variance(rates) is None
    assert measure("accuracy", [rates]).variance(run_of(metrics__loss=[1.0])) is None


def test_counts_that_make_no_share_have_no_variance():
    odd = run_of(correct=[5, -1, np.nan, 2], graded=[4, 4, 4, 4])
    # The last: (2.5/5)·(2.5/5)/4.
    np.testing.assert_allclose(
        measure("accuracy", [odd]).variance(odd), [np.nan, np.nan, np.nan, 0.0625]
    )


def test_a_mean_of_episodes_has_the_variance_of_their_spread():
    # 2, 4 and 6: their variance is 4, that of their mean 4/3. A single one has no spread.
    run = run_of(
        parallelism_sum=[12, 5, 0], parallelism_count=[3, 1, 0], parallelism_square_sum=[56, 25, 0]
    )
    found = measure("average_parallelism", [run]).variance(run)
    np.testing.assert_allclose(found, [4 / 3, np.nan, np.nan])


def test_equal_episodes_have_no_variance_below_0():
    tenth = 3 * 0.1 * 0.1 - 1e-12  # as rounding may leave it
    run = run_of(parallelism_sum=[0.3], parallelism_count=[3], parallelism_square_sum=[tenth])
    assert measure("average_parallelism", [run]).variance(run).tolist() == [0.0]


def test_runs_of_older_versions_and_metrics_tell_nothing_of_their_noise():
    old = run_of(parallelism_sum=[12], parallelism_count=[3], metrics__loss=[0.5])
    assert measure("average_parallelism", [old]).variance(old) is None
    assert measure("loss", [old]).variance(old) is None


# --- names -----------------------------------------------------------------


def test_a_share_has_limits_by_its_name_as_far_as_its_values_bear_them_out():
    run = run_of(correct=[1], graded=[2], correct__math=[1], graded__math=[2], metrics__loss=[1])
    nothing = np.array([])
    for name in ("accuracy", "accuracy/math", "math"):
        assert measure(name, [run]).limits(nothing) == (0.0, 1.0)
    for name in ("average_parallelism", "loss"):
        assert measure(name, [run]).limits(nothing) == (-math.inf, math.inf)
    rate = Measure("eval/pass_at_1", "", "number")
    assert rate.limits(np.array([0.0, 1.0])) == (0.0, 1.0)
    assert rate.limits(np.array([0.0, 73.5])) == (-math.inf, math.inf)  # in percent
    assert Measure("reward_std", "", "number").limits(np.array([0.5])) == (0.0, math.inf)
    assert Measure("critic/score/mean", "", "number").limits(np.array([0.5]))[1] == math.inf


def test_a_quantity_is_known_by_both_of_its_names_in_every_run():
    nothing = run_of(metrics__loss=[1])
    found = measure("parallelism", [nothing])
    assert found == measure("average_parallelism", [nothing])
    assert (found.name, found.label) == ("average_parallelism", "Average Parallelism")
    assert np.isnan(found.values(nothing)).all()


def test_a_metric_goes_before_a_group_of_its_name_and_a_column_after_both():
    run = run_of(
        metrics__math=[7.0],
        correct__math=[1],
        graded__math=[2],
        metrics__loss=[0.5],
        mfu__update=[0.4],
    )
    assert measure("math", [run]) == Measure("math", "math", "number")
    assert measure("math", [run]).values(run).tolist() == [7.0]
    of_group = measure("accuracy/math", [GRADED])
    assert (of_group.label, of_group.scale) == ("Accuracy, math", "percent")
    np.testing.assert_array_equal(of_group.values(GRADED), [1.0, 1.0, np.nan])
    assert measure("mfu/update", [run]).values(run).tolist() == [0.4]


def test_a_run_that_never_recorded_it_has_no_values():
    other = run_of(metrics__kl=[1.0])
    assert measure("accuracy/math", [GRADED, other]).values(other) is None
    assert measure("kl", [GRADED, other]).values(GRADED) is None


def test_an_unknown_name_is_refused_with_those_that_there_are():
    words = (
        "no run has a metric 'los'; there are 'accuracy', 'average_parallelism', 'accuracy/math'."
    )
    with pytest.raises(ValueError, match=words):
        measure("los", [GRADED])


def test_a_title_follows_the_axis_and_only_the_published_ones_over_flops_stay():
    run = run_of(correct__math=[1, 2], graded__math=[1, 2], metrics__loss=[2, 1])
    titles = {
        name: [measure(name, [run]).title(axis) for axis in schema.AXES.values()]
        for name in ("accuracy", "average_parallelism", "accuracy/math", "loss")
    }
    assert titles == {
        "accuracy": [
            "Training Accuracy vs Steps",
            "Training Accuracy vs Steps",
            "Training Accuracy vs Wall Time",
            "Training Accuracy vs Tokens",
        ],
        "average_parallelism": [
            "Average parallelism vs Steps",
            "Average Parallelism vs Steps",
            "Average Parallelism vs Wall Time",
            "Average Parallelism vs Tokens",
        ],
        "accuracy/math": [
            "Accuracy, math vs RL FLOPs",
            "Accuracy, math vs Steps",
            "Accuracy, math vs Wall Time",
            "Accuracy, math vs Tokens",
        ],
        "loss": ["loss vs RL FLOPs", "loss vs Steps", "loss vs Wall Time", "loss vs Tokens"],
    }
