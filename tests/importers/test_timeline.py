"""The order of a log's steps: each once, whatever the order of its rows and files."""

import numpy as np
import pytest

from rlviz.importers import import_run
from rlviz.importers.timeline import Timeline


def test_steps_that_count_episodes_are_kept_and_said(take):
    text = "global_step,correct_rate\n" + "".join(f"{256.0 * i},0.5\n" for i in range(1, 11))
    imported, run = take(text, "log.csv")
    assert run.step.tolist() == [256 * i for i in range(1, 11)]
    assert any(note.startswith("Steps are 256 apart") for note in imported.notes)
    assert not any("begins at step" in note for note in imported.notes)


@pytest.mark.parametrize(("step", "each"), [("timesteps", 2048), ("episode", 64)])
@pytest.mark.parametrize("extrapolate", [False, True])
def test_no_step_is_missing_between_episodes_or_steps_of_an_environment(
    lines, take, step, each, extrapolate
):
    rows = [
        {step: each * i, "episode_reward_mean": -5.0, "iteration_time": 4.0, "tokens": 1000 + i % 3}
        for i in range(1, 31)
    ]
    imported, run = take(lines(rows), params=1e9, extrapolate=extrapolate)
    said = " ".join([*imported.known, *imported.unknown])
    assert "logged rows" not in said
    assert "extrapolate" not in said
    assert run.wall_time[-1] - run.wall_time[0] == 29 * 4
    assert run.columns["metrics/tokens"][-1] == sum(row["tokens"] for row in rows)


def test_a_table_from_the_newest_row_to_the_oldest_is_sorted(take):
    imported, run = take("step,accuracy\n3,0.75\n2,0.5\n1,0.25\n", "log.csv")
    assert run.accuracy.tolist() == [0.25, 0.5, 0.75]
    assert any("not in the order of their steps" in note for note in imported.notes)


def test_rows_without_a_step_are_left_out_and_counted(lines, take):
    rows = [{"step": 1, "reward": 0.5}, {"reward": 9.0}, {"step": 2, "reward": 0.25}]
    imported, run = take(lines(rows), accuracy="reward", full_score=10)
    assert run.accuracy.tolist() == [0.05, 0.025]
    assert "1 of 3 rows have no step and were left out." in imported.notes


def test_a_column_that_stands_only_in_rows_without_a_step_is_no_metric(lines, take):
    rows = [{"step": 1, "reward": 0.5}, {"alone": 9.0}, {"step": 2, "reward": 0.25}]
    _, run = take(lines(rows))
    assert "alone" not in run.metrics
    assert run.accuracy.tolist() == [0.5, 0.25]


def test_an_evaluation_that_comes_late_does_not_void_the_steps_since(lines, take):
    rows = [{"step": s, "reward": 0.5} for s in range(1, 21)]
    rows.insert(15, {"step": 10, "eval_score": 0.75})
    imported, run = take(lines(rows))
    assert run.step.tolist() == list(range(1, 21))
    assert np.isfinite(run.accuracy).all()
    assert np.flatnonzero(np.isfinite(run.columns["metrics/eval_score"])).tolist() == [9]
    assert not any("resumed" in note for note in imported.notes)


def test_rows_of_several_workers_are_averaged_and_lose_nothing(lines, take):
    rows = [{"step": s, "reward": r} for s in (1, 2, 3) for r in (0.25, 0.75)]
    rows = rows[0::2] + rows[1::2]  # one worker after the other
    interleaved = [rows[i] for i in (0, 1, 3, 2, 4, 5)]
    imported, run = take(lines(interleaved))
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.5, 0.5, 0.5]
    assert any("the values of a step are averaged" in note for note in imported.notes)


def test_two_files_that_tell_the_same_steps_otherwise_are_two_runs(table, tmp_path):
    files = [table("a.csv", range(1, 31)), table("b.csv", range(1, 31), 0.2)]
    words = (
        r"a\.csv and b\.csv are not the parts of one run: .* of 'accuracy'\. A run is one training"
    )
    with pytest.raises(ValueError, match=words):
        import_run(files, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_third_of_three_files_is_told_from_the_second(table, tmp_path):
    files = [table("a.csv", range(1, 11)), table("b.csv", range(8, 31))]
    with pytest.raises(ValueError, match=r"b\.csv and c\.csv are not the parts"):
        import_run([*files, table("c.csv", range(5, 40), 0.2)], tmp_path / "run")


def test_a_resumed_run_may_repeat_steps_with_other_values(take, table):
    files = [table("a.csv", range(1, 31)), table("b.csv", range(21, 41), 0.2)]
    _, run = take(files)
    assert run.step.tolist() == list(range(1, 41))
    assert run.accuracy[20] == pytest.approx(0.41)


def test_the_same_steps_with_the_same_values_are_one_run(take, table):
    _, run = take([table("a.csv", range(1, 31)), table("b.csv", range(1, 41))])
    assert len(run) == 40


def test_files_of_other_columns_of_one_run_come_together(take, table):
    _, run = take([table("a.csv", range(1, 31)), table("b.csv", range(1, 31), head="step,loss")])
    assert (len(run), run.metrics) == (30, ("loss",))


def test_files_in_the_wrong_order_are_asked_for_in_the_right_one(table, tmp_path):
    files = [table("b.csv", range(31, 41)), table("a.csv", range(1, 31))]
    with pytest.raises(ValueError, match=r"a\.csv ends before b\.csv begins, at step 31\. Give"):
        import_run(files, tmp_path / "run")


def test_files_without_steps_are_numbered_through(take, table):
    files = [table(f"{name}.csv", [3, 2, 1], head="kl,accuracy") for name in "ab"]
    assert take(files)[1].step.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("steps", "stand_for"),
    [
        ([1, 5, 9, 13], [1, 4, 4, 4]),
        ([10, 20, 30], [10, 10, 10]),
        ([7, 15, 23], [7, 8, 8]),
        ([4000, 4010, 4020], [10, 10, 10]),  # begins late
        ([1, 2, 3], [1, 1, 1]),
    ],
)
def test_a_row_stands_for_the_steps_since_the_row_before_it(steps, stand_for):
    line = Timeline(np.array(steps), {}, None, 0, ())
    assert line.stand_for(np.arange(len(steps))).tolist() == stand_for
