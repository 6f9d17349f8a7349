"""CSV tables, as pandas, wandb and loops of one's own write them."""

import numpy as np
import pandas as pd
import pytest

from rlviz.importers import import_run


def test_a_table_of_pandas_with_gaps_is_read(take):
    table = pd.DataFrame(
        {
            "step": [1, 2, 3],
            "critic/rewards/mean": [0.25, np.nan, 0.5],
            "actor/kl": [np.nan, 0.1, np.nan],
            "flops_total": [10**21, 2 * 10**21, 3 * 10**21],
        }
    )
    imported, run = take(table.to_csv(index=False), "log.csv")
    assert imported.kind == "csv"
    np.testing.assert_array_equal(run.accuracy, [0.25, np.nan, 0.5])
    np.testing.assert_array_equal(run.columns["metrics/actor/kl"], [np.nan, 0.1, np.nan])
    assert run.exact_flops() == [10**21, 2 * 10**21, 3 * 10**21]
    assert "'flops_total'; it counts from the start" in " ".join(imported.known)


def test_the_parl_table_needs_no_words(take, parl, parl_table):
    names = ("step", "flops", "correct", "graded", "parallelism")
    heads = ("step", "flops_total", "correct", "graded", "average_parallelism")
    rows = zip(*(parl_table[name] for name in names), strict=True)
    text = "\n".join([",".join(heads), *(",".join(map(str, row)) for row in rows)])
    imported, run = take(text, "parl.csv")
    np.testing.assert_array_equal(run.step, parl.step)
    np.testing.assert_allclose(run.accuracy, parl.accuracy, rtol=1e-14)
    np.testing.assert_array_equal(run.columns["graded"], parl.columns["graded"])
    np.testing.assert_array_equal(run.parallelism, parl.parallelism)
    np.testing.assert_array_equal(run.flops, parl.flops)
    assert imported.best_x == "flops"


def test_what_rlviz_exports_can_be_imported_again(take, parl, tmp_path):
    from rlviz.report.export.table_file import export

    export(parl, tmp_path / "parl.csv")
    _, run = take(tmp_path / "parl.csv")
    np.testing.assert_allclose(run.accuracy, parl.accuracy, rtol=1e-14)
    np.testing.assert_array_equal(run.columns["graded"], parl.columns["graded"])
    np.testing.assert_array_equal(run.flops, parl.flops)
    np.testing.assert_allclose(run.parallelism, parl.parallelism, rtol=1e-14)
    np.testing.assert_array_equal(run.wall_time, parl.wall_time)


def test_semicolons_with_decimal_commas_comments_and_a_byte_order_mark_are_read(take):
    _, run = take("\ufeff# of the second try\nstep;accuracy\n1;0,25\n2;0,5\n", "log.csv")
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_the_table_of_a_wandb_chart_is_read(take):
    text = (
        '"Step","grpo-7b - train/reward","grpo-7b - train/reward__MIN",'
        '"grpo-7b - train/reward__MAX"\n'
        '"1","0.25","0.25","0.25"\n"2","0.5","0.5","0.5"\n'
    )
    imported, run = take(text, "wandb_export.csv")
    assert imported.columns["accuracy"] == "grpo-7b - train/reward"
    assert run.step.tolist() == [1, 2]
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_a_row_with_more_cells_than_columns_is_left_out_and_said(take):
    imported, run = take("step,accuracy\n1,0.25\n2,0.5,9\n3,0.75\n4", "log.csv")
    assert run.step.tolist() == [1, 3]
    assert any("row 3 of log.csv, with more cells than columns" in n for n in imported.notes)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "log.csv").write_text("step,reward,reward\n1,2,3\n")
    with pytest.raises(ValueError, match=r"log\.csv has more than one column 'reward'"):
        import_run(tmp_path / "log.csv", tmp_path / "run")
