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
