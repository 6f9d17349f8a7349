"""Numbers with their intervals, by hand."""

import numpy as np
import pytest

from rlviz.report.compare.estimate import Estimate, Estimates, exponential


def estimates(*rows):
    return Estimates(*np.array(rows, dtype=float).T)


def test_the_interval_of_draws_leaves_out_a_fortieth_at_either_end():
    draws = np.arange(201.0)[:, None]  # 5 of 200 gaps at either end
    assert Estimates.of_draws(np.array([50.0]), draws)[0] == Estimate(50.0, 5.0, 195.0)
    assert Estimates.of_draws(np.array([2.0]), draws)[0] == Estimate(2.0, 2.0, 195.0)


def test_a_difference_adds_the_facing_halves_like_independent_errors():
    a, b = estimates((10.0, 7.0, 11.0)), estimates((4.0, 2.0, 8.0))
    # below: 10 − 7 = 3 and 8 − 4 = 4; above: 11 − 10 = 1 and 4 − 2 = 2
    assert a.minus(b)[0] == Estimate(6.0, 1.0, 6.0 + np.sqrt(5))


def test_a_difference_is_one_only_where_the_interval_leaves_the_value_out():
    assert Estimate(2.0, 0.5, 3.0).differs_from(0.0)
    assert Estimate(-2.0, -3.0, -0.5).differs_from(0.0)
    assert not Estimate(2.0, -0.5, 3.0).differs_from(0.0)
    assert not Estimate(2.0, 0.0, 3.0).differs_from(0.0)


def test_the_mean_of_seeds_has_students_interval():
    seeds = Estimates(*(np.array([[1.0], [2.0], [3.0]]) for _ in range(3)))
    found = Estimates.over_seeds(seeds)[0]
    assert found.value == 2.0
    # 4.3027: Student's 97.5 % point with 2 degrees of freedom; the seeds' sd is 1.
    assert found.high - 2.0 == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)


def test_the_mean_of_two_seeds_is_never_surer_than_their_own_noise_times_students_factor():
    half = np.full((2, 1), 1.96)  # a standard error of 1 each
    found = Estimates.over_seeds(Estimates(5 + 0 * half, 5 - half, 5 + half))[0]
    assert found.high - 5 == pytest.approx(12.706 / np.sqrt(2), rel=1e-4)


def test_the_rule_holds_for_means_of_two_seeds():
    """Groups of two seeds each, of equal mean: at most 5 % are told apart, also where their
    scatter differs."""
    random = np.random.default_rng(0)
    for scatter in (1.0, 5.0):
        told = 0
        for _ in range(1000):
            rows = random.normal(size=(2, 2, 1)) * np.array([1.0, scatter])[:, None, None]
            one, other = (Estimates.over_seeds(Estimates(row, row, row)) for row in rows)
            told += one.minus(other)[0].differs_from(0.0)
        assert told <= 60


def test_turned_and_unknown():
    found = estimates((1.0, 0.0, 3.0), (2.0, 1.0, 4.0))
    assert found.turned(-1.0)[0] == Estimate(-1.0, -3.0, -0.0)
    assert found.turned(1.0)[1] == Estimate(2.0, 1.0, 4.0)
    assert found.widened(2.0)[0] == Estimate(1.0, -1.0, 5.0)
    kept = found.where(np.array([True, False]))
    assert kept[0] == Estimate(1.0, 0.0, 3.0)
    assert np.isnan(kept[1].value)


def test_logarithms_are_turned_back_and_what_is_not_known_stays_that():
    logs = estimates(np.log([2.0, 1.0, 4.0]), (np.nan, np.nan, np.nan), (0.0, -1e4, 1e4))
    assert exponential(logs, 0) == Estimate(*[pytest.approx(x) for x in (2.0, 1.0, 4.0)])
    assert exponential(logs, 1) is None
    assert np.isfinite(exponential(logs, 2).high)
