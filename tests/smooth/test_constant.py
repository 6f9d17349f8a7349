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
