"""Ticks and limits: round numbers at values of any size, and room for the legend."""

import numpy as np
import pytest

from .conftest import N, T, assert_well_laid_out, drawn, run_of, tick_labels


@pytest.mark.parametrize(
    "values", [1e30 * T, -1e-12 * T, 1e6 + T, np.full(N, -3.0), np.zeros(N), 1e-280 * T, 5e8 - T]
)
def test_values_of_any_size_get_a_few_ticks(values):
    figure = drawn(run_of(y=values), metrics=["y"])
    axis = figure.axes[0].yaxis
    low, high = axis.get_view_interval()
    assert low <= values.min() <= values.max() <= high
    assert 2 <= sum(low <= tick <= high for tick in axis.get_majorticklocs()) <= 14
    assert_well_laid_out(figure)


@pytest.mark.parametrize("decades", [0.02, 0.3, 1, 2, 6, 30])
def test_a_logarithmic_axis_has_ticks_at_round_numbers(decades):
    run = run_of()
    run.columns["flops/total"] = 10 ** (20.3 + decades * T)
    figure = drawn(run, log_x=True)
    axis = figure.axes[0].xaxis
    low, high = axis.get_view_interval()
    assert axis.get_scale() == "log"
    assert 2 <= sum(low <= tick <= high for tick in axis.get_majorticklocs()) <= 9
    assert_well_laid_out(figure)


def test_accuracy_has_a_tick_each_5_percent_with_one_decimal(panels):
    expected = [f"{percent}.0%" for percent in range(30, 75, 5)]
    assert [label.get_text() for label in tick_labels(panels[0].yaxis)] == expected


def test_parallelism_has_a_tick_at_each_whole_number(panels):
    expected = [str(number) for number in range(7, 15)]
    assert [label.get_text() for label in tick_labels(panels[1].yaxis)] == expected


def test_steps_have_ticks_at_whole_numbers(history_of):
    figure = drawn(history_of(accuracy=np.array([0.2, 0.3, 0.4])), x="step")
    axis = figure.axes[0].xaxis
    low, high = axis.get_view_interval()
    assert [t for t in axis.get_majorticklocs() if low <= t <= high] == [1, 2, 3]
