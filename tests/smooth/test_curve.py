"""The curve and its band where bandwidths change: what of each lies in it."""

import math

import numpy as np
import pytest

from rlviz.smooth.bandwidths import Grid
from rlviz.smooth.curve import everywhere, placed
from rlviz.smooth.fit import NoiseModel
from rlviz.smooth.places import Levels
from rlviz.smooth.series import Series


@pytest.fixture
def series():
    random = np.random.default_rng(0)
    x = np.cumsum(random.exponential(size=(3, 200)), -1)
    y = np.sin(x / 20) + 0.3 * random.normal(size=x.shape)
    y[1, 50:60] = math.nan
    return Series.of(y, x)


@pytest.fixture
def levels(series):
    return Levels(series, Grid.of(series, 24))


def at(levels, place, narrowest=0, rho=None):
    place = np.broadcast_to(np.asarray(place, float), levels.series.y.shape)
    return placed(levels, place, np.full(3, narrowest), 2, NoiseModel(rho))


@pytest.mark.parametrize("rho", [None, np.array([0.0, 0.3, 0.8])], ids=["new", "lasting"])
def test_at_a_number_of_the_grid_the_curve_is_that_of_its_bandwidth(series, levels, rho):
    found, expected = (
        at(levels, 9, rho=rho),
        everywhere(series, levels.grid.tau[9], 2, NoiseModel(rho)),
    )
    np.testing.assert_allclose(found.value, expected.value, atol=1e-12)
    np.testing.assert_allclose(found.standard_error, expected.standard_error, atol=1e-12)
    np.testing.assert_allclose(found.bandwidth, expected.bandwidth, rtol=1e-12)


def test_between_two_numbers_curve_and_error_are_joined_straight(levels):
    low, high, between = at(levels, 9), at(levels, 10), at(levels, 9.25)
    np.testing.assert_allclose(between.value, 0.75 * low.value + 0.25 * high.value, atol=1e-12)
    # The errors are of one set of residuals, those of the curve that is drawn.
    error = 0.75 * low.standard_error + 0.25 * high.standard_error
    np.testing.assert_allclose(between.standard_error, error, rtol=0.02)


def test_each_place_has_its_own(levels):
    place = np.linspace(6, 15, 200)
    found = at(levels, place)
    for i in (0, 70, 199):
        np.testing.assert_allclose(found.value[:, i], at(levels, place[i]).value[:, i], atol=1e-12)


def test_the_band_is_the_hull_with_half_the_bandwidth_no_narrower_than_the_narrowest(levels):
    whole = at(levels, 9, narrowest=9)
    np.testing.assert_allclose(whole.high - whole.low, 4 * whole.standard_error, rtol=1e-9)
    step = math.log(2) / levels.grid.ratio
    wide = at(levels, 9)
    assert (wide.high - wide.low > whole.high - whole.low - 1e-12).all()
    half = at(levels, np.broadcast_to(9 - step[:, None], (3, 200)), narrowest=9)
    outside = np.maximum(half.value - wide.high, wide.low - half.value)
    assert outside.max() < 1e-12


def test_a_few_rows_at_a_time_give_what_all_give(levels, monkeypatch):
    place = np.linspace(4, 18, 200) + np.array([[0.0], [2.0], [-3.0]])
    expected = at(levels, place, rho=np.array([0.1, 0.0, 0.5]))
    monkeypatch.setattr("rlviz.smooth.curve._TOGETHER", 200)
    monkeypatch.setattr("rlviz.smooth.curve._AT_ONCE", 0)
    got = at(levels, place, rho=np.array([0.1, 0.0, 0.5]))
    for name in ("value", "standard_error", "low", "high"):
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), atol=1e-12)


@pytest.mark.parametrize(("known", "half"), [(math.nan, math.nan), (0.04, 0.4)])
def test_a_point_that_is_only_repeated_has_a_band_where_its_noise_is_known(known, half):
    x = np.append(np.arange(1.0, 40.0), 1e9)
    series = Series.of(np.tile([2.5, 7.5], 20)[None], x)
    noise = NoiseModel(variance=np.full((1, 40), known) / series.scale**2)
    levels = Levels(series, Grid.of(series, 24))
    found = placed(levels, np.full((1, 40), 10.0), np.zeros(1), 2, noise)
    assert math.isnan(found.standard_error[0, -1])
    reach = (found.high - found.value)[0, -1] * series.scale
    np.testing.assert_allclose(reach, half, rtol=1e-6)  # two standard errors of 0.2, or nothing
    assert np.isfinite(found.high[0, 0])
