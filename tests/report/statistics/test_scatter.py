"""The scatter around a curve: its size, and whether it grows."""

import math

import numpy as np
import pytest

from rlviz.report.statistics.scatter import scatter_of


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
