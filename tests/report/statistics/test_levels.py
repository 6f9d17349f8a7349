"""Level stretches: they surely change little, and are much flatter than what is beside them."""

import numpy as np
import pytest

from rlviz.report.series.curves import smoothed
from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.levels import Levels

from .conftest import STEPS

X = np.linspace(0, 1, 200)


def levels_of(curve, noise=0.02):
    y = curve + noise * np.random.default_rng(5).standard_normal(200)
    return Levels(Binned.of(smoothed(STEPS, X, y), X, y))


STAIRS = np.interp(X, [0, 0.3, 0.5, 0.8, 1], [0, 0.5, 0.5, 1, 1])


def test_a_stretch_is_level_where_the_truth_is():
    levels = levels_of(STAIRS)
    assert levels.is_level(62, 98, beside=1.6)
    assert levels.is_level(165, 199, beside=1.6)
    assert not levels.is_level(0, 60)
    assert not levels.is_level(50, 110)


def test_a_part_of_a_straight_line_is_not_for_being_short():
    levels = levels_of(X, noise=0.01)
    assert not levels.is_level(90, 108, beside=1.0)  # a change of 9 %, as steep as its neighbors


def test_nor_is_a_short_one_or_one_that_noise_leaves_open():
    assert not levels_of(STAIRS).is_level(75, 80, beside=1.6)  # under a twentieth of the axis
    noisy = levels_of(np.interp(X, [0, 0.6, 1], [0, 0.07, 1]), noise=0.3)
    assert not noisy.is_level(0, 119, beside=2.0)  # nobody knows whether it changed by a tenth


def test_a_certain_rise_is_not_level_however_slow():
    slow = np.interp(X, [0, 0.6, 1], [0, 0.09, 1])
    assert not levels_of(slow, noise=0.005).is_level(0, 119, beside=2.0)


def test_a_piece_that_ends_in_a_level_stretch_is_cut_down_to_it():
    levels = levels_of(np.interp(X, [0, 0.6, 1], [0, 1, 1]))
    knots = levels.fitted([0, 100, 199], 1)  # the bend stands too early
    assert X[knots[1]] == pytest.approx(0.6, abs=0.03)
    assert levels.are_level(knots, 1) == [False, True]


def test_a_piece_that_runs_against_its_move_by_much_is_none():
    levels = levels_of(np.interp(X, [0, 0.4, 0.6, 1], [0, 0.7, 0.4, 1]))
    assert levels.fitted([0, 80, 120, 199], 1) in ([0, 80, 199], [0, 120, 199])
