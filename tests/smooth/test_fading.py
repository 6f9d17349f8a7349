"""Averages as products of blocks, against their definition; and when that is left to others."""

import numpy as np
import pytest

from rlviz.smooth import fading

TOLERANCE = {np.float32: 1e-6, np.float64: 1e-13}

# Before the first finite point there is 0/0, which the callers of these let pass.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")


@pytest.fixture(autouse=True)
def quiet():
    """As `ema` calls it: before the first point of a series nothing is divided by nothing."""
    with np.errstate(all="ignore"):
        yield


def along(y, at, tau, num=None, den=None):
    """The averages, and the two sums at the last x; None if left to others."""
    engine, out = fading.Fading(y.shape[-1], y.dtype), np.empty(y.shape, y.dtype)
    positions = engine.positions(at, tau)
    nothing = np.zeros(len(y))
    sums = positions and engine.along(
        y,
        positions,
        nothing if num is None else num,
        nothing if den is None else den,
        np.isfinite(y),
        out,
    )
    return sums and (out, *sums)


@pytest.mark.quick(16)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1, 15, 16, 17, 300, 5000])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("tau", [0.5, 3.0, 40.0, 5000.0])
def test_along_x(average, series, tau, shared, gaps, length, dtype):
    y = series(2, length, gaps=gaps, dtype=dtype)
    random = np.random.default_rng(length)
    at = 1e3 + np.cumsum(random.exponential(size=(1 if shared else 2, length)) / 4, -1)
    out, num, den = along(y, at, tau)
    for row in range(2):
        x = at[0 if shared else row]
        expected, total, weight, last = average(y[row], x=x, tau=tau)
        most = np.nanmax(np.abs(expected), initial=1.0)
        np.testing.assert_allclose(out[row], expected, rtol=0, atol=TOLERANCE[dtype] * most)
        fade = 0.0 if last is None else np.exp((last - x[-1]) / tau)
        assert num[row] == pytest.approx(fade * total, rel=TOLERANCE[dtype], abs=1e-30)
        assert den[row] == pytest.approx(fade * weight, rel=TOLERANCE[dtype], abs=1e-30)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_the_sums_of_one_part_go_on_in_the_next(series, gaps, shared):
    y = series(3, 400, gaps=gaps)
    at = np.cumsum(np.random.default_rng(0).exponential(size=(1 if shared else 3, 400)), -1)
    whole, *end = along(y, at, 20.0)
    first, *sums = along(y[:, :150], at[:, :150], 20.0)
    fade = np.exp((at[:, 149] - at[:, 150]) / 20.0)
    second, *last = along(y[:, 150:], at[:, 150:], 20.0, *(fade * part for part in sums))
    np.testing.assert_allclose(np.hstack([first, second]), whole, rtol=1e-13)
    np.testing.assert_allclose(last, end, rtol=1e-13)


def test_series_that_go_on_from_different_states_may_share_an_x(average):
    y, at = np.ones((2, 40)), np.arange(40.0)[None]
    out, num, den = along(y, at, 5.0, np.array([0.0, 6.0]), np.array([0.0, 2.0]))
    np.testing.assert_allclose(out[0], 1.0, rtol=1e-13)
    assert out[1, 0] == pytest.approx((6 + 1) / (2 + 1), rel=1e-13)
    assert num[1] - num[0] == pytest.approx(6 * np.exp(-39 / 5), rel=1e-10)
    assert den[1] - den[0] == pytest.approx(2 * np.exp(-39 / 5), rel=1e-10)


def test_a_series_without_a_point_between_others_stays_without_one(average):
    y = np.ones((3, 5000), np.float32)
    y[1] = np.nan
    at = np.cumsum(np.random.default_rng(0).exponential(size=(3, 5000)), -1)
    out, num, den = along(y, at, 30.0)
    assert np.isnan(out[1]).all()
    assert (num[1], den[1]) == (0.0, 0.0)
    np.testing.assert_allclose(out[[0, 2]], 1.0, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pause_that_no_block_can_hold_is_left_to_others(dtype):
    y, at = np.ones((1, 100), dtype), np.arange(100.0)[None]
    assert along(y, at, 1.0) is not None
    at[0, 50:] += 1000.0
    assert along(y, at, 1.0) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_an_x_that_is_missing_or_goes_backwards_is_left_to_others(bad):
    at = np.arange(100.0)[None]
    at[0, 50] = bad
    assert along(np.ones((1, 100)), at, 9.0) is None


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_sums_that_overflow_are_left_to_others(sign):
    """Also those that would come back: three quarters of the largest float32, up and down."""
    y = np.full((1, 5000), 1e36, np.float32)
    assert along(y, np.arange(5000.0)[None], 1e4) is None
    y = np.zeros((1, 5000), np.float32)
    y[0, 16:20] = np.array([1, 1, -1, -1]) * sign * 2.5e38
    assert along(y, np.arange(5000.0)[None], 1e4) is None


@pytest.mark.parametrize("count", [1, 2, 5, 16, 17, 300, 5000])
@pytest.mark.parametrize("span", [1e-3, 0.5, 30.0, 500.0])
def test_blocks_are_joined_as_a_loop_would_join_them(recurrence, span, count):
    random = np.random.default_rng(count)
    spans, amounts = span * random.random((2, count)), random.normal(size=(3, 2, count))
    spans[:, count // 3 : count // 2] = 0.0
    initial = random.normal(size=(3, 2))
    before, last = fading.Carry(spans).run(amounts, initial)
    for series in np.ndindex(3, 2):
        a = np.exp(-spans[series[1]].astype(np.longdouble))
        h, final = recurrence(a, amounts[series], initial=initial[series])
        atol = 1e-14 * max(1.0, np.abs(h).max())
        np.testing.assert_allclose(before[series][1:], h[:-1], rtol=0, atol=atol)
        assert before[series][0] == initial[series]
        assert last[series] == pytest.approx(final, abs=atol)
