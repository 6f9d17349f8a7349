"""Slopes over intervals: each in its standard error, and only where a move is."""

import math

import numpy as np
import pytest

from rlviz.report.statistics.evidence import ANCHORED, Evidence, slope_variances, slopes
from rlviz.report.statistics.noise import GRID, Noise


def evidence_of(y, variance=1.0, correlation=0.0):
    weights = np.zeros(len(GRID))
    weights[np.flatnonzero(correlation == GRID)[-1]] = 1.0
    return Evidence(y, Noise(np.full(len(y), variance), weights))


def test_a_slope_of_three_points_has_the_variance_of_half_their_difference():
    # (y2 - y0) / 2: (1 - r²) / 2.
    assert slope_variances(3, 0.0)[3] == pytest.approx(1 / 2)
    assert slope_variances(3, 0.5)[3] == pytest.approx(3 / 8)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_the_variance_of_a_slope_is_that_of_the_dense_formula(correlation):
    k = np.arange(20) - 9.5
    weights = k / (k @ k)
    lags = np.abs(np.subtract.outer(np.arange(20), np.arange(20)))
    dense = weights @ correlation**lags @ weights
    assert slope_variances(30, correlation)[20] == pytest.approx(dense)


def test_slopes_are_those_of_lines():
    y = np.concatenate([np.arange(10.0), 9 - 2 * np.arange(10.0)])
    np.testing.assert_allclose(slopes(y, np.array([0, 10]), np.array([10, 20])), [1.0, -2.0])


def test_evidence_is_z_less_its_price():
    y = np.zeros(40)
    y[:] = 0.5 * np.arange(40)
    k = np.arange(40) - 19.5
    z = 0.5 * math.sqrt(k @ k)  # noise of variance 1
    found = evidence_of(y).strength(0, 39, 1.0)
    assert found == pytest.approx(z - min(ANCHORED, math.sqrt(2 * math.log(math.e))))
    assert evidence_of(y).strength(0, 39, -1.0) < 0


def test_it_counts_inside_a_move_only():
    y = np.where(np.arange(100) < 50, 0.0, np.arange(100) - 50.0)
    found = evidence_of(y, 0.01)
    assert found.strength(50, 99, 1.0) > 20
    assert found.strength(0, 45, 1.0) < found.strength(0, 60, 1.0)
    assert found.strength(0, 3, 1.0) == -math.inf  # no interval is so short


def test_noise_that_lasts_weakens_it():
    y = np.arange(60.0) / 10
    strengths = [evidence_of(y, 1.0, rho).strength(0, 59, 1.0) for rho in (0.0, 0.5, 0.9)]
    assert strengths == sorted(strengths, reverse=True)


def test_a_correlation_that_is_uncertain_weakens_it_more_than_its_mean_does():
    y = np.arange(60.0) / 10
    weights = np.zeros(len(GRID))
    weights[np.isin(GRID, [0.3, 0.7])] = 0.5
    sure = evidence_of(y, 1.0, 0.5).strength(0, 59, 1.0)
    assert Evidence(y, Noise(np.ones(60), weights)).strength(0, 59, 1.0) < sure


def test_the_change_of_a_line_is_its_slope_times_its_length():
    assert evidence_of(3 * np.arange(30.0)).change(10, 20) == pytest.approx(30.0)
