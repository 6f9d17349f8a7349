"""The noise of a series: its size at every place, and how long it lasts."""

import numpy as np
import pytest

from rlviz.report.statistics.noise import (
    GRID,
    correlations,
    is_drift,
    mean_correlation,
    noise_of,
    noise_variance,
    of_difference,
)

from .conftest import lasting


@pytest.mark.parametrize(("correlation", "variance"), [(0.0, 2 / 3), (0.5, 1.6)])
def test_values_that_alternate_have_the_variance_of_their_second_differences(correlation, variance):
    # |y - mean of both neighbors| is 1 everywhere; 2 / ((1 - r)(3 - r)) of that is noise.
    found = noise_variance(np.arange(30) % 2 * 1.0, correlation)
    np.testing.assert_allclose(found, variance)
    assert of_difference(correlation) == pytest.approx(variance)


def test_the_size_of_the_noise_is_that_nearby():
    signs = np.where(np.arange(200) % 2, 1.0, -1.0)
    found = noise_variance(signs * np.linspace(1, 3, 200), 0.0)
    assert found[10] < found[100] < found[190]
    assert found[100] == pytest.approx(4 * 4 * 2 / 3, rel=0.1)  # (2·2)² of second differences


def test_where_noise_ends_the_noisier_side_counts():
    sizes = np.where(np.arange(200) < 100, 1.0, 0.01)
    found = noise_variance(np.where(np.arange(200) % 2, sizes, -sizes), 0.0)
    np.testing.assert_allclose(found[90:98], 8 / 3)  # though half of what is near is silent
    assert found[150] < 0.01


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_how_long_it_lasts_is_found_beside_a_curve(correlation):
    rng = np.random.default_rng(4)
    curve = 5 * np.sin(np.linspace(0, 4, 200))
    found = [
        mean_correlation(correlations(curve + lasting(rng, 200, correlation))) for _ in range(20)
    ]
    assert np.median(found) == pytest.approx(correlation, abs=0.07)


def test_of_few_points_and_of_none_that_scatter_it_is_assumed():
    few = correlations(np.random.default_rng(0).standard_normal(23))
    assert mean_correlation(few) == pytest.approx(0.5)
    assert few.sum() == 1
    assert mean_correlation(correlations(np.ones(100))) == 0.0


def test_a_walk_is_drift_and_a_clean_curve_is_none_however_little_noise_it_has():
    rng = np.random.default_rng(1)
    walks = [rng.standard_normal(60).cumsum() for _ in range(60)]
    assert sum(is_drift(y, mean_correlation(correlations(y))) for y in walks) >= 54
    averaged = [rng.standard_normal(1000).cumsum().reshape(200, 5).mean(1) for _ in range(20)]
    assert sum(is_drift(y, mean_correlation(correlations(y))) for y in averaged) >= 18
    x = np.linspace(0, 1, 60)
    for curve in (1 / (1 + np.exp(-(x - 0.5) / 0.05)), np.abs(x - 0.4), np.maximum(x - 0.7, 0), x):
        for noise in (0.0, 1e-5, 1e-3):
            y = curve + noise * rng.standard_normal(60)
            assert not is_drift(y, mean_correlation(correlations(y)))
    assert not is_drift(np.arange(20.0), 0.5)
    assert is_drift(rng.standard_normal(20), 0.5)


def test_no_deviation_is_below_the_least():
    noise = noise_of(np.linspace(0, 1, 50), 0.1)
    np.testing.assert_allclose(noise.variance, 0.01)
    assert noise.correlation < 0.1
    assert len(noise.weights) == len(GRID)
