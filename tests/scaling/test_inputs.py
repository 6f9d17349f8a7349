"""What a fit is given is checked; the errors that a user sees are in `test_fitting.py`."""

import math

import numpy as np
import pytest

from rlviz.scaling import inputs


def test_pairs_are_known_in_both_and_in_the_order_of_compute():
    c, y = inputs.pairs([3, 1, math.nan, 2], [0.3, 0.1, 0.5, math.nan])
    assert c.tolist() == [1.0, 3.0]
    assert y.tolist() == [0.1, 0.3]


def test_equal_compute_keeps_its_order():
    _, y = inputs.pairs(np.zeros(5), np.arange(5.0))
    assert y.tolist() == [0, 1, 2, 3, 4]


def test_an_option_is_one_number():
    assert inputs.option(np.float32(0.5), "r0") == 0.5
    with pytest.raises(TypeError, match="r0 must be a number, got True"):
        inputs.option(True, "r0")
    with pytest.raises(ValueError, match=r"r0 must be within ±1e\+100, got inf"):
        inputs.option(math.inf, "r0")


def test_compute_may_have_any_shape_but_is_not_negative():
    assert inputs.compute([[1, 2]]).shape == (1, 2)
    with pytest.raises(ValueError, match="flops must be >= 0, got -2"):
        inputs.compute([1.0, -2.0])
