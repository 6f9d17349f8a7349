"""Whether two curves move together beyond both changing."""

import numpy as np
import pytest

from rlviz.report.statistics.together import Together, together


def test_curves_that_both_rise_are_not_together_for_that():
    rng = np.random.default_rng(10)
    x = np.linspace(0, 1, 200)
    shared = rng.standard_normal(200)
    claimed = {0.0: 0, 1.0: 0}
    for part in claimed:
        for _ in range(50):
            first = 10 * x + shared + 0.5 * rng.standard_normal(200)
            second = 5 * x**2 + part * shared + 0.5 * rng.standard_normal(200)
            claimed[part] += together(x, first, second).is_claimed
    assert claimed[0.0] <= 5
    assert claimed[1.0] == 50


def test_what_goes_up_as_the_other_goes_down_is_against_it():
    x = np.linspace(0, 1, 200)
    noise = np.random.default_rng(0).standard_normal(200)
    found = together(x, x + noise, 5 - 2 * noise)
    assert found.correlation == pytest.approx(-1.0, abs=0.01)
    assert found.is_claimed


def test_both_tests_have_to_reject():
    assert Together(0.5, p_around=0.05, p_changes=0.05).is_claimed
    assert not Together(0.5, p_around=0.06, p_changes=0.01).is_claimed
    assert not Together(0.5, p_around=0.01, p_changes=0.06).is_claimed
