"""Compute to reach a level: the first time a curve is there, by hand."""

import numpy as np
import pytest

from rlviz.report.compare.compute_to_level import reach, round_levels

X = np.array([1.0, 2.0, 4.0, 8.0])


def needed(curve, level):
    return reach(X, np.array([curve]), np.array([level]))[0, 0]


def test_between_two_points_a_curve_is_a_straight_line():
    assert needed([0.2, 0.3, 0.5, 0.6], 0.4) == pytest.approx(3.0)
    assert needed([0.2, 0.3, 0.5, 0.6], 0.55) == pytest.approx(6.0)


def test_a_level_is_reached_at_a_point_that_has_it():
    assert needed([0.2, 0.3, 0.5, 0.6], 0.3) == 2.0
    assert needed([0.2, 0.3, 0.5, 0.6], 0.6) == 8.0


def test_the_first_time_counts_also_if_the_curve_falls_again():
    assert needed([0.2, 0.4, 0.1, 0.5], 0.3) == pytest.approx(1.5)


def test_a_level_that_the_curve_starts_at_or_never_reaches_is_unknown():
    assert np.isnan(needed([0.2, 0.3, 0.5, 0.6], 0.2))
    assert np.isnan(needed([0.2, 0.3, 0.5, 0.6], 0.1))
    assert np.isnan(needed([0.2, 0.3, 0.5, 0.6], 0.61))


def test_every_curve_and_level_is_read_for_itself():
    found = reach(X, np.array([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]]), np.array([0.5, 0.75]))
    assert found.tolist() == [[1.5, 1.75], [6.0, 7.0]]


def test_levels_are_round_and_lie_between_the_starts_and_the_second_highest_peak():
    found = round_levels([0.303, 0.321, 0.2], [0.9, 0.612, 0.45], percent=True)
    assert found.tolist() == [0.35, 0.4, 0.45, 0.5, 0.55, 0.6]


def test_levels_of_any_metric_are_round():
    assert round_levels([-3.0, -2.5], [3.3, 4.0], percent=False).tolist() == [-2, -1, 0, 1, 2, 3]
    assert round_levels([0.0, 0.0], [4.1e-6, 1.0], percent=False).tolist() == [
        1e-6,
        2e-6,
        3e-6,
        4e-6,
    ]


def test_without_a_common_range_there_are_no_levels():
    assert len(round_levels([0.5, 0.6], [0.55, 0.6], percent=True)) == 0
