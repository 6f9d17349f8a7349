"""Whether two series move together beyond both changing."""

import numpy as np
import pytest
from scipy.stats import norm

from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import smoothed
from rlviz.report.statistics.together import Together, together

from .conftest import STEPS, lasting

X = np.linspace(0, 1, 200)


def compared(first, second):
    return together((smoothed(STEPS, X, first), smoothed(STEPS, X, second)), X, first, second)


@pytest.mark.slow
def test_curves_that_both_rise_are_not_together_for_that():
    rng = np.random.default_rng(10)
    shared = rng.standard_normal(200)
    steep = 8 / (1 + np.exp(-(X - 0.5) / 0.05))
    claimed = {0.0: 0, 1.0: 0}
    for part in claimed:
        for _ in range(25):
            first = steep + shared + 0.5 * rng.standard_normal(200)
            second = steep**2 / 4 + part * shared + 0.5 * rng.standard_normal(200)
            claimed[part] += compared(first, second).is_claimed
    assert claimed[0.0] <= 4
    assert claimed[1.0] == 25


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.5, 0.8])
def test_noise_that_lasts_is_no_connection(correlation):
    rng = np.random.default_rng(11)
    pairs = [[X + lasting(rng, 200, correlation) for _ in range(2)] for _ in range(40)]
    assert sum(compared(*pair).is_claimed for pair in pairs) <= 4


def test_what_goes_up_as_the_other_goes_down_is_against_it():
    noise = np.random.default_rng(0).standard_normal(200)
    found = compared(X + noise, 5 - 2 * noise)
    assert found.correlation == pytest.approx(-1.0, abs=0.03)
    assert found.is_claimed


def test_a_series_that_is_its_own_curve_goes_with_nothing():
    noise = np.random.default_rng(0).standard_normal(200)
    assert not compared(3 * X, noise).is_claimed


def test_both_tests_have_to_reject():
    assert Together(0.5, p_around=0.05, p_changes=0.05).is_claimed
    assert not Together(0.5, p_around=0.06, p_changes=0.01).is_claimed
    assert not Together(0.5, p_around=0.01, p_changes=0.06).is_claimed


def test_a_long_run_is_compared_as_if_all_of_it_were_looked_at_together():
    steps = 300_000
    x = np.linspace(0, 1, steps)
    rng = np.random.default_rng(5)
    shared = rng.standard_normal(steps)
    size = np.where(x < 0.5, 1.0, 4.0)
    values = [x + size * (0.1 * shared + rng.standard_normal(steps)) for _ in range(2)]
    curves = tuple(smoothed(XAxis(schema.AXES["step"]), x, y) for y in values)
    found = together(curves, x, *values)
    evened = []
    for curve, y in zip(curves, values, strict=True):
        noise = y - curve.values_at(x)[0]
        noise /= np.abs(noise).max()
        width = steps // 10
        sums = np.concatenate([[0.0], np.cumsum(np.abs(noise))])
        begin = np.arange(steps) - width // 2
        first, last = np.maximum(begin, 0), np.minimum(begin + width, steps)
        evened.append(noise * (last - first) / (sums[last] - sums[first]))
    assert found.correlation == pytest.approx(np.corrcoef(evened)[0, 1], rel=1e-9)
    r = np.corrcoef(np.diff(evened[0]), np.diff(evened[1]))[0, 1]
    count = steps * (1 - 0.25) / (1 + 0.25)
    assert found.p_changes == pytest.approx(2 * norm.sf(r * np.sqrt(count)), rel=0.1)
