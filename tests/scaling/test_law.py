"""The saturating curve of some points: its likely range, and the early points it leaves out."""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares

from rlviz.scaling import fit
from rlviz.scaling.law import EARLY, Law, _data, end_of_early, first_half

C = np.arange(1, 201) / 200 * 1e23


def curve(c, a=0.7, b=1.9, c_mid=1e22, r0=0.3):
    return r0 + (a - r0) / (1 + (c_mid / c) ** b)


def noisy(seed, n=200):
    return curve(C[:n]) + 0.02 * np.random.default_rng(seed).normal(size=n)


def test_the_interval_ends_where_the_profile_likelihood_says():
    y = noisy(3)
    found = Law.of(C, y, None)

    def squares(a):
        def left(p):
            r0, b, log_mid = p
            return y - curve(C, a, b, math.exp(log_mid) * 1e22, r0)

        return 2 * least_squares(left, [found.R0, found.B, math.log(found.C_mid / 1e22)]).cost

    at_best = squares(found.A)
    rises = [squares(end) - at_best for end in found.intervals()[0]]
    assert rises[0] == pytest.approx(rises[1], rel=0.1)
    # t² of 95 % is 3.9; autocorrelation, which is 0 here up to chance, can only raise it.
    t_squared = rises[0] / (at_best / 196)
    assert 3.7 < t_squared < 8


def test_the_intervals_of_all_three_hold_the_truth():
    held = np.zeros(3)
    for seed in range(20):
        found = Law.of(C, noisy(seed), None).intervals()
        held += [
            low <= true <= high for (low, high), true in zip(found, (0.7, 1.9, 1e22), strict=True)
        ]
    assert (held >= 17).all()


def test_the_first_half_of_a_curve_leads_to_the_same_place():
    before = first_half(C, curve(C), None)
    assert before.compute == pytest.approx(0.5e23)
    assert pytest.approx(0.7, rel=1e-4) == before.A
    assert first_half(C[:20], curve(C[:20]), None) is None  # ten points
    assert first_half(C, np.where(C > 0.6e23, 0.5, 0.1), None) is None  # a constant


def test_early_points_of_another_law_are_left_out():
    y = noisy(0)
    y[:4] += 0.6  # the first 2 %, which a rising curve cannot have
    assert end_of_early(C, y, None) in [share * C[-1] for share in (0.02, 0.05, 0.1)]
    few = C[:30]
    assert end_of_early(few, curve(few), None) == 0  # 30 points have to stay
    assert max(EARLY) == 0.1  # which leaves a factor of ten


def test_steps_that_spent_nothing_have_no_place_on_a_curve():
    y = np.linspace(0, 1, 200)
    c = np.where(np.arange(200) < 150, 0.0, 1e18)
    assert end_of_early(c, y, None) == 0
    assert first_half(c, y, None) is None


def test_very_many_points_are_averaged_as_if_all_were_looked_at_together():
    c = np.concatenate([np.zeros(500), np.sort(np.random.default_rng(1).uniform(size=150_000))])
    y = np.random.default_rng(2).normal(size=len(c))
    data = _data(c, y, 0.25, 2.0, None)
    share, value = c / c[-1], (y - 0.25) / 2.0
    with np.errstate(divide="ignore"):
        stretch = np.floor(np.log(share) / 0.02)
    column = np.arange(len(c)) * 250 // len(c)
    is_new = (np.diff(column) != 0) | (stretch[1:] != stretch[:-1])
    bins = np.concatenate([[0], np.cumsum(is_new)])
    count = np.bincount(bins)
    np.testing.assert_allclose(data.weight, count / count.mean())
    np.testing.assert_allclose(data.value, np.bincount(bins, value) / count, atol=1e-12)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(data.log_compute, np.log(np.bincount(bins, share) / count))


def test_a_fit_does_not_change_what_it_is_given():
    c = np.sort(np.random.default_rng(1).uniform(size=1000))
    y = 0.3 + 0.4 * c
    before = c.copy(), y.copy()
    fit(c, y, exclude_below=0.1).predict_interval(c)
    np.testing.assert_array_equal((c, y), before)
