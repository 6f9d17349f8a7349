"""Averages as products of blocks, against their definition; and when that is left to others."""

import numpy as np
import pytest

from rlviz.smooth import fading

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-12}

# Before the first finite point there is 0/0, which the callers of these let pass.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")


@pytest.fixture(autouse=True)
def quiet():
    """As `ema` calls it: before the first point of a series nothing is divided by nothing."""
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 300, 5000])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("tau", [3.0, 40.0])
def test_along_x(average, series, tau, shared, length, dtype):
    y = series(2, length, gaps=0.2)
    random = np.random.default_rng(length)
    at = np.cumsum(random.exponential(size=(1 if shared else 2, length)) / 4, -1)
    known = np.isfinite(y)
    values, out = np.where(known, y, 0.0).astype(dtype), np.empty((2, length), dtype)
    positions = fading.Positions(at, tau, np.dtype(dtype))
    nothing = np.zeros(2)
    num, den = fading.along(values, positions, nothing, nothing, known, out)
    for row in range(2):
        x = at[0 if shared else row]
        expected, total, weight, last = average(y[row], x=x, tau=tau)
        np.testing.assert_allclose(out[row], expected, rtol=0, atol=20 * TOLERANCE[dtype])
        fade = 0.0 if last is None else np.exp((last - x[-1]) / tau)
        assert num[row] == pytest.approx(fade * total, rel=20 * TOLERANCE[dtype], abs=1e-30)
        assert den[row] == pytest.approx(fade * weight, rel=20 * TOLERANCE[dtype], abs=1e-30)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 300, 5000])
@pytest.mark.parametrize("weight", [0.5, 0.97, 0.9999])
@pytest.mark.parametrize("gaps", [0.0, 0.02, 0.9])
def test_over_gaps(average, series, gaps, weight, length, dtype):
    y, out = series(3, length, gaps=gaps, dtype=dtype), np.empty((3, length), dtype)
    num, den = fading.over_gaps(y, weight, np.zeros(3), np.zeros(3), out)
    for row in range(3):
        expected, total, of_weights, _ = average(y[row], weight=weight)
        np.testing.assert_allclose(out[row], expected, rtol=0, atol=20 * TOLERANCE[dtype])
        assert num[row] == pytest.approx(total, rel=20 * TOLERANCE[dtype])
        assert den[row] == pytest.approx(of_weights, rel=1e-12)


def test_the_sums_of_one_part_go_on_in_the_next(series):
    y, whole = series(2, 400, gaps=0.1), np.empty((2, 400))
    nothing = np.zeros(2)
    fading.over_gaps(y, 0.95, nothing, nothing, whole)
    first, second = np.empty((2, 150)), np.empty((2, 250))
    sums = fading.over_gaps(y[:, :150], 0.95, nothing, nothing, first)
    fading.over_gaps(y[:, 150:], 0.95, *sums, second)
    np.testing.assert_allclose(np.hstack([first, second]), whole, rtol=1e-12)


def test_a_pause_that_no_block_can_hold_is_left_to_others():
    at = np.arange(100.0)[None]
    assert fading.Positions(at, 1.0, np.dtype(np.float32)).growth is not None
    at[0, 50:] += 1000.0
    positions = fading.Positions(at, 1.0, np.dtype(np.float32))
    nothing, out = np.zeros(1), np.empty((1, 100), np.float32)
    assert fading.along(np.ones_like(out), positions, nothing, nothing, None, out) is None


def test_a_memory_of_next_to_nothing_is_left_to_others():
    y, nothing = np.ones((1, 50), np.float32), np.zeros(1)
    assert fading.over_gaps(y, 0.0, nothing, nothing, np.empty_like(y)) is None
    assert fading.over_gaps(y, 0.1, nothing, nothing, np.empty_like(y)) is None


def test_sums_that_overflow_are_left_to_others():
    y, nothing = np.full((1, 5000), 1e36, np.float32), np.zeros(1)
    y[0, 7] = np.nan
    assert fading.over_gaps(y, 0.9999, nothing, nothing, np.empty_like(y)) is None
