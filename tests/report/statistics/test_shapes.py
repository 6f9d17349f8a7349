"""Simple shapes fitted to a series: each leaves nothing of its own, and its numbers come back."""

import numpy as np
import pytest

from rlviz.report.statistics.shapes import Shapes

X = np.linspace(0, 1, 100)


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_a_shape_leaves_nothing_of_a_series_of_its_own(correlation):
    shapes = Shapes(X, correlation)
    place = shapes.positions[20]
    series = {
        "constant": 3 + 0 * X,
        "line": 1 + 2 * X,
        "parabola": 1 + 2 * X - 3 * X**2,
        "best_bend": 1 + 2 * X + 3 * np.maximum(X - place, 0),
        "best_shift": 1 + 2 * X + 3 * (place < X),
    }
    white = np.array([shapes.white(y) for y in series.values()])
    fits = shapes.fit(white)
    total = (white**2).sum(1)
    left = np.array([getattr(fits, name) for name in series]) / total  # (shape, series)
    assert left.diagonal().max() < 1e-11
    assert (left[1, 2:] > 1e-4).all()  # a line is not enough for what bends
    assert left[0, 1] > 1e-3
    assert fits.bends[3].argmin() == fits.shifts[4].argmin() == 20


def test_the_numbers_of_a_shape_come_back():
    shapes = Shapes(X, 0.5)
    bent = 1 + 2 * X + 3 * np.maximum(X - shapes.positions[10], 0)
    found = shapes.coefficients(shapes.bend(10), shapes.white(bent))
    np.testing.assert_allclose(found, [1, 2, 3], atol=1e-9)
    shifted = 1 + 2 * X - 4 * (shapes.positions[30] < X)
    found = shapes.coefficients(shapes.shift(30), shapes.white(shifted))
    np.testing.assert_allclose(found, [1, 2, -4], atol=1e-9)
