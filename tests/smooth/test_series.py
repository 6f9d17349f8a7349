"""Series made ready: one scale, gaps without mass, what a polynomial explains taken out."""

import math

import numpy as np
import pytest

from rlviz.smooth.series import Series


def test_x_goes_from_0_to_1_and_a_gap_has_no_mass():
    series = Series.of(np.array([[3.0, math.nan, -5.0]]), np.array([10.0, 20.0, 30.0]))
    assert series.u.tolist() == [[0.0, 0.0, 1.0]]
    assert series.mass.tolist() == [[1.0, 0.0, 1.0]]
    values = (series.y + series.offset) * series.scale
    np.testing.assert_allclose(values[0, [0, 2]], [3.0, -5.0], rtol=1e-15)
    assert (series.extent[0], series.step[0]) == (20.0, 1.0)


@pytest.mark.parametrize("degree", [0, 1, 2])
@pytest.mark.parametrize("shared", [True, False])
def test_what_is_left_of_a_polynomial_is_what_least_squares_leave(degree, shared):
    random = np.random.default_rng(0)
    x = np.sort(random.random((2, 40)), -1)
    y = random.normal(size=(2, 40)) + 30 * x**2
    y[1, 3:9] = math.nan
    series = Series.of(y, x[0] if shared else x)
    left, trend = series.without_polynomial(degree)
    for row in range(2):
        known = np.isfinite(y[row])
        at = series.u[min(row, len(series.u) - 1)]
        fitted = np.polynomial.Polynomial.fit(at[known], series.y[row][known], degree)
        np.testing.assert_allclose(trend[row][known], fitted(at[known]), atol=1e-12)
        np.testing.assert_allclose((left.y + trend)[row][known], series.y[row][known], atol=1e-14)
        assert (left.y[row][~known] == 0).all()


def test_points_at_one_place_have_no_more_than_a_mean():
    left, trend = Series.of(np.array([[1.0, 2.0, 6.0]]), np.ones(3)).without_polynomial(2)
    np.testing.assert_allclose(trend, 0.0, atol=1e-15)
    assert np.isfinite(left.y).all()
