"""Averages of the finite points alone, put back where they stood, against their definition."""

import numpy as np
import pytest

from rlviz.smooth import gaps
from rlviz.smooth.constant import ConstantRecurrence

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}


def over_gaps(y, weight, num=None, den=None):
    """The averages and the two sums after the last point; None if left to others."""
    products = ConstantRecurrence(weight, y.shape[-1], gain=1 - weight, dtype=y.dtype)
    out, nothing = np.empty(y.shape, y.dtype), np.zeros(len(y))
    num, den = nothing if num is None else num, nothing if den is None else den
    sums = gaps.average(y, np.isfinite(y), products, num, den, out)
    return sums and (out, *sums)


@pytest.mark.quick(40)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 17, 300, 5000])
@pytest.mark.parametrize("weight", [0.0, 0.9, 0.9999])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.99])
def test_every_row_is_the_average_of_its_definition(
    average, series, share, rows, weight, length, dtype
):
    y = series(rows, length, gaps=share, dtype=dtype)
    out, num, den = over_gaps(y, weight)
    for row in range(rows):
        expected, total, of_weights, _ = average(y[row], weight=weight)
        most = np.abs(y[row], where=np.isfinite(y[row]), out=np.zeros(length)).max()
        np.testing.assert_allclose(out[row], expected, rtol=0, atol=TOLERANCE[dtype] * most)
        assert num[row] == pytest.approx(total, rel=TOLERANCE[dtype])
        assert den[row] == pytest.approx(of_weights, rel=1e-13)


@pytest.mark.parametrize("cut", [1, 150, 399])
def test_the_sums_of_one_part_go_on_in_the_next(series, cut):
    y = series(3, 400, gaps=0.1)
    y[0, 100:] = np.nan  # one that the second part adds nothing to
    y[1, :150] = np.nan  # one that has seen nothing when it is cut
    whole, *end = over_gaps(y, 0.95)
    first, *sums = over_gaps(y[:, :cut], 0.95)
    second, *last = over_gaps(y[:, cut:], 0.95, *sums)
    np.testing.assert_allclose(np.hstack([first, second]), whole, rtol=1e-13)
    np.testing.assert_allclose(last, end, rtol=1e-13)


def test_gaps_change_nothing_at_the_points_between_them(series):
    y = series(1, 3000)
    holed = np.full((1, 6000), np.nan)
    holed[:, ::2] = y
    out, num, den = over_gaps(holed, 0.9)
    expected, total, of_weights = over_gaps(y, 0.9)
    np.testing.assert_allclose(out[:, ::2], expected, rtol=4e-15)
    np.testing.assert_allclose([num, den], [total, of_weights], rtol=4e-15)


def test_series_without_a_point_are_nan_and_remember_what_they_did():
    y = np.full((2, 40), np.nan)
    out, num, den = over_gaps(y, 0.9, np.array([3.0, 0.0]), np.array([2.0, 0.0]))
    assert np.isnan(out).all()
    assert (num.tolist(), den.tolist()) == ([3.0, 0.0], [2.0, 0.0])
    y[1] = 1.0
    out, num, den = over_gaps(y, 0.9, np.array([3.0, 0.0]), np.array([2.0, 0.0]))
    assert np.isnan(out[0]).all()
    assert (num[0], den[0]) == (3.0, 2.0)
    np.testing.assert_allclose(out[1], 1.0, rtol=1e-13)


def test_sums_that_overflow_are_left_to_others():
    y = np.full((1, 5000), 1e36, np.float32)
    y[0, 7] = np.nan
    assert over_gaps(y, 0.9999) is None
