"""The closed forms, against the sums and integrals that they stand for."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from rlviz.smooth.lasting import autocorrelation, echoes, inflation


def kernel(u):
    return np.exp(-abs(u)) * (1.2 - 0.1 * u * u) / 2


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 4.0])
def test_the_autocorrelation_is_the_kernels_overlap_with_itself(distance):
    def overlap(shift):
        kinks = sorted({-shift, 0.0})
        parts = [-40.0, *kinks, 40.0]
        return sum(
            quad(lambda u: kernel(u) * kernel(u + shift), a, b)[0] for a, b in pairwise(parts)
        )

    assert autocorrelation(distance) == pytest.approx(overlap(distance) / overlap(0.0), rel=1e-7)


def test_at_one_bandwidth_it_is_0_68():
    assert autocorrelation(1.0) == pytest.approx(0.6821155, abs=5e-8)


@pytest.mark.parametrize(("rho", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)])
def test_many_points_in_a_bandwidth_give_the_long_run_variance(rho, expected):
    assert inflation(rho, 1e9) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("points", [0.5, 2.0, 10.0, 300.0])
def test_the_inflation_is_the_sum_over_all_lags(rho, points):
    lags = np.arange(1, 20_000)
    expected = 1 + 2 * (rho**lags * autocorrelation(lags / points)).sum()
    assert inflation(rho, points) == pytest.approx(expected, rel=1e-10)
    many = inflation(np.array([[rho]]), np.full((1, 3), points))
    np.testing.assert_allclose(many, expected, rtol=1e-10)


def test_echoes_are_the_moments_of_neighbors_that_stand_even():
    rho, spacing = 0.7, 0.05
    before = np.array([[1.0, 7.0, 200.0, 400.0]])
    after = np.array([[500.0, 300.0, 20.0, 2.0]])
    found = echoes(np.array([[rho]]), np.full((1, 1, 4), spacing), before, after)
    for i in range(4):
        n = np.arange(-before[0, i], after[0, i] + 1)
        weights = rho ** np.abs(n) * np.exp(-np.abs(n) * spacing)
        assert found[0][0, 0, i] == pytest.approx(weights.sum(), rel=1e-9)
        assert found[1][0, 0, i] == pytest.approx((weights * n * spacing).sum(), abs=1e-5)
    weights = rho ** np.abs(n := np.arange(-400, 401)) * np.exp(-np.abs(n) * spacing)
    np.testing.assert_allclose(found[2], (weights * (n * spacing) ** 2).sum(), rtol=1e-9)
