"""The points of a run: the steps that have a place and a value, of a long run as of a short one."""

import numpy as np
import pytest

import rlviz
from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.measures import measure
from rlviz.report.series.points import finite, points_of


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_the_points_of_a_long_run_are_all_that_have_a_place_and_a_value(gaps):
    random = np.random.default_rng(1)
    steps = 150_000
    correct = random.binomial(16, 0.5, steps).astype(float)
    correct[random.uniform(size=steps) < gaps] = np.nan
    flops = np.cumsum(random.uniform(size=steps))
    flops[:70_000][random.uniform(size=70_000) < gaps] = np.nan
    columns = {"step": np.arange(1.0, steps + 1), "correct": correct}
    columns |= {"graded": np.full(steps, 16.0), "flops/total": flops}
    run = rlviz.History(columns)
    axis, what = XAxis(schema.AXES["flops"]), measure("accuracy", [run])
    points = points_of(run, what, axis)
    known = np.isfinite(flops) & np.isfinite(correct)
    np.testing.assert_array_equal(points.x, flops[known])
    np.testing.assert_array_equal(points.y, correct[known] / 16)
    np.testing.assert_array_equal(points.variance, what.variance(run)[known])
    assert (points.x is flops) == (gaps == 0)


def test_a_run_that_never_recorded_a_metric_has_no_points_of_it():
    run = rlviz.History({"step": np.arange(1.0, 100_001)})
    axis = XAxis(schema.AXES["step"])
    assert points_of(run, measure("accuracy", [run]), axis) is None


def test_a_point_needs_both_a_place_and_a_value():
    x, y = finite(np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.0, 2.0, np.inf, 4.0]))
    assert (x.tolist(), y.tolist()) == ([1.0, 4.0], [1.0, 4.0])
