"""Fits, held against weighted least squares done point by point in O(T²)."""

import math
from functools import partial

import numpy as np
import pytest

import rlviz.smooth

# One bandwidth for all places, and noise that is new at every point.
local_polynomial = partial(rlviz.smooth.local_polynomial, local=False, noise_correlation=0.0)

# Relative to max |y|. Moments and their determinant lose up to 1e5 of float64's 2e-16 where a
# neighborhood is lopsided (the ends of a curve, a gap).
TOLERANCE = {"float64": 1e-9}

LENGTHS = (1, 2, 3, 7, 127, 300)
DEGREES = (0, 1, 2)


@pytest.fixture
def brute_force(kernel_rows):
    """Curve, leverage and standard error of finite points."""

    def fit(y, x, tau, degree):
        rows = kernel_rows(x, tau, degree)
        curve, leverage = rows @ y, np.diag(rows)
        variance = rows**2 @ ((y - curve) ** 2 / np.maximum(1 - leverage, 0.02))
        return curve, leverage, np.where(leverage > 0.98, math.nan, np.sqrt(variance))

    return fit


def noisy(x, seed=0):
    span = (x[-1] - x[0]) or 1.0
    signal = np.sin(4 * (x - x[0]) / span) + 3
    return signal + 0.3 * np.random.default_rng(seed).normal(size=len(x))


def regular(length):
    return np.arange(length, dtype=np.float64)


def irregular(length):
    return np.cumsum(np.random.default_rng(length).exponential(size=length))


def repeated(length):
    return np.floor(regular(length) / 3)


@pytest.mark.quick(16)
@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("spacing", [regular, irregular, repeated])
@pytest.mark.parametrize("tau", [1.5, 4.0, 60.0])
def test_the_curve_is_the_weighted_least_squares_fit_at_every_point(
    spacing, length, degree, tau, brute_force
):
    x = spacing(length)
    y = noisy(x)
    got = local_polynomial(y, x=x, degree=degree, bandwidth=tau)
    curve, _, error = brute_force(y, x, tau, degree)
    tolerance = TOLERANCE["float64"] * np.abs(y).max()
    np.testing.assert_allclose(got.curve, curve, rtol=0, atol=tolerance)
    np.testing.assert_allclose(got.standard_error, error, rtol=1e-7, atol=tolerance)
    np.testing.assert_allclose(got.bandwidth, tau, rtol=1e-15)


@pytest.mark.parametrize("degree", DEGREES)
def test_the_leverage_is_what_leaving_the_point_out_says_it_is(degree):
    # (y_i − fit_i) / (1 − h_i) is the residual of a fit that never saw the point; here that fit is
    # really made, by giving the point the value at which it is its own estimate.
    x = irregular(60)
    y = noisy(x)
    curve = local_polynomial(y, x=x, degree=degree, bandwidth=5.0).curve
    for i in (0, 1, 30, 59):
        moved = y.copy()
        moved[i] += 1.0
        leverage = local_polynomial(moved, x=x, degree=degree, bandwidth=5.0).curve[i] - curve[i]
        left_out = np.delete(np.arange(60), i)
        u = (x[left_out] - x[i]) / 5.0
        root = np.exp(-np.abs(u) / 2)
        design = root[:, None] * u[:, None] ** np.arange(degree + 1)
        unseen = np.linalg.lstsq(design, root * y[left_out], rcond=None)[0][0]
        assert (y[i] - curve[i]) / (1 - leverage) == pytest.approx(y[i] - unseen, abs=1e-9)


@pytest.mark.parametrize("degree", DEGREES)
def test_a_gap_in_the_values_is_no_point_at_all(degree, brute_force):
    x = irregular(127)
    y = noisy(x)
    y[[0, 5, 6, 7, 60, 126]] = [math.nan, math.inf, -math.inf, math.nan, math.nan, math.nan]
    finite = np.isfinite(y)
    got = local_polynomial(y, x=x, degree=degree, bandwidth=4.0)
    alone = local_polynomial(y[finite], x=x[finite], degree=degree, bandwidth=4.0)
    curve, _, error = brute_force(y[finite], x[finite], 4.0, degree)
    assert np.isnan(got.curve[~finite]).all()
    assert np.isnan(got.standard_error[~finite]).all()
    np.testing.assert_allclose(got.curve[finite], alone.curve, atol=1e-12)
    np.testing.assert_allclose(got.curve[finite], curve, atol=TOLERANCE["float64"] * 5)
    np.testing.assert_allclose(got.standard_error[finite], error, rtol=1e-7)


def test_a_point_whose_x_is_unknown_is_a_gap_too(brute_force):
    x, y = regular(30), noisy(regular(30))
    x[[3, 29]] = math.nan, math.inf
    got = local_polynomial(y, x=x, bandwidth=3.0)
    assert list(np.flatnonzero(np.isnan(got.curve))) == [3, 29]
    known = np.isfinite(x)
    curve, _, _ = brute_force(y[known], x[known], 3.0, 2)
    np.testing.assert_allclose(got.curve[known], curve, atol=TOLERANCE["float64"] * 5)


@pytest.mark.parametrize("bandwidth", [0.5, 3.0, 1e4, "loo"])
@pytest.mark.parametrize(
    ("degree", "polynomial"),
    [
        (0, lambda u: 0 * u + 7.25),
        (1, lambda u: 0 * u + 7.25),
        (2, lambda u: 0 * u + 7.25),
        (1, lambda u: 3 - 5 * u),
        (2, lambda u: 3 - 5 * u),
        (2, lambda u: 3 - 5 * u + 11 * u**2),
    ],
    ids=["constant-0", "constant-1", "constant-2", "line-1", "line-2", "parabola-2"],
)
def test_a_polynomial_of_the_degree_comes_back_as_it_is(degree, polynomial, bandwidth):
    x = irregular(200)
    y = polynomial((x - x[0]) / (x[-1] - x[0]))
    got = local_polynomial(y, x=x, degree=degree, bandwidth=bandwidth)
    # The moment matrix of a bandwidth of 1e4 gaps has a condition of about 1e5.
    np.testing.assert_allclose(got.curve, y, atol=1e-8)
    known = np.isfinite(got.standard_error)
    np.testing.assert_allclose(got.standard_error[known], 0, atol=1e-8)


def test_a_line_is_bent_by_degree_0_at_its_ends():
    line = np.linspace(0.0, 1.0, 50)
    curve = local_polynomial(line, degree=0, bandwidth=3.0).curve
    assert curve[0] > line[0] + 0.01
    assert curve[-1] < line[-1] - 0.01


def test_compute_of_1e26_flops_is_an_x_like_any_other(brute_force):
    x = 1e26 + irregular(150) * 1e23
    y = noisy(x)
    got = local_polynomial(y, x=x, bandwidth=5e23)
    curve, _, error = brute_force(y, x - x[0], 5e23, 2)
    np.testing.assert_allclose(got.curve, curve, atol=TOLERANCE["float64"] * 5)
    np.testing.assert_allclose(got.standard_error, error, rtol=1e-7)


@pytest.mark.parametrize("bandwidth", [1e-100, 1e-3, 1e26])
def test_a_bandwidth_far_from_the_scale_of_x_still_gives_numbers(bandwidth):
    x = np.concatenate([irregular(50), irregular(50)[-1:]])  # the last x twice
    y = noisy(x)
    curve = local_polynomial(y, x=x, bandwidth=bandwidth).curve
    if bandwidth < 1:  # nobody but the points at the same x
        expected = np.append(y[:-2], [y[-2:].mean()] * 2)
        np.testing.assert_allclose(curve, expected, atol=1e-9)
    else:  # everybody the same: the parabola of ordinary least squares
        expected = np.polynomial.Polynomial.fit(x, y, 2)(x)
        np.testing.assert_allclose(curve, expected, atol=1e-9)


@pytest.mark.parametrize("shift", [1e6, -1e6])
def test_values_far_from_zero_lose_no_more_than_their_rounding(shift):
    y = noisy(irregular(100))
    near = local_polynomial(y, x=irregular(100), bandwidth=4.0)
    far = local_polynomial(y + shift, x=irregular(100), bandwidth=4.0)
    np.testing.assert_allclose(far.curve - shift, near.curve, atol=1e-7)
