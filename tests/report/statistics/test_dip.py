"""An initial dip: found where it is, and nowhere else."""

import numpy as np
import pytest

from rlviz.report.statistics.dip import find_dip
from rlviz.report.statistics.noise import Noise


def test_a_curve_that_is_lowest_inside_is_a_dip_and_one_that_only_rises_is_none():
    x = np.linspace(0, 1, 200)
    noise = 0.05 * np.random.default_rng(6).standard_normal(200)
    independent = Noise(0.0, is_stationary=True)
    dip = find_dip(x, np.abs(x - 0.3) + noise, independent)
    assert dip.at == pytest.approx(0.3, abs=0.06)
    assert dip.depth == pytest.approx(0.3, abs=0.05)
    assert find_dip(x, x + noise, independent) is None
    assert find_dip(x, 1 - x + noise, independent) is None
    assert find_dip(x, np.exp(-4 * x) + noise, independent) is None
    assert find_dip(x, (x < 0.3) * 1.0 + noise, independent) is None


def test_upside_down_it_is_none():
    x = np.linspace(0, 1, 200)
    noise = 0.05 * np.random.default_rng(6).standard_normal(200)
    assert find_dip(x, noise - np.abs(x - 0.3), Noise(0.0, is_stationary=True)) is None
