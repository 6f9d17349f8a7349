"""A series in bins: values in units of the curve's range, places as shares of the axis."""

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import smoothed
from rlviz.report.statistics.binned import MOST, Binned

from .conftest import STEPS


def binned_of(x, y, axis=STEPS):
    return Binned.of(smoothed(axis, x, y), x, y)


def test_a_short_series_keeps_its_points():
    x = np.arange(50.0)
    found = binned_of(x, 3 * x)
    np.testing.assert_array_equal(found.x, x)
    np.testing.assert_allclose(found.place, x / 49)
    np.testing.assert_allclose(found.still, x / 49, atol=1e-9)
    np.testing.assert_allclose(found.curve, x / 49, atol=1e-9)
    assert found.evidence is found.still_evidence


def test_a_long_one_is_averaged_and_steps_at_one_place_are_one_point():
    x = np.arange(1000.0)
    assert len(binned_of(x, np.sin(x / 100)).x) == MOST
    ties = np.repeat(np.arange(60.0), 2)
    found = binned_of(ties, ties + np.tile([-1.0, 1.0], 60))  # the mean at each place is the place
    np.testing.assert_array_equal(found.x, np.arange(60.0))
    np.testing.assert_allclose(np.diff(found.still), found.still[1] - found.still[0])


def test_jumps_are_apart_from_the_rest():
    x = np.arange(100.0)
    noise = 0.02 * np.random.default_rng(0).standard_normal(100)
    found = binned_of(x, 5.0 * (x >= 50) + noise)
    (jump,) = found.jumps
    assert jump.after == 50
    assert jump.height == pytest.approx(1.0, abs=0.05)
    assert np.ptp(found.still) < 0.1
    assert found.evidence.strength(0, 99, 1.0) > 10 > found.still_evidence.strength(0, 99, 1.0)


def test_on_a_logarithmic_axis_places_are_as_drawn():
    axis = XAxis(schema.AXES["flops"], log=True)
    x = 10.0 ** np.linspace(20, 22, 100)
    found = binned_of(x, np.log10(x) + 0.01 * np.sin(np.arange(100.0)), axis)
    np.testing.assert_allclose(found.place, np.linspace(0, 1, 100), atol=1e-9)
    np.testing.assert_allclose(found.x, x)
