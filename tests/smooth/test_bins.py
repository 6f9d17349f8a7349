"""Means of neighbors."""

import numpy as np

from rlviz.smooth.bins import averaged, averaged_ties, means


def test_few_points_stay_as_they_are():
    x, y = np.arange(5.0), np.arange(5.0) ** 2
    assert averaged(x, y, 5) == (x, y)


def test_stretches_are_nearly_equal_in_count_and_all_points_count():
    x, y = averaged(np.arange(10.0), np.ones(10), 3)
    assert x.tolist() == [1.0, 4.0, 7.5]  # 3, 3 and 4 points
    assert y.tolist() == [1.0] * 3


def test_points_at_one_place_become_one():
    x, y = averaged_ties(np.array([0.0, 0.0, 2.0, 2.0, 2.0]), np.array([1.0, 3.0, 3.0, 4.0, 5.0]))
    assert (x.tolist(), y.tolist()) == ([0.0, 2.0], [2.0, 4.0])


def test_means_of_stretches_by_their_starts():
    x, y = means(np.array([1.0, 3.0, 8.0]), np.array([2.0, 4.0, 9.0]), np.array([0, 2]))
    assert (x.tolist(), y.tolist()) == ([2.0, 8.0], [3.0, 9.0])


def test_bins_hold_nearly_equal_counts_and_keep_the_mean():
    x, y = np.arange(1001.0), np.arange(1001.0) ** 2
    at, means = averaged(x, y, 200)
    assert at.shape == means.shape == (200,)
    assert (at[0], means[0]) == (2.0, np.mean(y[:5]))
    assert np.ptp(np.diff(at)) <= 1.0
    np.testing.assert_array_equal(averaged(x[:200], y[:200], 200)[1], y[:200])
