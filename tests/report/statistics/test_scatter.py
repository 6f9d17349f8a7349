"""The scatter around a curve: its size, and whether it grows."""

import math

import numpy as np
import pytest
from scipy import stats

from rlviz.report.statistics.scatter import _ranks, _trend, scatter_of


def test_scatter_is_measured_around_the_curve_not_around_its_mean():
    rng = np.random.default_rng(8)
    sizes = np.linspace(0.1, 0.5, 3000)
    scatter = scatter_of(np.linspace(0, 50, 3000) + sizes * rng.standard_normal(3000))
    assert scatter.first == pytest.approx(math.sqrt(np.mean(sizes[:1000] ** 2)), rel=0.1)
    assert scatter.last == pytest.approx(math.sqrt(np.mean(sizes[-1000:] ** 2)), rel=0.1)
    assert scatter.grows
    assert not scatter_of(rng.standard_normal(3000)).grows


def test_the_scatter_of_values_that_alternate_is_that_of_their_second_differences():
    # ±1 in turns: second differences of ±4, and √(16 / 6); three times that in the second half.
    signs = np.where(np.arange(300) % 2, 1.0, -1.0)
    scatter = scatter_of(signs * np.where(np.arange(300) < 150, 1, 3))
    assert scatter.first == pytest.approx(4 / math.sqrt(6))
    assert scatter.last == pytest.approx(12 / math.sqrt(6))
    assert scatter.grows
    turned = scatter_of(signs * np.where(np.arange(300) < 150, 3, 1))
    assert not turned.grows
    assert turned.p > 0.95


def test_both_lags_are_looked_at():
    # Second differences at lag 1 stay as they are; those at lag 2 begin in the middle.
    early, late = [1.0, -1.0] * 50, [1.0, 1.0, -1.0, -1.0] * 25
    scatter = scatter_of(np.array([*early, *(math.sqrt(4) * np.array(late))]))
    assert scatter.p < 0.5


@pytest.mark.parametrize("unit", [1e-90, 1.0, 1e90])
def test_it_has_no_unit(unit):
    y = np.linspace(1, 2, 200) * np.random.default_rng(1).standard_normal(200)
    once, scaled = scatter_of(y), scatter_of(unit * y)
    assert scaled.p == pytest.approx(once.p)
    assert scaled.last == pytest.approx(unit * once.last)


def test_it_is_called_growing_by_chance_in_one_of_twenty():
    rng = np.random.default_rng(9)
    grows = [scatter_of(rng.standard_normal(100)).grows for _ in range(400)]
    assert 4 <= sum(grows) <= 34


@pytest.mark.parametrize("curve", [np.arange(50.0) ** 3, np.arange(50.0), np.exp(np.arange(50.0))])
def test_a_curve_without_noise_has_none_that_grows(curve):
    assert not scatter_of(curve).grows


def test_ranks_and_trend_are_those_of_scipy():
    values = np.round(np.random.default_rng(2).normal(size=300), 1)  # with ties
    np.testing.assert_array_equal(_ranks(values), stats.rankdata(values))
    line = stats.linregress(np.arange(300), values)
    assert _trend(values) == pytest.approx((line.slope, line.stderr), rel=1e-12)


def test_the_scatter_of_a_long_series_is_that_of_all_its_second_differences():
    y = np.random.default_rng(3).standard_normal(200_003) * np.linspace(1, 3, 200_003)
    found, unit = scatter_of(y), np.ptp(y)
    near = np.diff(y / unit, 2)
    far = (y[4:] - 2 * y[2:-2] + y[:-4]) / unit
    third = len(near) // 3
    for value, part in ((found.first, near[:third]), (found.last, near[-third:])):
        assert value == pytest.approx(unit * math.sqrt((part**2).mean() / 6), rel=1e-12)
    edges = np.linspace(0, len(far), 4001).astype(int)
    sizes = np.add.reduceat(near[1:-1] ** 2 + far**2, edges[:-1]) / np.diff(edges)
    line = stats.linregress(np.arange(4000), stats.rankdata(sizes))
    p = stats.t.sf(line.slope / (line.stderr * math.sqrt(2.3)), 4000 / 2.3 - 2)
    assert found.p == pytest.approx(p, rel=1e-6)
