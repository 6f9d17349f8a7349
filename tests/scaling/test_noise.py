"""The long-run variance of what a curve leaves."""

import math

import numpy as np
import pytest

from rlviz.scaling.noise import long_run


def autoregressive(n, rho, seed):
    left = np.random.default_rng(seed).normal(size=n)
    left[1:] *= math.sqrt(1 - rho**2)
    for i in range(1, n):
        left[i] += rho * left[i - 1]
    return left


@pytest.mark.parametrize(("rho", "inflation"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
def test_it_is_that_of_independent_residuals_times_the_inflation(rho, inflation):
    found = [long_run(autoregressive(1000, rho, seed), 0) for seed in range(30)]
    assert 0.9 * inflation < np.median(found) < 1.6 * inflation


def test_residuals_that_go_up_and_down_are_no_better_than_independent_ones():
    # rho is −1; four residuals with squares 4, no parameter.
    assert long_run(np.array([1.0, -1.0, 1.0, -1.0]), 0) == 1.0


def test_points_are_worth_two_at_least_and_nothing_has_no_noise():
    # All alike: rho would be 3/4, and is (4 − 2)/(4 + 2) = 1/3, which doubles the variance.
    assert long_run(np.ones(4), 0) == pytest.approx(2.0)
    assert long_run(np.zeros(9), 2) == 0
