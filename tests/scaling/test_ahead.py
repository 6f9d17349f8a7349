"""Where a run stands, how far it may go, and whether it foretold itself."""

import math

import numpy as np
import pytest

from rlviz.scaling.ahead import (
    FACTORS,
    WIDEST,
    Range,
    Standing,
    ahead,
    not_foretold,
    not_slowing,
    standing,
)

C = np.arange(1.0, 201.0)
SHARE = (0.0, 1.0)


def logarithm(c):
    return 0.2 + 0.1 * np.log(c)


def test_a_run_stands_at_the_end_of_a_line_in_log_compute():
    found = standing(C, logarithm(C), 200.0)
    assert found.level == pytest.approx(0.2 + 0.1 * math.log(200))
    assert found.gain == pytest.approx(0.1)  # dy/dC = 0.1/C
    assert found.error == pytest.approx(0, abs=1e-9)
    assert standing(C, logarithm(C), 50.0).level == pytest.approx(0.2 + 0.1 * math.log(50))


def test_only_the_last_half_of_the_compute_counts_but_at_least_ten_points():
    y = np.where(C > 100, 0.6, 0.1)
    assert standing(C, y, 200.0).level == pytest.approx(0.6)
    few = np.geomspace(1, 1000, 12)
    assert standing(few, np.r_[9.0, 9.0, np.full(10, 0.5)], 1000.0).level == pytest.approx(0.5)
    assert standing(few, np.r_[0.0, 0.0, np.full(9, 0.5), 5.0], 1000.0).level > 0.5


def test_the_error_of_the_level_is_that_of_a_line_at_its_end():
    rng = np.random.default_rng(0)
    levels = [standing(C, rng.normal(size=200), 200.0) for _ in range(400)]
    spread = np.std([one.level for one in levels])
    assert np.median([one.error for one in levels]) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize(
    ("gain", "factor", "lines"),
    [
        (0.1, 2.0, (0.5, 0.6)),
        (0.1, 1.5, (0.5, 0.55)),
        (0.0, 4.0, (0.5, 0.5)),
        (-0.1, 2, (0.4, 0.5)),
    ],
)
def test_the_two_lines_are_to_stay_and_to_go_on(gain, factor, lines):
    assert Standing(0.5, 0.0, gain, 0.0).lines(factor) == pytest.approx(lines)


def test_the_range_of_a_logarithm_without_noise_is_between_its_lines():
    found = ahead(C, logarithm(C), 200.0, 2.0)
    level = 0.2 + 0.1 * math.log(200)
    assert (found.low, found.high) == pytest.approx((level, level + 0.1), abs=1e-6)
    # Each doubling brought 0.1 log 2: unchanged ± twice that.
    assert found.half_unchanged == pytest.approx(0.2 * math.log(2), rel=1e-6)


def test_what_the_lines_missed_before_is_added():
    """A jump of 0.3 at 120, after a rest: the lines before it missed it by 0.3."""
    y = np.where(C > 120, 0.6, 0.3)
    found = ahead(C, y, 240.0, 2.0)
    assert found.high - found.low >= 0.3
    # No origin from 50 to 100 saw it within twice its compute.
    assert ahead(C, np.full(200, 0.3), 200.0, 2.0).half == pytest.approx(0, abs=1e-9)


def test_without_a_past_there_is_no_range():
    assert ahead(C[:40], logarithm(C[:40]), 40.0, 4.0) is None  # 10 points before 10
    assert ahead(C, logarithm(C), 200.0, 4.0) is not None


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (logarithm(C), ""),
        (0.5 + 0 * C, "the accuracy does not rise beyond its scatter"),
        (0.9 - logarithm(C) / 2, "the accuracy does not rise beyond its scatter"),
        (logarithm(C) - 0.003 * np.maximum(C - 100, 0), "the accuracy falls at the end"),
        (0.2 + 1e-5 * C**2, "the rise does not slow down yet, so where it leads is open"),
    ],
)
def test_a_forecast_needs_a_rise_that_slows_down(y, why):
    assert not_slowing(C, y) == why


def test_noise_that_is_as_large_as_the_rise_hides_it():
    noise = np.random.default_rng(0).normal(size=200)
    assert not_slowing(C, 0.01 * logarithm(C) + 0.1 * noise)
    assert not not_slowing(C, logarithm(C) + 0.01 * noise)


def test_a_forecast_must_have_held_where_the_run_is_now():
    y = logarithm(C)
    found, why = not_foretold(C, y, 2.0, SHARE)
    assert why == ""
    assert found.low < 0.2 + 0.1 * math.log(400) < found.high
    # A new rise after a rest, which nothing foretold.
    late = 0.1 + 0.02 * np.log(C) + 0.0006 * np.maximum(C - 110, 0)
    _, why = not_foretold(C, late, 1.5, SHARE)
    assert why in (
        "a forecast from earlier in the run would have missed what came",
        "it would be no more certain than to say that the accuracy stays as it is, judged by the "
        "run so far",
    )


def test_a_share_is_not_forecast_wider_than_ten_points():
    assert WIDEST == 0.1
    steep = 0.2 + 0.15 * np.log(C)  # past 100 %, as a reward is
    found, why = not_foretold(C, steep / 2, FACTORS[-1], SHARE)
    assert found.half > WIDEST
    assert why.startswith("at 4 times the compute it could be anything from 50 to ")
    assert why.endswith(" %")
    _, why = not_foretold(C, steep, 2.0, (-math.inf, math.inf))
    assert why == ""


def test_a_range_stays_within_what_is_possible():
    found = Range(-0.2, 1.4, -1.0, 0.5).within(0.0, 1.0)
    assert (found.low, found.high, found.half, found.half_unchanged) == (0.0, 1.0, 0.5, 0.25)
