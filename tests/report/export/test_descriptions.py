"""Units and meanings of the columns of a table."""

import numpy as np

from rlviz.report.export.descriptions import (
    UNKNOWN_UNIT,
    describe,
    is_count,
    is_remainder,
    remainder_of,
)
from rlviz.report.export.table_file import export


def test_every_column_of_a_real_run_has_a_unit(run, parl, tmp_path):
    for history in (run, parl):
        export(history, tmp_path / "x.npz")
        with np.load(tmp_path / "x.npz") as arrays:
            assert "unknown" not in arrays["rlviz/units"]


def test_what_no_rlviz_of_this_version_writes_has_an_unknown_unit():
    column = describe("something/else")
    assert (column.name, column.unit) == ("something/else", UNKNOWN_UNIT)
    assert "not a column of this version" in column.meaning


def test_only_exact_counts_are_said_to_be_exact():
    assert describe("flops/total", exact=True).meaning.endswith("total, exact")
    assert "exact" not in describe("flops/total").meaning
    assert describe("accuracy", exact=True) == describe("accuracy")


def test_each_count_has_its_remainder_and_nothing_else_is_one(run):
    counts = [name for name in run.columns if is_count(name)]
    assert {"flops/total", "flops/rollout"} <= set(counts)
    assert {name for name in run.columns if is_remainder(name)} == set(map(remainder_of, counts))
    assert not any(map(is_count, map(remainder_of, counts)))
