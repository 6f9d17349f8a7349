"""How much noise there is around a curve, and what its points are worth."""

import math

import numpy as np
import pytest

from rlviz.scaling import ceiling, sigmoid

N = 59
"""Too few for the means of two points to be asked: what is left is plain AR(1)."""


def noise_of(n, rho, seed, white=0.0):
    """The noise that is found around the true curve, and the unit of its variance."""
    rng = np.random.default_rng(seed)
    left = rng.normal(size=n)
    left[1:] *= math.sqrt(1 - rho**2)
    for i in range(1, n):
        left[i] += rho * left[i - 1]
    left += white * rng.normal(size=n)
    log_compute = np.log(np.arange(1, n + 1) / n)
    data = sigmoid.FitData(log_compute, 100 + left, np.ones(n), None)
    # A curve that is flat at 100: A and R0 are the same, whatever its shape.
    one = np.ones(1)
    flat = sigmoid.Sigmoids(np.zeros((1, 2)), one, 100 * one, 0 * one, one, one, one, one)
    return ceiling.residual_noise(data, flat)


@pytest.mark.parametrize(("rho", "worth"), [(0.0, N), (0.5, N / 3)])
def test_autocorrelation_costs_the_points_their_worth(rho, worth):
    found = [noise_of(N, rho, seed) for seed in range(200)]
    effective = np.median([noise.effective_points for noise in found])
    # (1 − rho)/(1 + rho), less a correction for four parameters, of which none was fitted here.
    assert 0.6 * worth < effective <= worth
    assert all(noise.effective_points <= N for noise in found)


def test_the_variance_is_that_of_the_long_run():
    # Of AR(1) with variance 1: (1 + rho)/(1 − rho) = 3.
    variances = [noise_of(4000, 0.5, seed).variance for seed in range(20)]
    assert 2.7 < np.median(variances) < 4.5


def test_a_slow_drift_under_scatter_is_seen():
    """From point to point rho is 0.2, as if 4,000 points were worth 2,700 and not about 50."""
    found = [noise_of(4000, 0.995, seed, white=2.0).effective_points for seed in range(20)]
    assert np.median(found) < 200


def test_data_without_noise_lose_no_points():
    c = np.log(np.arange(1, 201) / 200)
    shape = np.array([[math.log(0.1), math.log(1.9)]])
    exact = sigmoid.FitData(c, 1 / (1 + (0.1 / np.exp(c)) ** 1.9), np.ones(200), None)
    found = ceiling.residual_noise(exact, sigmoid.regress(exact, shape))
    assert found.effective_points == 200
    assert found.variance < 1e-20


@pytest.mark.parametrize(
    ("compute", "why"),
    [
        (np.arange(1, 30), "there are 29 points, and a forecast needs 30"),
        (np.zeros(100), "no compute was counted"),
        (np.linspace(2, 19, 100), "the compute grows by a factor of 9.5 over the points"),
        (np.linspace(2, 20, 30), ""),
        (np.linspace(0, 9.9, 100), ""),  # from the first compute above 0: 0.1
        (np.r_[0, np.linspace(2, 18, 99)], "the compute grows by a factor of 9 over the points"),
    ],
)
def test_a_ceiling_needs_thirty_points_over_a_factor_of_ten(compute, why):
    found = ceiling.too_little(compute.astype(np.float64))
    assert found.startswith(why)
    assert bool(found) == bool(why)
