"""Curves to draw: of very many points the same as of all of them; means of seeds."""

import numpy as np
import pytest

from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import mean_of, smoothed
from rlviz.smooth import local_polynomial

LINEAR = XAxis("flops", "", "")
LOG = XAxis("flops", "", "", log=True)
RANDOM = np.random.default_rng(0)


def test_a_run_that_is_not_long_is_smoothed_as_it_is():
    x, y = np.sort(RANDOM.random(500)), RANDOM.normal(size=500)
    found, expected = smoothed(LINEAR, x, y), local_polynomial(y, x=x)
    assert found.averaged == 1
    assert list(found.y) == list(expected.curve)
    assert list(found.bandwidth) == list(expected.bandwidth)
    assert found.noise_correlation == expected.noise_correlation


def test_a_long_run_is_averaged_first_and_the_curve_stays_the_same():
    x = np.sort(RANDOM.random(60_000))
    y = np.sin(6 * x) + 0.3 * RANDOM.normal(size=60_000)
    found = smoothed(LINEAR, x, y)
    assert (len(found.x), found.averaged) == (10_000, 6)
    np.testing.assert_allclose(found.y, np.sin(6 * found.x), atol=0.03)
    width = np.median(found.high - found.low)
    all_points = local_polynomial(y, x=x)
    assert width == pytest.approx(np.median(all_points.high - all_points.low), rel=0.1)


def test_over_a_logarithmic_axis_each_part_of_it_counts_the_same():
    x = 10 ** np.sort(6 * RANDOM.random(5000))
    found = smoothed(LOG, x, np.log10(x) ** 2)
    assert found.averaged == 0
    assert len(found.x) <= 400
    np.testing.assert_allclose(found.y, np.log10(found.x) ** 2, atol=0.02)
    dense = smoothed(LOG, np.arange(1.0, 1e6), RANDOM.normal(size=999_999))
    assert len(dense.x) <= 400
    assert dense.bandwidth.min() > 0.1  # not that of the last decade, where 90 % of the points are


def test_the_mean_of_seeds_goes_as_far_as_all_of_them_and_its_band_is_2_standard_errors():
    x = np.linspace(0, 10, 101)
    curves = [smoothed(LINEAR, x[: 101 - 10 * i], i * x[: 101 - 10 * i]) for i in range(3)]
    mean = mean_of(LINEAR, curves)
    assert (mean.x[0], mean.x[-1]) == (0, 8)
    np.testing.assert_allclose(mean.y, mean.x, atol=1e-9)  # of 0, x and 2x
    np.testing.assert_allclose(mean.high - mean.y, 2 * mean.x / np.sqrt(3), atol=1e-9)
    assert mean.seeds == 3


def test_seeds_without_a_common_stretch_have_no_mean():
    x = np.linspace(0, 1, 20)
    assert mean_of(LINEAR, [smoothed(LINEAR, x, x), smoothed(LINEAR, x + 1, x)]) is None
