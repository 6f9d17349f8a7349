"""Texts as they can be drawn: of any name, and of the width that there is."""

import warnings

import pytest

from .conftest import T, assert_well_laid_out, drawn, run_of


@pytest.mark.parametrize("name", ["a $x^{ metric$", "loss\nof\tthe critic", "奖励", "x" * 256])
def test_a_metric_of_any_name_can_be_drawn(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = drawn(run_of(**{name: T}), metrics=[name])
    assert_well_laid_out(figure)
