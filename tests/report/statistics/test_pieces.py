"""The straight pieces of a move, and the curves that have none."""

import numpy as np
import pytest

from rlviz.report.statistics.pieces import Line, curved, shortest, whitened

X = np.linspace(0, 1, 200)
NOISE = 0.01 * np.random.default_rng(1).standard_normal(200)


def line_of(curve, noise=1.0, split=0.03):
    line = Line(X, curve + noise * NOISE, np.full(200, 0.01), 0.0, 10, 1)
    line.simplified(split)
    return line


def test_a_line_bends_where_the_series_does():
    curve = np.interp(X, [0, 0.3, 0.7, 1], [0, 0.1, 0.9, 1])
    line = line_of(curve)
    assert [X[bend] for bend in line.bends] == pytest.approx([0.3, 0.7], abs=0.02)
    np.testing.assert_allclose(line.values, curve, atol=0.02)
    assert 150 < line.left < 260  # chi² of 200 - 6


@pytest.mark.parametrize("curve", [X, 0 * X])
def test_a_straight_line_has_no_bend(curve):
    assert line_of(curve).bends == []


def test_a_bend_that_is_too_small_to_tell_goes_first():
    curve = np.interp(X, [0, 0.3, 0.7, 1], [0, 0.1, 0.9, 1])
    curve = curve + 0.6 * np.maximum(X - 0.85, 0)
    line = line_of(curve, noise=0.1, split=0.001)
    assert len(line.bends) >= 3
    line.simplified(0.08)
    assert [X[bend] for bend in line.bends] == pytest.approx([0.3, 0.7], abs=0.02)


def test_no_piece_runs_against_the_move():
    curve = np.interp(X, [0, 0.4, 0.5, 1], [0, 0.6, 0.4, 1])
    line = line_of(curve)
    assert (np.diff(line.values[[0, *line.bends, 199]]) > -0.05).all()


def test_a_parabola_goes_ever_faster_and_a_hockey_stick_does_not():
    assert curved(line_of(X**2), 2) == "ever faster"
    assert curved(line_of(X * (2 - X)), 2) == "ever slower"
    assert curved(line_of(1 - np.exp(-4 * X)), 2) == "ever slower"
    assert curved(line_of(5 * np.maximum(X - 0.7, 0)), 2) == ""


def test_whitened_noise_is_what_is_new_at_each_bin():
    columns = np.array([[2.0, 4.0], [4.0, 4.0], [6.0, 4.0]])
    # Divided by 2, then (next - 0.6·previous) / 0.8 beyond the first.
    expected = [[1.0, 2.0], [1.75, 1.0], [2.25, 1.0]]
    np.testing.assert_allclose(whitened(columns, np.full(3, 2.0), 0.6), expected)


def test_the_shortest_piece_is_a_twentieth_and_four_bins_at_least():
    assert [shortest(bins) for bins in (20, 100, 200)] == [4, 5, 10]
