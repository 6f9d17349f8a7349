"""The offline curve, held against a weighted least-squares fit done point by point in O(T²)."""

import math
import os

import numpy as np
import pytest
import torch

from rlviz.smooth import arrays, fit, local_polynomial

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
    assert got.bandwidth == pytest.approx(tau, rel=1e-15)


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


def test_nothing_finite_gives_a_curve_of_nan():
    got = local_polynomial([math.nan, math.inf, math.nan])
    assert np.isnan(got.curve).all()
    assert np.isnan(got.standard_error).all()
    assert got.curve.shape == got.standard_error.shape == (3,)
    assert math.isnan(got.bandwidth)


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


@pytest.mark.parametrize("bandwidth", [6.0, "loo"])
@pytest.mark.parametrize("unit", [1e-9, 1e21])
def test_the_unit_of_x_does_not_matter(unit, bandwidth):
    x = irregular(150)
    y = noisy(x)
    one = local_polynomial(y, x=x, bandwidth=bandwidth)
    scaled = bandwidth if bandwidth == "loo" else bandwidth * unit
    other = local_polynomial(y, x=x * unit, bandwidth=scaled)
    np.testing.assert_allclose(other.curve, one.curve, atol=1e-11)
    np.testing.assert_allclose(other.standard_error, one.standard_error, atol=1e-11)
    assert other.bandwidth == pytest.approx(one.bandwidth * unit, rel=1e-12)


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


def leave_one_out_error(y, x, tau, degree):
    """Mean squared error of predicting every point from all others, each fit really made."""
    residuals = []
    for i in range(len(x)):
        others = np.delete(np.arange(len(x)), i)
        u = (x[others] - x[i]) / tau
        root = np.exp(-np.abs(u) / 2)
        design = root[:, None] * u[:, None] ** np.arange(degree + 1)
        residuals.append(y[i] - np.linalg.lstsq(design, root * y[others], rcond=None)[0][0])
    return np.mean(np.square(residuals))


@pytest.mark.parametrize("degree", DEGREES)
@pytest.mark.parametrize("spacing", [regular, irregular])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_bandwidth_chosen_is_the_best_of_the_grid_at_predicting_unseen_points(
    kernel_rows, spacing, degree, seed
):
    x = spacing(40)
    y = noisy(x, seed)
    # The grid: 24 bandwidths, geometric, from two median steps to twice the extent of x.
    extent = x[-1] - x[0]
    grid = np.geomspace(2 * np.median(np.diff(x)), 2 * extent, 24)
    usable = [tau for tau in grid if np.diag(kernel_rows(x, tau, degree)).max() <= 0.98]
    losses = [leave_one_out_error(y, x, tau, degree) for tau in usable]
    expected = usable[int(np.argmin(losses))]
    assert local_polynomial(y, x=x, degree=degree).bandwidth == pytest.approx(expected, rel=1e-9)


def test_a_late_rise_is_followed_to_its_end():
    # The hockey stick of DEFINITIONS 4: 8 → 14 in the last tenth, noise 0.4 → 1.2. There RMSE was
    # 0.162 and the bias at the end −0.10; TensorBoard's EMA at its best weight had −1.04.
    random = np.random.default_rng(0)
    x = np.linspace(0, 1, 400)
    truth = 8 + 60 * np.maximum(x - 0.9, 0)
    noise = np.linspace(0.4, 1.2, 400)
    curves = np.array(
        [local_polynomial(truth + noise * random.normal(size=400), x=x).curve for _ in range(30)]
    )
    assert np.sqrt(np.mean((curves - truth) ** 2)) < 0.25
    assert abs(np.mean(curves[:, -1]) - 14) < 0.4


def test_x_left_out_counts_the_points():
    y = noisy(regular(30))
    assert (
        local_polynomial(y).curve.tobytes() == local_polynomial(y, x=np.arange(30)).curve.tobytes()
    )


def test_what_goes_in_is_left_as_it_was():
    x, y = irregular(20), noisy(irregular(20))
    before = x.copy(), y.copy()
    local_polynomial(y, x=x)
    assert (x == before[0]).all()
    assert (y == before[1]).all()


def test_points_out_of_order_are_refused_in_words():
    with pytest.raises(ValueError, match=r"x must never decrease\. Sort the points, or smooth"):
        local_polynomial([1.0, 2.0, 3.0], x=[0.0, 2.0, 1.0])


def test_a_gap_may_stand_anywhere_on_x():
    assert np.isfinite(
        local_polynomial([1.0, math.nan, 3.0], x=[0.0, 9.0, 1.0]).curve[[0, 2]]
    ).all()


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, math.inf, math.nan, "auto", None])
def test_a_bandwidth_out_of_range_is_refused_in_words(bandwidth):
    expected = rf'bandwidth must be > 0 and finite, .* or "loo", got {bandwidth!r}\.'
    with pytest.raises(ValueError, match=expected):
        local_polynomial([1.0, 2.0], bandwidth=bandwidth)


@pytest.mark.parametrize("degree", [-1, 3, 1.5, 2.0, "2", None])
def test_a_degree_out_of_range_is_refused_in_words(degree):
    with pytest.raises(ValueError, match=rf"degree must be 0, 1 or 2, got {degree!r}\."):
        local_polynomial([1.0, 2.0], degree=degree)


def test_lengths_that_differ_are_refused_in_words():
    with pytest.raises(ValueError, match=r"x must have the shape of values, \(2,\), .*got \(3,\)"):
        local_polynomial([1.0, 2.0], x=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("values", [[], np.zeros((2, 0)), 3.0])
def test_no_points_are_refused_in_words(values):
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., T\) with T >= 1, got"):
        local_polynomial(values)


@pytest.mark.parametrize("values", [["a", "b"], [1 + 2j, 0], [None, 1.0], [True, False]])
def test_what_are_no_real_numbers_is_refused_in_words(values):
    with pytest.raises(TypeError, match=r"values must be real numbers in floating point, got"):
        local_polynomial(values)
    with pytest.raises(TypeError, match=r"x must be real numbers in floating point, got dtype"):
        local_polynomial([1.0, 2.0], x=values)


@pytest.mark.parametrize("whole", [np.arange(4), torch.arange(4)], ids=["array", "tensor"])
def test_whole_numbers_are_an_x_but_no_values(whole):
    with pytest.raises(TypeError, match=r"got dtype .*int64\. Convert them first"):
        local_polynomial(whole)
    assert local_polynomial([1.0, 2.0, 3.0, 4.0], x=whole).curve == pytest.approx([1, 2, 3, 4])


# --- many series at once -----------------------------------------------------


def several(count, length):
    """Series around their own means, and a strictly growing x for each."""
    x = np.stack([np.cumsum(1 + (np.arange(length) * (k + 3)) % 5) for k in range(count)]) * 1.0
    y = np.stack([noisy(row, seed=k) + 10 * k for k, row in enumerate(x)])
    return x, y


@pytest.mark.parametrize("bandwidth", [6.0, "loo"])
@pytest.mark.parametrize("length", [1, 2, 3, 127, 400])
@pytest.mark.parametrize("gaps", [False, True], ids=["whole", "gaps"])
@pytest.mark.parametrize("shared", [False, True], ids=["private x", "shared x"])
def test_a_batch_gives_every_series_what_it_gets_alone(shared, gaps, length, bandwidth):
    x, y = several(4, length)
    if gaps:
        y[np.random.default_rng(length).random(y.shape) < 0.2] = math.nan
    batch = local_polynomial(y, x=x[0] if shared else x, bandwidth=bandwidth)
    assert batch.curve.shape == batch.low.shape == y.shape
    assert batch.bandwidth.shape == (4,)
    for k in range(4):
        alone = local_polynomial(y[k], x=x[0 if shared else k], bandwidth=bandwidth)
        np.testing.assert_allclose(batch.bandwidth[k], alone.bandwidth, rtol=1e-12)
        for part in ("curve", "standard_error", "low", "high"):
            got, expected = getattr(batch, part)[k], getattr(alone, part)
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-8, err_msg=part)


def test_a_series_without_a_finite_point_is_nan_and_leaves_the_others_alone():
    x, y = several(3, 50)
    y[1] = math.nan
    got = local_polynomial(y, x=x)
    assert np.isnan(got.curve[1]).all()
    assert np.isnan(got.low[1]).all()
    assert math.isnan(got.bandwidth[1])
    assert np.isfinite(got.curve[[0, 2]]).all()


def test_the_order_of_the_series_does_not_matter():
    x, y = several(5, 90)
    order = [4, 2, 0, 3, 1]
    turned, straight = local_polynomial(y[order], x=x[order]), local_polynomial(y, x=x)
    assert (turned.curve == straight.curve[order]).all()


def test_a_turned_series_gives_the_turned_curve():
    x, y = irregular(200), noisy(irregular(200))
    straight, turned = local_polynomial(y, x=x), local_polynomial(y[::-1], x=-x[::-1])
    np.testing.assert_allclose(turned.curve[::-1], straight.curve, atol=1e-10)
    np.testing.assert_allclose(turned.low[::-1], straight.low, atol=1e-10)


@pytest.mark.parametrize("length", [1000, 1001, 1024])
def test_a_series_worked_on_in_stretches_gives_what_it_gives_in_one(monkeypatch, length):
    x, y = irregular(length), noisy(irregular(length))
    y[100:400] = math.nan  # longer than a stretch
    whole = local_polynomial(y, x=x)
    monkeypatch.setattr(fit, "_CACHED", 128)
    pieces = local_polynomial(y, x=x)
    assert pieces.bandwidth == whole.bandwidth
    for part in ("curve", "standard_error", "low", "high"):
        np.testing.assert_allclose(getattr(pieces, part), getattr(whole, part), atol=1e-10)


def test_threads_give_what_one_gives(monkeypatch):
    x, y = several(8, 600)
    expected = local_polynomial(y, x=x)
    monkeypatch.setattr(fit, "_CACHED", 1200)
    monkeypatch.setattr(fit, "_WORTH_THREADS", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    got = local_polynomial(y, x=x)
    np.testing.assert_allclose(got.curve, expected.curve, atol=1e-12)
    assert (got.bandwidth == expected.bandwidth).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_tensor_comes_back_as_a_tensor_and_is_left_as_it_was(dtype):
    y = torch.from_numpy(noisy(regular(60))).to(dtype).requires_grad_()
    before = y.detach().clone()
    got = local_polynomial(y)
    assert got.curve.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    assert (y.detach() == before).all()
    expected = local_polynomial(before.double().numpy()).curve
    # Computed in float64: all that is lost is the rounding of the result.
    tolerance = 1e-15 if dtype == torch.float64 else 1.2e-7
    np.testing.assert_allclose(got.curve.double().numpy(), expected, rtol=tolerance)


def test_torch_runs_the_same_algorithm_as_numpy(monkeypatch):
    # On an accelerator tensors stay tensors; here their host memory is hidden from the engine.
    x, y = several(3, 300)
    y[1, 40:60] = math.nan
    expected = local_polynomial(y, x=x)
    monkeypatch.setattr(arrays, "on_host", lambda array: False)
    monkeypatch.setattr(
        arrays, "real", lambda values, name, **_: torch.as_tensor(np.asarray(values)).double()
    )
    got = local_polynomial(torch.from_numpy(y), x=torch.from_numpy(x))
    for part in ("curve", "standard_error", "low", "high", "bandwidth"):
        tensor = getattr(got, part)
        assert torch.is_tensor(tensor)
        np.testing.assert_allclose(tensor.numpy(), getattr(expected, part), atol=1e-10)


def test_no_series_give_no_series():
    got = local_polynomial(np.zeros((0, 5)))
    assert (got.curve.shape, got.bandwidth.shape) == ((0, 5), (0,))


@pytest.mark.parametrize("unit", [1e-300, 1e160, 1e307])
def test_the_unit_of_the_values_does_not_matter(unit):
    y = noisy(irregular(150))
    one, other = local_polynomial(y), local_polynomial(y * unit)
    assert other.bandwidth == pytest.approx(one.bandwidth, rel=1e-12)
    for part in ("curve", "standard_error", "low", "high"):
        np.testing.assert_allclose(getattr(other, part) / unit, getattr(one, part), atol=1e-9)


def test_a_point_that_stands_alone_does_not_widen_the_curve_of_all_the_rest():
    # As after a pause: 1,000 points of a fine curve, one more far away.
    x = np.append(np.arange(1000.0), 21000.0)
    truth = np.sin(x / 50)
    y = truth + 0.1 * np.random.default_rng(0).normal(size=1001)
    got = local_polynomial(y, x=x)
    assert got.bandwidth < 40
    assert np.sqrt(np.mean((got.curve - truth)[:1000] ** 2)) < 0.03


# --- the band ----------------------------------------------------------------


def test_the_band_is_the_hull_of_two_standard_errors_at_the_bandwidth_and_at_half_of_it():
    x, y = irregular(150), noisy(irregular(150))
    got, half = (local_polynomial(y, x=x, bandwidth=tau) for tau in (16.0, 8.0))
    reach, reach_half = 2 * got.standard_error, 2 * half.standard_error
    low = np.minimum(got.curve - reach, half.curve - reach_half)
    high = np.maximum(got.curve + reach, half.curve + reach_half)
    np.testing.assert_allclose(got.low, low, atol=1e-12)
    np.testing.assert_allclose(got.high, high, atol=1e-12)


def test_the_band_covers_a_late_rise_as_often_as_it_says():
    # benchmarks/smoothers.py measures this on 200 runs: 95.4 % of all points, 91.3 % in the last
    # tenth. Of 40 runs the standard error of the latter is about 2 %.
    random = np.random.default_rng(5)
    x = np.sort(random.random((40, 400)), axis=1)
    truth = 8 + 60 * np.maximum(x - 0.9, 0)
    got = local_polynomial(truth + (0.4 + 0.8 * x) * random.normal(size=x.shape), x=x)
    covered = (got.low <= truth) & (truth <= got.high)
    assert 0.92 < covered.mean() < 0.98
    assert covered[x > 0.9].mean() > 0.86
