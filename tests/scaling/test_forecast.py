"""The forecast: how far it reaches, and its interval from the end of the data on."""

import math

import numpy as np
import pytest

from rlviz.scaling.forecast import LevelForecast

C = np.arange(1.0, 301.0)


def noisy(y, size=0.01, seed=0):
    return y + size * np.random.default_rng(seed).normal(size=len(y))


SATURATING = LevelForecast.of(C, noisy(0.3 + 0.4 / (1 + (30 / C) ** 1.5)))


def test_a_rise_that_comes_to_rest_is_forecast_to_four_times_its_compute():
    assert SATURATING.why_not == ""
    assert SATURATING.reach == 4
    assert SATURATING.end == 300
    assert SATURATING.factors[[0, -1]].tolist() == [1, 4]


def test_the_interval_never_gets_narrower_and_ends_in_what_is_possible():
    low, high = SATURATING.interval(300 * np.linspace(1, 4, 50))
    assert (np.diff(low) <= 0).all()
    assert (np.diff(high) >= 0).all()
    low, high = SATURATING.interval(np.array([1201.0, math.inf]))
    assert low.tolist() == [0, 0]
    assert high.tolist() == [1, 1]


def test_between_two_factors_the_interval_is_a_straight_line():
    ends = SATURATING.end * SATURATING.factors[1:3]
    low, high = SATURATING.interval(np.array([*ends, ends.mean()]))
    assert low[2] == pytest.approx(low[:2].mean())
    assert high[2] == pytest.approx(high[:2].mean())


def test_a_value_is_moved_between_the_lines():
    at = np.array([600.0, 600.0, 600.0])
    found = SATURATING.between_lines(at, np.array([0.0, SATURATING.level + 1e-4, 1.0]))
    on = SATURATING.level + SATURATING.gain
    assert found == pytest.approx([SATURATING.level, SATURATING.level + 1e-4, on])


def test_a_reward_has_no_limits():
    found = LevelForecast.of(C, 10 * noisy(0.3 + 0.4 / (1 + (30 / C) ** 1.5)))
    assert found.limits == (-math.inf, math.inf)
    assert found.reach > 1
    assert np.isinf(found.interval(np.array([1e6]))).all()


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (noisy(0.5 + 0 * C), "does not rise beyond its scatter"),
        (noisy(0.2 + 0.4 * (C / 300) ** 3), "does not slow down yet"),
        (np.clip(noisy(0.1 + 0.6 * C / 300, 0.15), 0, 1), "it could be anything from"),
    ],
)
def test_where_none_is_given_it_reaches_nowhere_and_says_why(y, why):
    found = LevelForecast.of(C, y)
    assert found.reach == 1
    assert why in found.why_not


def test_too_short_a_past_is_said():
    c = np.r_[1, np.linspace(10, 12, 29)]
    found = LevelForecast.of(c, 0.5 - 0.4 / c)
    assert found.reach == 1
    assert found.why_not == "the run is too short to try a forecast on its own past"


def test_of_random_walks_one_in_ten_is_forecast_at_most():
    given = 0
    for seed in range(40):
        steps = np.random.default_rng(seed).normal(size=200)
        given += LevelForecast.of(C[:200], 0.5 + 0.007 * np.cumsum(steps)).reach > 1
    assert given <= 4
