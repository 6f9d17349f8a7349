"""Jumps: clean steps, and neither steep rises nor outliers."""

import numpy as np
import pytest

from rlviz.report.statistics.jumps import jumps_of

X = np.linspace(0, 1, 200)
NOISE = np.random.default_rng(2).standard_normal(200)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.12])
@pytest.mark.parametrize("height", [1.0, -1.0])
def test_a_step_is_found_where_it_is_and_taken_out(noise, height):
    (jump,), rest = jumps_of(height * (X > 0.5) + noise * NOISE, 0.1)
    assert jump.after == pytest.approx(100, abs=1)
    assert jump.height == pytest.approx(height, abs=4 * noise + 1e-9)
    assert np.ptp(rest) < 8 * noise + 1e-9


def test_two_steps_are_two():
    found, _ = jumps_of((X > 0.3) * 1.0 - 0.6 * (X > 0.7) + 0.02 * NOISE, 0.1)
    assert [jump.after for jump in found] == pytest.approx([60, 140], abs=1)
    assert [jump.height for jump in found] == pytest.approx([1.0, -0.6], abs=0.05)


@pytest.mark.parametrize(
    "curve",
    [
        X,
        X**2,
        1 / (1 + np.exp(-(X - 0.5) / 0.04)),
        np.interp(X, [0, 0.45, 0.55, 1], [0, 0, 1, 1]),
        (np.arange(200) == 80) * 1.0,
        np.zeros(200),
    ],
    ids=["line", "parabola", "S", "ramp over a tenth", "outlier", "flat"],
)
def test_what_is_none(curve):
    series = curve + 0.02 * NOISE
    found, rest = jumps_of(series, 0.1)
    assert found == []
    np.testing.assert_array_equal(rest, series)


def test_a_step_smaller_than_the_least_is_left_alone():
    assert jumps_of(0.09 * (X > 0.5) + 1e-4 * NOISE, 0.1)[0] == []
