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


@pytest.mark.parametrize("mark", [",", "\t"])
@pytest.mark.parametrize("last", ["0,455", "0,45", "00,5512"])
def test_a_comma_that_no_thousands_have_makes_all_of_its_column_decimal(take, metric, mark, last):
    rows = [("step", "kl", "tokens"), (1, "1,893", "1,200,000"), (2, "0,5", "12"), (3, last, "13")]
    text = "".join(mark.join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    _, run = take(text, "log.csv")
    assert metric(run, "kl") == pytest.approx([1.893, 0.5, float(last.replace(",", "."))])
    assert metric(run, "tokens")[0] == 1_200_000


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


def test_spinning_up_s_progress_counts_steps_of_the_environment(take, metric):
    head = "Epoch\tAverageEpRet\tStdEpRet\tMaxEpRet\tMinEpRet\tEpLen\tTotalEnvInteracts\tTime\n"
    rows = (
        f"{n}\t{-200.5 + n}\t50.25\t9\t-300\t200.0\t{4000 * (n + 1)}\t{5.5 * n}\n" for n in range(4)
    )
    imported, run = take(head + "".join(rows), name="progress.txt")
    assert imported.kind == "csv"
    assert run.step.tolist() == [4000, 8000, 12000, 16000]
    assert metric(run, "return") == [-200.5, -199.5, -198.5, -197.5]
    assert np.diff(run.wall_time).tolist() == pytest.approx([5.5] * 3)


@pytest.mark.parametrize(
    ("head", "step"),
    [
        ("rollout/ep_rew_mean,time/fps,time/total_timesteps,time/iterations", "SB3"),
        ("ep_reward_mean,fps,total_timesteps,n_updates", "SB2"),
        ("eprewmean,fps,misc/total_timesteps,misc/nupdates", "baselines ppo2"),
        ("EpRewMean,EpThisIter,TimestepsSoFar,EpisodesSoFar", "baselines trpo"),
        ("mean 100 episode reward,% time spent exploring,steps,episodes", "baselines deepq"),
    ],
)
def test_the_tables_of_stable_baselines_and_baselines_are_known(take, metric, head, step):
    rows = "".join(f"{-9.5 * n},987,{2048 * n},{n}\n" for n in range(1, 5))
    _, run = take(f"{head}\n{rows}", name="progress.csv")
    assert run.step.tolist() == [2048, 4096, 6144, 8192], step
    assert metric(run, "return") == [-9.5, -19.0, -28.5, -38.0]


def test_an_evaluation_of_stable_baselines_has_its_step(take, metric):
    """EvalCallback dumps a row of its own, without an iteration."""
    head = "eval/mean_reward,rollout/ep_rew_mean,time/iterations,time/total_timesteps\n"
    _, run = take(f"{head},10.5,1,2048\n20.5,,,3000\n,11.5,2,4096\n", name="progress.csv")
    assert run.step.tolist() == [2048, 3000, 4096]
    assert metric(run, "eval/mean_reward")[1] == 20.5


def test_the_sparse_rows_of_lightning_are_merged_by_step(take, metric):
    head = "epoch,step,train_loss,val_loss,train_reward\n"
    rows = "0,49,0.5,,-1.5\n0,49,,0.75,\n1,99,0.25,,-0.5\n1,99,,0.5,\n"
    _, run = take(head + rows, name="metrics.csv")
    assert run.step.tolist() == [49, 99]
    assert metric(run, "val_loss") == [0.75, 0.5]
    assert metric(run, "train_reward") == [-1.5, -0.5]


def test_a_column_of_timesteps_is_the_step(cases, take, metric):
    imported, run = take(cases / "25-timestep.csv")
    assert run.step[[0, -1]].tolist() == [50, 5000]
    assert imported.columns["return"] == "Reward_Mean"
    assert [metric(run, "return")[at] for at in (0, -1)] == [-0.448, 9.832]
    assert run.wall_time[-1] - run.wall_time[0] == 99


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ('step,return\n"1,000","1,234,567"\n"2,000",5\n', [1234567, 5]),
        ("step\treturn\n1\t0,25\n2\t0,5\n", [0.25, 0.5]),
        ("step;return\n1;1.234,5\n2;1,234.5\n", [1234.5, 1234.5]),
    ],
)
def test_numbers_with_commas_are_read_as_they_are_meant(take, metric, table, values):
    _, run = take(table, "log.csv")
    assert metric(run, "return") == values
    assert run.step.tolist() in ([1000, 2000], [1, 2])


ONE = "step,accuracy\n1,0.1\n2,0.2\n3,0.3\n4,0.4\n"


def test_a_header_that_stands_again_begins_another_part(take):
    imported, run = take(f"{ONE}step,accuracy\n3,0.5\n4,0.6\n", "resumed.csv")
    assert run.accuracy.tolist() == [0.1, 0.2, 0.5, 0.6]
    assert not any("Text" in note for note in imported.notes)


def test_two_runs_below_each_other_are_told_by_their_headers(take):
    other = "step,accuracy\n1,0.5\n2,0.6\n3,0.7\n4,0.8\n"
    with pytest.raises(ValueError, match="not the parts of one run: both tell the same steps"):
        take(ONE + other, "log.csv")
    _, run = take(ONE + other, "log.csv", run="part 2 of log.csv")
    assert run.accuracy.tolist() == [0.5, 0.6, 0.7, 0.8]


def test_what_wandb_puts_beside_a_merged_point_is_no_metric(take):
    name = "grpo-7b - train/reward"
    head = f"Step,{name},{name}__MIN,{name}__MAX\n"
    imported, _ = take(f"{head}1,0.5,0.25,0.75\n2,0.5,0.25,0.75\n", "log.csv")
    assert not imported.metrics
    assert "lowest and highest value" in " ".join(imported.notes)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_in_a_table_with_decimal_commas_points_stand_before_thousands(take, metric, mark):
    rows = [("1.000", "0,53", "1.024.000"), ("2.000", "0,61", "2.048.000,5")]
    text = "\n".join(mark.join(row) for row in [("step", "accuracy", "size"), *rows])
    imported, run = take(text, "log.csv")
    assert run.step.tolist() == [1000, 2000]
    assert run.accuracy.tolist() == pytest.approx([0.53, 0.61])
    assert metric(run, "size") == [1_024_000, 2_048_000.5]
    assert any("points before thousands in 'step', 'size'" in note for note in imported.notes)


@pytest.mark.parametrize("other", ["0.530", "12.5", "1.0000"])
def test_a_column_with_a_point_that_no_thousands_have_is_decimal(take, metric, other):
    text = f"step;accuracy;loss\n1;0,53;1.001\n2;0,61;{other}\n"
    _, run = take(text, "log.csv")
    assert metric(run, "loss") == pytest.approx([1.001, float(other)])


def test_points_are_decimal_where_no_comma_is(take, metric):
    _, run = take("step;accuracy;loss\n1;0.53;1.001\n2;0.61;1.002\n", "log.csv")
    assert metric(run, "loss") == pytest.approx([1.001, 1.002])
