"""The noise around a curve: how long it lasts, and when a random walk is excluded."""

import numpy as np
import pytest

from rlviz.report.statistics.noise import noise_of

from .conftest import parl


@pytest.mark.parametrize("a", [0.0, 0.5, 0.8])
def test_the_correlation_of_the_noise_is_found_around_a_curve(a):
    rng = np.random.default_rng(4)
    found = []
    for _ in range(40):
        x, y = parl(rng, 200, noise=0)
        noise = [0.0]
        for innovation in rng.standard_normal(199):
            noise.append(a * noise[-1] + innovation)
        found.append(noise_of(x, y + 0.2 * np.array(noise)).correlation)
    assert np.median(found) == pytest.approx(a + 0.08, abs=0.1)  # rather too high


def test_a_random_walk_is_not_excluded_for_one():
    rng = np.random.default_rng(5)
    x = np.linspace(0, 1, 200)
    walks = [noise_of(x, rng.standard_normal(200).cumsum()).is_stationary for _ in range(100)]
    assert sum(walks) <= 12
