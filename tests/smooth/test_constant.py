"""The recurrence with one factor as matrix products, against a loop."""

import numpy as np
import pytest

from rlviz.smooth.constant import ConstantRecurrence


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("length", [1, 16, 17, 100, 700, 12_000])
def test_it_is_that_of_a_loop(recurrence, factor, length):
    b = np.random.default_rng(length).normal(size=(3, length))
    out, initial = np.empty_like(b), np.array([0.0, 1.0, -4.0])
    last = ConstantRecurrence(factor, length, gain=0.5).run(b, initial, out)
    for row in range(3):
        expected, final = recurrence(factor, b[row], initial=initial[row])
        np.testing.assert_allclose(out[row], 0.5 * expected, rtol=1e-10, atol=1e-11)
        assert last[row] == pytest.approx(final, rel=1e-10, abs=1e-11)


def test_a_gap_gives_nan_and_writes_nothing():
    b, out = np.ones((1, 40)), np.full((1, 40), 7.0)
    b[0, 20] = np.nan
    last = ConstantRecurrence(0.9, 40).run(b, np.zeros(1), out)
    assert np.isnan(last).all()
    assert (out == 7.0).all()


def test_averages_are_divided_by_the_weights_so_far():
    b, out = np.full((1, 50), 3.0), np.empty((1, 50))
    engine = ConstantRecurrence(0.9, 50, gain=0.1)
    engine.run(b, np.zeros(1), out)
    weights = engine.unbias(out, np.zeros(1))
    np.testing.assert_allclose(out, 3.0, rtol=1e-12)
    assert weights[0] == pytest.approx((1 - 0.9**50) / 0.1)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9999])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_series_may_have_fewer_points_than_there_is_room(recurrence, factor, dtype):
    counts = np.array([0, 1, 15, 16, 17, 480])
    b = np.random.default_rng(0).normal(size=(6, 480)).astype(dtype)
    b[np.arange(480) >= counts[:, None]] = 0
    initial, den = np.arange(6.0) - 2, np.arange(6.0)
    engine, out = ConstantRecurrence(factor, 480, gain=1 - factor, dtype=dtype), np.empty_like(b)
    last = engine.run(b, initial, out, counts)
    weights = engine.unbias(out, den, counts)
    for row, count in enumerate(counts):
        expected, final = recurrence(factor, b[row, :count], initial=initial[row])
        of_weights, total = recurrence(factor, np.ones(count), initial=den[row])
        rounding = 1e-6 if dtype == np.float32 else 1e-13
        most = max(1.0, np.abs(b[row]).max(), abs(initial[row]))
        np.testing.assert_allclose(out[row, :count], expected / of_weights, atol=rounding * most)
        assert last[row] == pytest.approx(final, rel=10 * rounding, abs=10 * rounding)
        assert weights[row] == pytest.approx(total, rel=1e-13)
