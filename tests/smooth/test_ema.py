"""The online EMA, held against hand computation, TensorBoard's smoothing and pandas."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from rlviz.smooth import EMA

# float64 rounding of one multiply-add a point, over a few hundred points; relative to max |y|.
TOLERANCE = {"float64": 1e-12}

WEIGHTS = (0.0, 0.1, 0.6, 0.9, 0.99, 0.9999)


def smoothed(ema, values):
    return np.array([ema.update(float(value)) for value in values])


def tensorboard_smoothing(values, weight):
    """What the slider of TensorBoard's Time Series tab does, NaN passing by.

    tensorboard/webapp/widgets/line_chart_v2/.../data_transformer: last = w·last + (1−w)·y, then
    divided by 1 − w^k after the k-th finite point.
    """
    last, points, out = 0.0, 0, []
    for value in values:
        if not math.isfinite(value):
            out.append(math.nan)
            continue
        last = last * weight + (1 - weight) * value
        points += 1
        out.append(last / (1 - weight**points))
    return np.array(out)


@pytest.fixture
def noisy():
    random = np.random.default_rng(3)
    return 5 + np.cumsum(random.normal(size=400)) * 0.1 + random.normal(size=400)


def test_the_average_is_the_sum_of_values_over_the_sum_of_their_decayed_weights():
    ema = EMA(0.5)
    assert ema.update(1.0) == 1.0  # 1 / 1
    assert ema.update(4.0) == 3.0  # (0.5·1 + 4) / (0.5 + 1)
    assert ema.update(0.0) == pytest.approx(2.25 / 1.75, rel=1e-15)  # 0.5·4.5 / (0.5·1.5 + 1)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_average_is_the_debiased_smoothing_of_tensorboard(noisy, weight):
    # The reference itself loses digits of 1 − w^k while k is small: about eps / (1 − w).
    tolerance = max(TOLERANCE["float64"], 4 * np.finfo(np.float64).eps / (1 - weight))
    expected = tensorboard_smoothing(noisy, weight)
    np.testing.assert_allclose(smoothed(EMA(weight), noisy), expected, rtol=tolerance)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_average_is_that_of_pandas_with_gaps_left_out_of_the_count(noisy, weight):
    noisy[[0, 7, 8, 200]] = math.nan
    expected = pd.Series(noisy).ewm(alpha=1 - weight, adjust=True, ignore_na=True).mean()
    expected[np.isnan(noisy)] = math.nan  # pandas repeats the average in a gap
    tolerance = TOLERANCE["float64"] * np.nanmax(np.abs(noisy))
    np.testing.assert_allclose(smoothed(EMA(weight), noisy), expected, rtol=0, atol=tolerance)


def test_weight_zero_gives_every_point_back_as_it_is(noisy):
    assert list(smoothed(EMA(0.0), noisy)) == list(noisy)


def test_weight_close_to_one_is_the_mean_of_a_short_stream():
    # With a = 0.9999 the weights of 1, 2, 3 are a², a, 1: the mean 2 and (1 − a)·2/3 above it.
    a = 0.9999
    expected = (a * a * 1 + a * 2 + 3) / (a * a + a + 1)
    assert smoothed(EMA(a), [1, 2, 3])[-1] == pytest.approx(expected, rel=1e-15)
    assert expected == pytest.approx(2 + 1e-4 * 2 / 3, abs=1e-8)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_constant_comes_back_from_the_first_point_on(weight):
    out = smoothed(EMA(weight), [0.7] * 300)
    np.testing.assert_allclose(out, 0.7, rtol=TOLERANCE["float64"])


@pytest.mark.parametrize("first", [0.0, -0.0, -3.0])
def test_a_first_value_of_zero_counts_like_any_other(first):
    assert smoothed(EMA(0.5), [first, 3.0])[-1] == pytest.approx((0.5 * first + 3) / 1.5)


@pytest.mark.parametrize("gap", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_not_finite_gives_nan_and_leaves_the_state_untouched(gap):
    with_gap, without = EMA(0.8), EMA(0.8)
    assert math.isnan(with_gap.update(gap))
    for value in (1.0, 5.0):
        assert with_gap.update(value) == without.update(value)
        before = with_gap.state_dict()
        assert math.isnan(with_gap.update(gap))
        assert with_gap.state_dict() == before


def test_with_tau_the_memory_fades_with_the_distance_along_x():
    ema = EMA(tau=2.0)
    half = 2 * math.log(2)  # after this distance exp(−Δx / 2) is 1/2
    assert ema.update(1.0, x=10.0) == 1.0
    assert ema.update(4.0, x=10.0 + half) == pytest.approx(3.0, rel=1e-14)
    # The next point stands two halves further: weights 1/8, 1/4 and 1.
    expected = (1.0 / 8 + 4.0 / 4 + 2.0) / (1 / 8 + 1 / 4 + 1)
    assert ema.update(2.0, x=10.0 + 3 * half) == pytest.approx(expected, rel=1e-14)


def test_with_tau_distance_counts_from_the_last_finite_point():
    ema = EMA(tau=2.0)
    half = 2 * math.log(2)
    ema.update(1.0, x=0.0)
    assert math.isnan(ema.update(math.nan, x=0.9 * half))
    assert ema.update(4.0, x=half) == pytest.approx(3.0, rel=1e-14)


def test_with_tau_two_points_at_one_x_weigh_the_same():
    ema = EMA(tau=1e20)
    ema.update(1.0, x=1e26)
    assert ema.update(2.0, x=1e26) == 1.5


def test_with_tau_a_point_far_away_stands_alone():
    ema = EMA(tau=1.0)
    ema.update(1.0, x=0.0)
    assert ema.update(8.0, x=1e26) == 8.0


@pytest.mark.parametrize("options", [{"weight": 0.97}, {"tau": 3.0}], ids=["weight", "tau"])
@pytest.mark.parametrize("cut", [0, 1, 200, 400])
def test_a_stream_that_goes_on_from_its_state_gives_the_same_bits(noisy, options, cut):
    noisy[5] = math.nan
    whole = EMA(**options)
    expected = [whole.update(float(y), x=float(i)) for i, y in enumerate(noisy)]
    first, second = EMA(**options), EMA(**options)
    got = [first.update(float(y), x=float(i)) for i, y in enumerate(noisy[:cut])]
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))  # as a checkpoint keeps it
    got += [second.update(float(y), x=float(i)) for i, y in enumerate(noisy[cut:], start=cut)]
    assert np.array(got).tobytes() == np.array(expected).tobytes()
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("weight", [1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_weight_out_of_range_is_refused_in_words(weight):
    with pytest.raises(ValueError, match=rf"weight must be in \[0, 1\), got {weight}\. For a mem"):
        EMA(weight)


@pytest.mark.parametrize("tau", [0.0, -1.0, math.inf, math.nan])
def test_a_tau_out_of_range_is_refused_in_words(tau):
    with pytest.raises(ValueError, match=rf"tau must be > 0 and finite, .* got {tau}\."):
        EMA(tau=tau)


@pytest.mark.parametrize("x", [None, math.nan, math.inf])
def test_with_tau_an_x_that_says_nothing_is_refused_in_words(x):
    ema = EMA(tau=1.0)
    with pytest.raises(ValueError, match=rf"needs a finite x at every update, got x={x}"):
        ema.update(1.0, x=x)
    assert ema.state_dict() == {"num": 0.0, "den": 0.0, "x": None}


def test_with_tau_an_x_that_goes_backwards_is_refused_in_words():
    ema = EMA(tau=1.0)
    ema.update(1.0, x=3.0)
    before = ema.state_dict()
    with pytest.raises(ValueError, match=r"x must not go backwards, got 2\.0 after 3\.0\."):
        ema.update(1.0, x=2.0)
    assert ema.state_dict() == before


@pytest.mark.parametrize("kind", [np.float32, np.float16, torch.tensor])
def test_scalars_of_other_libraries_leave_plain_numbers_behind(kind):
    ema = EMA(0.9)
    for value in (60000.0, 60000.0, 60000.0):
        assert ema.update(kind(value)) == pytest.approx(60000.0, rel=1e-12)
    assert {type(value) for value in ema.state_dict().values()} == {float, type(None)}
