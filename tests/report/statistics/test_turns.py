"""Where a curve turns: at its extremes, if noise does not explain the moves beside them."""

import numpy as np
import pytest

from rlviz.report.statistics.evidence import Evidence
from rlviz.report.statistics.noise import noise_of
from rlviz.report.statistics.turns import is_certain, turning_points

X = np.linspace(0, 1, 200)
NOISE = np.random.default_rng(3).standard_normal(200)


def turns_of(curve, noise):
    series = curve + noise * NOISE
    return turning_points(curve, Evidence(series, noise_of(series, 1e-9)))


def test_a_v_turns_at_its_tip():
    assert turns_of(np.abs(X - 0.4), 0.01) == [0, 80, 199]


def test_what_noise_explains_is_no_turn():
    wiggle = X + 0.1 * np.sin(40 * X)
    assert turns_of(wiggle, 1.0) == [0, 199]
    assert len(turns_of(wiggle, 0.01)) > 4


def test_a_move_too_small_to_see_is_none_however_certain():
    ramp = np.interp(X, [0, 0.5, 0.6, 1], [0, 0.5, 0.46, 1])
    assert turns_of(ramp, 1e-6) == [0, 199]
    deeper = np.interp(X, [0, 0.5, 0.6, 1], [0, 0.5, 0.44, 1])
    assert len(turns_of(deeper, 1e-6)) == 4


def test_upside_down_it_turns_at_the_same_places():
    curve = np.sin(9 * X)
    assert turns_of(-curve, 0.0) == turns_of(curve, 0.0)
    assert len(turns_of(curve, 0.01)) == 5


@pytest.mark.parametrize("curve", [np.zeros(200), X, (X > 0.5) * 1.0])
def test_what_does_not_turn_has_two_ends(curve):
    assert turns_of(curve, 0.01) == [0, 199]


def test_the_only_move_of_a_series_needs_more():
    assert not is_certain(1.8, moves=1)
    assert is_certain(1.8, moves=2)
    assert not is_certain(1.4, moves=2)
