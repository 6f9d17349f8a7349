"""The axes: what they are called, where a run's steps stand on them, and which a run has."""

from typing import get_args

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.report.series.axis import XAxis, choose

STEPS = np.array([1.0, 2.0, 3.0])


def run(**columns):
    return rlviz.History({"step": STEPS, **{n: np.array(v) for n, v in columns.items()}}, "runs/a")


def test_each_name_that_types_allow_is_an_axis_and_no_other_is():
    assert tuple(schema.AXES) == get_args(schema.AxisName)


def test_flops_and_steps_stand_where_the_run_says():
    compute = run(**{"flops/total": [1e20, 3e20, 4e20]})
    assert choose("flops", [compute]).positions(compute).tolist() == [1e20, 3e20, 4e20]
    assert choose("step", [compute]).positions(compute).tolist() == [1, 2, 3]


def test_time_counts_from_the_first_step_and_stands_still_where_a_clock_was_set_back():
    timed = run(wall_time=[7200.0, 10_800.0, 3600.0])
    assert choose("wall_time", [timed]).positions(timed).tolist() == [0.0, 1.0, 1.0]


def test_tokens_of_a_step_add_up_and_cumulative_ones_stay():
    of_steps = run(**{"metrics/tokens": [10.0, np.nan, 5.0]})
    np.testing.assert_array_equal(
        choose("tokens", [of_steps]).positions(of_steps), [10.0, np.nan, 15.0]
    )
    so_far = run(**{"metrics/num_tokens": [10.0, 30.0, 60.0]})
    assert choose("tokens", [so_far]).positions(so_far).tolist() == [10.0, 30.0, 60.0]


@pytest.mark.parametrize("falling", [[3e20, 2e20, 1e20], [np.nan] * 3])
def test_without_an_axis_of_compute_all_runs_are_drawn_over_their_steps(falling):
    good, bad = run(**{"flops/total": [1e20, 2e20, 3e20]}), run(**{"flops/total": falling})
    assert choose("flops", [good]).name == "flops"
    assert choose("flops", [good, bad]).name == "step"


def test_a_logarithmic_axis_leaves_out_what_is_not_above_0():
    compute = run(**{"flops/total": [0.0, 1e20, 1e21]})
    axis = choose("flops", [compute], log=True)
    np.testing.assert_array_equal(axis.positions(compute), [np.nan, 1e20, 1e21])
    np.testing.assert_allclose(axis.scaled(np.array([1e20, 1e21])), [20, 21])
    np.testing.assert_allclose(axis.unscaled(np.array([20.0, 21.0])), [1e20, 1e21])
    assert axis.scaled_unit == "decades of RL FLOPs"


def test_an_axis_that_a_run_lacks_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"has no tokens: it has neither a metric 'tokens'"):
        choose("tokens", [run()])
    with pytest.raises(ValueError, match=r"Draw it over another axis: 'step', 'wall_time'"):
        choose("flops", [run(**{"flops/total": [0.0, 0.0, 0.0]})], log=True)
    with pytest.raises(ValueError, match=r"x must be one of 'flops', 'step', .* got 'time'"):
        choose("time", [run()])


def test_tokens_that_fall_are_no_axis():
    with pytest.raises(ValueError, match=r"tokens of the run 'runs/a' fall along its steps"):
        choose("tokens", [run(**{"metrics/num_tokens": [10.0, 5.0, 20.0]})])


def test_an_axis_has_the_texts_of_the_schema():
    axis = XAxis(schema.AXES["wall_time"])
    assert (axis.name, axis.label, axis.unit) == ("wall_time", "Wall time (hours)", "hours")
