"""Which column is the step, the return, the parallelism."""

import numpy as np
import pytest


def test_without_a_column_of_steps_the_rows_are_numbered(take):
    imported, run = take("accuracy,loss\n0.25,1\n0.5,2\n", "log.csv")
    assert run.step.tolist() == [1, 2]
    assert "No column counts steps: the rows are numbered from 1." in imported.unknown


def test_a_column_that_few_rows_have_is_not_the_step(lines, take):
    rows = [{"_step": s, "reward": 0.5} for s in range(1, 11)]
    rows[3]["global_step"] = 400
    imported, run = take(lines(rows))
    assert imported.columns["step"] == "_step"
    assert run.step.tolist() == list(range(1, 11))


@pytest.mark.parametrize("reward", ["train/reward", "train/rewards/accuracy_reward/mean"])
def test_the_step_stands_in_most_rows_of_the_reward_not_of_the_log(lines, take, reward):
    """As wandb keeps a history of TRL: its profiler logs in rows of its own."""
    rows = []
    for step in range(1, 11):
        rows += [{"profiling/Time taken: x": 1.5} for _ in range(4)]
        rows.append({"train/global_step": step, reward: 0.25 + step / 100})
    imported, run = take(lines({"_step": i, **row} for i, row in enumerate(rows)))
    assert imported.columns["step"] == "train/global_step"
    assert run.step.tolist() == list(range(1, 11))
    assert not any("apart" in note for note in imported.notes)


def test_the_global_step_stands_before_a_step_of_the_logger(lines, take):
    imported, _ = take(lines({"Step": s, "train/global_step": 10 * s, "acc": 0.5} for s in (1, 2)))
    assert imported.columns["step"] == "train/global_step"


@pytest.mark.parametrize("name", ["{}", "reward_extra/{}/mean", "metrics/{}"])
def test_work_over_span_in_tokens_is_the_parallelism(take, lines, name):
    """As ThreadWeaver's reward function counts the tokens of an answer and of its longest path."""
    work, span = name.format("total_num_tokens"), name.format("num_tokens_in_the_longest_thread")
    rows = [{"step": s, "critic/score/mean": 0.5, work: 3000 + s, span: 2000} for s in range(1, 4)]
    rows[1][span] = 0
    imported, run = take(lines(rows), name="log.jsonl", params=1e9)
    np.testing.assert_array_equal(run.parallelism, [3001 / 2000, np.nan, 3003 / 2000])
    assert imported.columns["parallelism"] == f"{work} / {span}"
    assert "tokens" not in imported.columns  # the work of single answers, not the step's tokens


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("rollout/avg_parallelism", True),
        ("eval/avg_parallelism", False),
        ("swarm/parallelism_p50", False),
    ],
)
def test_a_parallelism_is_taken_in_any_folder_of_training_and_else_proposed(
    lines, take, name, is_taken
):
    imported, _ = take(lines({"step": s, "acc": 0.5, name: 1.0 + s} for s in (1, 2)))
    assert (imported.columns.get("parallelism") == name) == is_taken
    said = any(f"if '{name}' is work / span of episodes, give" in text for text in imported.unknown)
    assert said != is_taken


def test_no_parallelism_of_a_model_is_proposed(lines, take):
    imported, _ = take(lines({"step": s, "acc": 0.5, "tensor_parallelism": 8} for s in (1, 2)))
    assert "The average parallelism is unknown: the log does not hold it." in imported.unknown


def test_a_column_that_speaks_of_a_reward_is_proposed_as_return_and_as_accuracy(lines, take):
    rows = [
        {"step": s, "Reward/train_std": 0.1, "Reward/train_mean": 0.5 + s / 100} for s in (1, 2)
    ]
    imported, _ = take(lines(rows))
    told = " ".join(imported.unknown)
    assert "If 'Reward/train_mean' is one, give" in told
    assert "if single answers earn only 0 or 1 in it" in told


@pytest.mark.parametrize("given", [{}, {"graded": 1_234_567}])
def test_what_counts_the_answers_is_named(lines, take, given):
    imported, run = take(lines({"step": s, "acc": 0.5, "n_graded": 32} for s in (1, 2)), **given)
    graded = given.get("graded", 32)
    assert run.columns["graded"].tolist() == [graded, graded]
    words = "1,234,567 answers in each row, as given" if given else "'n_graded' counts its answers"
    assert any(words in text for text in imported.known), imported.known


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("date", ["2026-01-31"] * 9),
        ("created", [1767225601] * 9),
        ("date", ["2026-01-31", "2026-02-01"] * 4 + ["2026-01-31"]),
    ],
)
def test_a_day_or_a_start_that_many_rows_share_tells_no_times(lines, take, column, values):
    rows = [
        {"step": s, "acc": 0.5, column: value, "elapsed": 60.0 * s}
        for s, value in enumerate(values, 1)
    ]
    imported, run = take(lines(rows))
    assert np.diff(run.wall_time).tolist() == [60.0] * 8
    assert any("Times between steps are from 'elapsed'" in text for text in imported.known)


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("avg_parallelism", [2.0, -1.0], "'avg_parallelism' is not finite and >= 0 everywhere"),
        ("data_parallel/mean_parallelism", [8.0, 8.0], "the log does not hold it"),
        ("config/tp_parallelism", [8.0, 8.0], "the log does not hold it"),
    ],
)
def test_what_can_be_no_parallelism_is_not_proposed(lines, take, column, values, words):
    imported, _ = take(
        lines({"step": s, "acc": 0.5, column: value} for s, value in enumerate(values, 1))
    )
    assert f"The average parallelism is unknown: {words}" in " ".join(imported.unknown)


def test_of_rewards_a_mean_is_proposed_and_no_accuracy_beyond_0_to_1(lines, take):
    rows = [
        {"step": s, "reward_p10": -s, "reward_first": -s, "reward_run_mean": -s} for s in (1, 2)
    ]
    imported, _ = take(lines(rows))
    (told,) = (text for text in imported.unknown if "is known to be a mean reward" in text)
    assert "If 'reward_run_mean' is one, give" in told
    assert "single answers" not in told


@pytest.mark.parametrize("name", ["ts", "created_at", "timestamp", "Created At", "train/ts"])
def test_dates_in_columns_of_times_are_times(lines, take, name):
    rows = [{"step": s, "acc": 0.5, name: f"2026-01-01T00:00:{s:02d}Z"} for s in (1, 2)]
    _, run = take(lines(rows))
    assert run.wall_time.tolist() == [1767225601.0, 1767225602.0]


def test_the_mean_return_of_tianshou_is_the_return(lines, take):
    rows = [{"step": s, "train/returns_stat/mean": 9.0 + s} for s in (1, 2, 3)]
    imported, _ = take(lines(rows))
    assert imported.columns["return"] == "train/returns_stat/mean"


@pytest.mark.parametrize(
    "name",
    [
        *("rewards/step", "Reward / Total reward (mean)", "episode/score", "Average Score"),
        *("mean_episode_return", "avg_return", "Environment/Cumulative Reward"),
    ],
)
def test_the_return_of_other_frameworks_is_the_return(lines, take, name):
    imported, _ = take(lines({"step": s, "loss": 0.1, name: 9.0 + s} for s in (1, 2, 3)))
    assert imported.columns["return"] == name


@pytest.mark.parametrize("column", ["utility", "accuracy"])
def test_an_unknown_return_is_said_where_there_is_no_accuracy_either(take, column):
    imported, _ = take(f"step,{column}\n1,0.1\n2,0.2\n", "log.csv")
    says = "The return is unknown: no value of the log is known to be a mean reward. If one is"
    assert any(text.startswith(says) for text in imported.unknown) is (column == "utility")
