"""Which column is the training accuracy, and what is none."""

import shutil

import numpy as np
import pytest

import rlviz
from rlviz.importers import import_run


def test_a_rate_beside_the_number_of_answers_is_no_count(lines, take):
    rows = [{"step": s, "correct": 0.5, "graded": 64} for s in (1, 2)]
    _, run = take(lines(rows))
    assert run.accuracy.tolist() == [0.5, 0.5]
    assert run.columns["graded"].tolist() == [64, 64]


def test_the_percentage_of_a_rate_is_no_accuracy_until_its_full_score_is_known(take, tmp_path):
    text = "step,accuracy\n1,36.4\n2,63.5\n"
    imported, run = take(text, "log.csv")
    assert np.isnan(run.accuracy).all()
    assert any("'accuracy' goes from 36.4 to 63.5, outside [0, 1]" in s for s in imported.unknown)
    import_run(tmp_path / "log.csv", tmp_path / "run2", accuracy="accuracy", full_score=100)
    assert rlviz.read(tmp_path / "run2").accuracy.tolist() == pytest.approx([0.364, 0.635])


def taken(imported, run):
    return imported.columns.get("accuracy") if np.isfinite(run.accuracy).any() else None


def test_the_mean_reward_of_answers_is_an_assumption_where_nothing_tells_its_spread(lines, take):
    imported, run = take(lines({"step": s, "reward": s / 10} for s in range(1, 6)))
    assert taken(imported, run) == "reward"
    assert any("is an assumption: nothing beside 'reward'" in says for says in imported.unknown)


@pytest.mark.parametrize("name", ["rollout/ep_rew_mean", "charts/episodic_return", "return"])
def test_the_mean_return_of_episodes_is_no_accuracy_where_nothing_tells_its_spread(
    lines, take, name
):
    imported, run = take(lines({"step": s, name: s / 10} for s in range(1, 6)))
    assert taken(imported, run) is None
    assert imported.columns["return"] == name
    assert any(f"give accuracy='{name}'" in says for says in imported.unknown)


@pytest.mark.parametrize(("most", "is_taken"), [(1.0, True), (0.93, False), (2.0, False)])
def test_the_mean_return_of_episodes_is_one_where_each_earned_0_or_1(lines, take, most, is_taken):
    rows = [
        {"step": s, "episode_reward_mean": s / 10, "episode_reward_min": 0.0}
        | {"episode_reward_max": most}
        for s in range(1, 6)
    ]
    imported, run = take(lines(rows))
    assert (taken(imported, run) == "episode_reward_mean") is is_taken


def test_the_shares_of_a_training_on_pairs_are_no_accuracy(lines, take):
    rows = [
        {"step": s, "rewards/accuracies": 0.5 + s / 20, "rewards/margins": 0.1}
        | {"rewards/chosen": 0.3, "rewards/rejected": 0.2, "accuracy": 0.6}
        for s in range(1, 6)
    ]
    imported, run = take(lines(rows))
    assert taken(imported, run) is None
    assert "preference pairs" in " ".join(imported.unknown)


def test_what_is_called_an_accuracy_and_is_none_is_no_accuracy_as_a_reward_either(lines, take):
    rows = [
        {"step": s, "rewards/correctness/mean": m, "rewards/correctness/std": 2 * m, "reward": m}
        for s, m in enumerate((0.3, 0.4, 0.5, 0.6), 1)
    ]
    assert taken(*take(lines(rows))) is None


def test_of_several_rates_the_whole_stands_before_its_parts(lines, take):
    rows = [
        {"step": s, "episode/easy_success_rate": 0.9, "episode/success_rate": s / 10}
        for s in range(1, 6)
    ]
    assert taken(*take(lines(rows))) == "episode/success_rate"


def test_the_format_is_no_accuracy_even_if_it_is_the_only_reward(lines, take):
    rows = [{"step": s, "rewards/format_reward/mean": s / 10} for s in range(1, 6)]
    assert taken(*take(lines(rows))) is None


@pytest.mark.parametrize("beside", [{}, {"rewards/tag_count_reward/mean": 0.5}])
def test_a_reward_whose_graders_all_grade_something_else_is_no_accuracy(lines, take, beside):
    rows = [{"step": s, "reward": s / 10, "rewards/format_reward/mean": s / 10} for s in (1, 2, 3)]
    imported, run = take(lines(row | beside for row in rows))
    assert taken(imported, run) is None
    assert imported.columns["return"] == "reward"


@pytest.mark.parametrize("rejected", ["reject_reward", "rejected_reward"])
def test_the_pairs_of_openrlhf_are_no_answers(lines, take, rejected):
    rows = [{"step": s, "acc": s / 10, "chosen_reward": 0.1, rejected: 0.0} for s in (1, 2, 3)]
    imported, run = take(lines(rows))
    assert taken(imported, run) is None
    assert "preference pairs" in " ".join(imported.unknown)


def test_a_mean_reward_of_episodes_is_no_accuracy_where_nothing_tells_its_spread(lines, take):
    console = "".join(f"Episode {s}, reward: 0.{300 + s}, steps: {200 - s}\n" for s in range(1, 9))
    rows = [{"total_timesteps": 64 * s, "mean_reward": 0.5} for s in range(1, 9)]
    for text in (console, lines(rows)):
        imported, run = take(text)
        assert taken(imported, run) is None
        assert "whether single episodes earn only 0 or 1" in " ".join(imported.unknown)
        shutil.rmtree(imported.logdir)
    rows = [{"total_timesteps": 64 * s, "success_rate": 0.5} for s in range(1, 9)]
    assert taken(*take(lines(rows))) == "success_rate"


def test_scores_say_what_answers_earn_and_exclude_a_full_score(lines, take, tmp_path):
    rows = [{"step": s, "score/mean": -0.5, "tool_success_rate": 0.5} for s in (1, 2)]
    imported, run = take(lines(rows), scores=(-1, 1))
    assert run.accuracy.tolist() == [0.25, 0.25]
    assert "(score + 1) / 2" in " ".join(imported.known)
    for options in ({"scores": (1, 0)}, {"scores": (0, 2), "full_score": 2}):
        with pytest.raises(ValueError, match="scores"):
            import_run(tmp_path / "log.txt", tmp_path / "other", **options)


@pytest.mark.parametrize("cell", ["{:g}%", "{:g} %"])
def test_an_accuracy_that_is_written_in_percent_is_one(take, cell):
    rows = "".join(f"{s},{cell.format(10.5 * s)}\n" for s in (1, 2, 3))
    _, run = take(f"step,accuracy\n{rows}", "log.csv")
    assert run.accuracy.tolist() == pytest.approx([0.105, 0.21, 0.315])


@pytest.mark.parametrize("end", ["step", "epoch"])
def test_the_accuracy_of_lightning_is_one_under_both_of_its_names(lines, take, end):
    imported, _ = take(lines({"step": s, f"train_acc_{end}": 0.1 * s} for s in (1, 2, 3)))
    assert imported.columns["accuracy"] == f"train_acc_{end}"


def test_the_account_says_how_many_rows_have_an_accuracy(lines, take):
    rows = [{"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": "nan"}, {"step": 3, "loss": 1.0}]
    imported, _ = take(lines(rows))
    assert "The accuracy is 'accuracy' (1 of 3 rows): its name says so" in " ".join(imported.known)
