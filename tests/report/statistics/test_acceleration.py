"""An acceleration: a bend is found where it is, and none in what a simpler shape explains."""

import numpy as np
import pytest

from rlviz.report.statistics.acceleration import find_acceleration
from rlviz.report.statistics.shapes import Shapes

X = np.linspace(0, 1, 200)
NOISE = 0.05 * np.random.default_rng(0).standard_normal(200)


def found_in(y):
    shapes = Shapes(X, 0.0)
    return find_acceleration(shapes, shapes.white(y))


@pytest.mark.parametrize("up", [1, -1])
def test_a_bend_is_found_with_its_slopes(up):
    found = found_in(up * (0.5 * X + 5 * np.maximum(X - 0.7, 0)) + NOISE)
    assert found.at == pytest.approx(0.7, abs=0.03)
    assert found.interval[0] <= 0.7 <= found.interval[1]
    assert found.before == pytest.approx(0.5 * up, abs=0.1)
    assert found.after == pytest.approx(5.5 * up, rel=0.1)


@pytest.mark.parametrize(
    "curve",
    [2 * X, 2 * X**2, (X > 0.5) * 1.0, np.minimum(X, 0.5), 0 * X],
    ids=["line", "parabola", "shift", "saturating", "flat"],
)
def test_what_a_simpler_shape_explains_or_what_flattens_is_none(curve):
    assert found_in(curve + NOISE) is None
