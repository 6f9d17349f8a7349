"""Ticks and limits: round numbers at values of any size, and room for the legend."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import rlviz
from rlviz import schema
from rlviz.report.figure import scales
from rlviz.report.figure.style import STYLES
from rlviz.report.series.axis import XAxis

from .conftest import N, T, assert_well_laid_out, drawn, run_of, tick_labels


@pytest.mark.quick(1)
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


@pytest.mark.quick(1)
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


# --- by hand ---------------------------------------------------------------


def scaled_y(scale, y, room=None):
    """A panel over x from 0 to 1 with its scale for some values: (ticks, limits)."""
    ax = Figure().subplots()
    ax.set_xlim(0, 1)
    x = np.linspace(0, 1, len(y))
    most = 1.0 if scale == "percent" else np.inf
    scales.set_y(ax, scale, most, x, np.array(y), room, STYLES["default"])
    return ax.get_yticks(), ax.get_ylim()


@pytest.mark.parametrize(
    ("scale", "y", "ticks", "limits"),
    [
        # At most 12 ticks: of 0.33 with one each 5 %, of 0.8 with one each 10 %.
        ("percent", [0.31, 0.64], 0.05 * np.arange(6, 14), (0.30, 0.65)),
        ("percent", [0.05, 0.85], 0.1 * np.arange(0, 10), (0.0, 0.9)),
        ("percent", [0.5, 0.5], [0.45, 0.5, 0.55, 0.6], (0.45, 0.6)),  # one below, two above
        ("percent", [0.0, 0.0], [0.0, 0.05, 0.1], (0.0, 0.1)),
        ("count", [7.2, 9.5], [7, 8, 9], (7, 9.9)),  # 0.4 of a step of room above
        ("count", [1, 45], 5 * np.arange(10), (0, 47)),
        ("number", [0.0, 1.0], 0.1 * np.arange(11), (0.0, 1.0)),
        ("number", [-3.0, -3.0], None, None),
    ],
)
def test_ticks_stand_at_round_numbers_around_the_values(scale, y, ticks, limits):
    found, (low, high) = scaled_y(scale, y)
    if ticks is None:
        assert low < -3 < high
        return
    assert list(found) == pytest.approx(list(ticks))
    assert (low, high) == pytest.approx(limits)


def test_above_what_stands_under_the_legend_there_is_room_for_it():
    room = scales.Room(width=0.5, height=0.4)
    # 0.6 at the left is to stand in the lower 60 %: 0.3 + (0.6 - 0.3) / 0.6 = 0.8.
    ticks, limits = scaled_y("percent", [0.6, 0.3, 0.3], room)
    assert limits == pytest.approx((0.3, 0.8))
    assert ticks[-1] == pytest.approx(0.8)
    _, limits = scaled_y("percent", [0.3, 0.3, 0.6], room)  # at the right nothing is in its way
    assert limits == pytest.approx((0.3, 0.6))


@pytest.mark.parametrize(
    ("y", "place", "limits"),
    [
        ([0.6, 0.3, 0.3], "upper left", (0.3, 0.8)),
        ([1.0, 0.9, 1.0, 1.0], "lower right", (0.9, 1.0)),  # free as it is
        ([1.0, 0.5, 0.5, 0.5], "upper right", (0.5, 1.0)),
        ([1.0, 1.0, 0.5, 0.3, 0.3], "lower left", (0.3, 1.0)),
        ([1.0, 0.8, 0.85, 1.0, 0.8], "lower right", (0.65, 1.0)),  # with room below
        ([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], "", (0.0, 1.0)),  # nowhere: above the panel
        ([1.0, 1.0], "lower right", (0.9, 1.0)),
    ],
)
def test_a_share_has_no_room_above_100_percent_so_its_legend_stands_elsewhere(y, place, limits):
    ax = Figure().subplots()
    ax.set_xlim(0, 1)
    x = np.linspace(0, 1, len(y))
    room = scales.Room(0.5, 0.4)
    found = scales.set_y(ax, "percent", 1.0, x, np.array(y), room, STYLES["default"])
    assert found == place
    assert ax.get_ylim() == pytest.approx(limits)


@pytest.mark.parametrize(("name", "most"), [("eval/accuracy", 1.0), ("loss", np.inf)])
def test_nor_has_a_metric_that_is_a_share(history_of, name, most):
    run = history_of(accuracy=np.full(9, 0.5), flops=1e18 * np.arange(1, 10))
    values = np.array([0.4, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    columns = {**{n: run.columns[n] for n in run.columns}, f"metrics/{name}": values}
    (ax,) = drawn(rlviz.History(columns, "runs/x"), metrics=[name]).axes
    assert (ax.get_ylim()[1] <= 1) == (most == 1)
    for constant in (0.0, 0.99, 1.0):
        columns[f"metrics/{name}"] = np.full(9, constant)
        low, high = drawn(rlviz.History(columns, "runs/x"), metrics=[name]).axes[0].get_ylim()
        assert low <= constant <= high
        assert (low >= 0 and high <= 1) or most > 1
    assert max(ax.get_yticks()) <= most


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        ((10.0, 110.0), (7.0, 113.0)),
        ((0.0, 100.0), (0.0, 103.0)),  # no run has fewer than no steps
        ((1.0, 101.0), (0.0, 104.0)),
        ((-10.0, 90.0), (-10.0, 93.0)),  # unless it counts so
    ],
)
def test_an_axis_ends_three_hundredths_beyond_the_data_and_begins_below_0_only_where_they_do(
    data, limits
):
    ax = Figure().subplots()
    scales.set_x(ax, XAxis(schema.AXES["step"]), *data, STYLES["default"])
    assert ax.get_xlim() == pytest.approx(limits)


def test_a_logarithmic_axis_ends_three_hundredths_beyond_the_data():
    ax = Figure().subplots()
    scales.set_x(ax, XAxis(schema.AXES["flops"], log=True), 1.0, 1000.0, STYLES["default"])
    assert np.log10(ax.get_xlim()) == pytest.approx([-0.09, 3.09])
    low, high = ax.get_xlim()
    assert [t for t in ax.get_xticks() if low <= t <= high] == [1, 10, 100, 1000]
