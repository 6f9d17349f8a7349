"""A plateau: the longest stretch that stays where it is."""

import numpy as np
import pytest

from rlviz.report.statistics.noise import Noise
from rlviz.report.statistics.plateau import find_plateau


def test_a_dip_and_the_way_back_are_no_plateau():
    x = np.linspace(0, 1, 300)
    noise = 0.2 * np.random.default_rng(5).standard_normal(300)
    curve = np.interp(x, [0, 0.2, 0.3, 0.4, 0.7, 1], [8.0, 8.0, 6.6, 8.0, 8.0, 14.0])
    plateau = find_plateau(x, curve + noise, Noise(0.0, is_stationary=True))
    assert 0.3 < plateau.start < 0.45
    assert 0.65 < plateau.end < 0.75
    assert plateau.level == pytest.approx(8.0, abs=0.1)
    assert plateau.change < 0.74  # a tenth of 14.0 - 6.6


def test_a_plateau_is_the_longest_stretch_that_stays_where_it_is():
    x = np.linspace(0, 1, 400)
    noise = 0.02 * np.random.default_rng(7).standard_normal(400)
    independent = Noise(0.0, is_stationary=True)
    plateau = find_plateau(x, np.interp(x, [0, 0.3, 0.8, 1], [0, 1, 1, 2]) + noise, independent)
    assert plateau.start == pytest.approx(0.3, abs=0.08)
    assert plateau.end == pytest.approx(0.8, abs=0.08)
    assert plateau.level == pytest.approx(1.0, abs=0.05)
    assert find_plateau(x, x + noise, independent) is None
    assert find_plateau(x, noise, independent) is None
