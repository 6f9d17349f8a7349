"""A move in pieces: their paces, jumps and level stretches."""

import numpy as np
import pytest

from rlviz.report.series.curves import smoothed
from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.moves import Move

from .conftest import STEPS

X = np.linspace(0, 1, 200)
SPLIT = 0.03


def pieces_of(curve, noise=0.02, first=0, last=199):
    y = curve + noise * np.random.default_rng(6).standard_normal(200)
    binned = Binned.of(smoothed(STEPS, X, y), X, y)
    return Move(binned, first, last).pieces(SPLIT)


def told(pieces):
    return [(piece.sign, piece.pace) for piece in pieces]


def test_a_straight_rise_is_one_piece():
    (piece,) = pieces_of(X)
    assert (piece.first, piece.last, piece.sign, piece.pace) == (0, 199, 1, "")


@pytest.mark.parametrize("up", [1, -1])
def test_paces_are_relative_to_the_neighbors(up):
    slow_then_steep = up * np.interp(X, [0, 0.6, 1], [0, 0.3, 1.6])
    pieces = pieces_of(slow_then_steep)
    assert told(pieces) == [(up, "slowly"), (up, "steeply")]
    assert X[pieces[0].last] == pytest.approx(0.6, abs=0.04)
    assert pieces[1].first == pieces[0].last


def test_a_pause_is_level():
    pieces = pieces_of(np.interp(X, [0, 0.35, 0.5, 0.85, 1], [0, 0.5, 0.5, 1, 1]), noise=0.01)
    assert [piece.sign for piece in pieces] == [1, 0, 1, 0]


def test_of_two_steep_pieces_that_differ_much_only_one_is_called_steep():
    pieces = pieces_of(np.interp(X, [0, 0.6, 0.85, 1], [0, 0.02, 0.42, 1.0]), noise=0.01)
    assert [piece.pace for piece in pieces if piece.sign] == ["", "steeply"]


def test_a_jump_is_told_between_what_was_before_and_after():
    pieces = pieces_of((X > 0.5) * 1.0)
    assert told(pieces) == [(0, ""), (1, "jump"), (0, "")]
    assert X[pieces[1].first] == pytest.approx(0.5, abs=0.05)
    assert X[pieces[1].last] == pytest.approx(0.5, abs=0.05)
    rising = pieces_of(X + (X > 0.5))
    assert told(rising) == [(1, ""), (1, "jump"), (1, "")]


def test_curves_without_corners():
    assert told(pieces_of(X**2)) == [(1, "ever faster")]
    assert told(pieces_of(-np.exp(-4 * X))) == [(1, "ever slower")]
