"""The noise around a curve: how long it lasts, and when a random walk is excluded."""

import numpy as np
import pytest

from rlviz.report.statistics.noise import around, noise_of, p_value, whitened

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


def test_whitened_noise_is_what_is_new_at_each_point():
    columns = np.array([[1.0, 4.0], [2.0, 4.0], [3.0, 4.0]])
    # 1·√(1 − 0.25), 2 − 0.5·1, 3 − 0.5·2; of a constant 4 − 0.5·4.
    expected = [[np.sqrt(0.75), 4 * np.sqrt(0.75)], [1.5, 2.0], [2.0, 2.0]]
    np.testing.assert_allclose(whitened(columns, 0.5), expected)
    np.testing.assert_array_equal(whitened(columns, 0.0), columns)


def test_the_spline_takes_a_cubic_away_and_leaves_what_is_between_points():
    x = np.linspace(0, 1, 100)
    assert np.abs(around(5 * x, 3 * x**3 - x + 2)).max() < 1e-9
    alternating = np.where(np.arange(100) % 2, 1.0, -1.0)
    np.testing.assert_allclose(around(x, x**2 + alternating)[20:80], alternating[20:80], atol=0.05)


def test_a_p_value_counts_the_data_among_what_chance_does():
    simulated = np.array([1.0, 2.0, 3.0])
    assert [p_value(simulated, seen) for seen in (0.5, 2.0, 5.0)] == [1.0, 0.75, 0.25]
