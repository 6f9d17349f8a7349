"""The border: what makes no sense in a table of rows is left out and named, and nothing else is."""

import math

import numpy as np
import pytest

from rlviz import schema
from rlviz.report.history.admission import admitted, is_sound

COLUMNS = ("step", "session", "wall_time", "correct", "graded", "flops/total",
           "flops_remainder/total", "metrics/loss", "mfu/rollout", "seconds/rollout")  # fmt: skip
ROW = [3.0, 0.0, 1.5e9, 1.0, 2.0, 1e20, 8.0, 0.5, 0.4, 2.0]


def table_with(**changed):
    """Three rows, of which the middle one is changed."""
    rows = np.array([ROW, ROW, ROW])
    rows[:, 0] = [3, 4, 5]
    for name, value in changed.items():
        rows[1, COLUMNS.index(name)] = value
    return rows


def entered(rows, columns=COLUMNS):
    return admitted(schema.RowsHeader(0, columns), rows)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"metrics/loss": math.inf},
        {"metrics/loss": -1.7e308},
        {"wall_time": math.nan},
        {"correct": math.nan, "graded": math.nan},
        {"flops/total": math.nan, "flops_remainder/total": math.nan},
        {"flops/total": 2.0**106, "flops_remainder/total": -(2.0**52)},
        {"step": 0.0},
        {"step": 2.0**53 - 1},
        {"correct": 2.0 * (1 + 1e-9)},  # sums of rates round
    ],
    ids=str,
)
def test_what_a_writer_may_write_comes_through_as_it_is(changed):
    rows = table_with(**changed)
    found = entered(rows)
    assert is_sound(found.header, rows)
    assert found.complaints == ()
    assert found.table is rows


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        ({"step": 2.5}, ["step"]),
        ({"step": -1.0}, ["step"]),
        ({"step": 2.0**53}, ["step"]),
        ({"wall_time": math.inf}, ["wall_time"]),
        ({"wall_time": -1.7e308}, ["wall_time"]),
        ({"correct": -1.0}, ["correct"]),
        ({"correct": 2.5}, ["correct"]),
        ({"graded": math.inf}, ["graded"]),
        ({"flops/total": -1.0}, ["flops/total", "flops_remainder/total"]),
        ({"flops/total": 1.7e308}, ["flops/total", "flops_remainder/total"]),
        ({"flops_remainder/total": math.nan}, ["flops/total"]),
        ({"flops_remainder/total": 1e30}, ["flops/total", "flops_remainder/total"]),
        ({"seconds/rollout": -2.0}, ["seconds/rollout"]),
        ({"seconds/rollout": 1.7e308}, ["seconds/rollout"]),
        ({"mfu/rollout": 1.7e308}, ["mfu/rollout"]),
        ({"mfu/rollout": -math.inf}, ["mfu/rollout"]),
    ],
    ids=str,
)
def test_a_value_that_no_writer_writes_is_left_out_and_named(changed, lost):
    rows = table_with(**changed)
    found = entered(rows)
    expected = rows.copy()
    expected[1, [COLUMNS.index(name) for name in (*lost, *changed)]] = math.nan
    np.testing.assert_array_equal(found.table, expected)
    assert found.header.columns == COLUMNS
    for name in lost:
        assert f"1 value that {name} can't have" in found.complaints


@pytest.mark.parametrize(
    ("gone", "alone"),
    [
        ("flops_remainder/total", "flops/total"),
        ("flops/total", "flops_remainder/total"),
        ("graded", "correct"),
        ("correct", "graded"),
        ("seconds/rollout", "mfu/rollout"),
    ],
)
def test_a_column_without_the_one_that_it_needs_is_left_out_and_named(gone, alone):
    columns = tuple(name for name in COLUMNS if name != gone)
    rows = np.delete(table_with(), COLUMNS.index(gone), axis=1)
    found = entered(rows, columns)
    assert found.complaints == (f"{alone} without {gone}",)
    assert found.header.columns == tuple(name for name in columns if name != alone)
    assert found.table.shape == (3, len(columns) - 1)
    assert is_sound(found.header, found.table)


def test_a_table_without_rows_comes_through():
    assert entered(np.empty((0, len(COLUMNS)))).complaints == ()


@pytest.mark.parametrize(
    "name", ["correct/", "graded/", "correct", "graded", "mfu/", "flops/", "/"]
)
def test_a_column_whose_name_lacks_a_part_raises_nothing(name):
    found = entered(np.array([[3.0, 1.0]]), ("step", name))
    assert set(found.header.columns) <= {"step", name}
    assert found.table[:, 0].tolist() == [3.0]


def test_answers_of_a_group_without_a_name_are_a_part_of_those_that_were_graded():
    columns = ("step", "correct/", "graded/")
    found = entered(np.array([[3.0, 1.0, 2.0], [4.0, 3.0, 2.0]]), columns)
    assert np.isnan(found.table[:, 1]).tolist() == [False, True]
