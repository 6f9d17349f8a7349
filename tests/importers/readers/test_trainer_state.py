"""States of a Hugging Face trainer, saved by transformers' own TrainerState."""

import importlib
import json
import os

import numpy as np
import pytest

from rlviz.importers import import_run

if os.environ.get("RLVIZ_REQUIRE_ALL") == "1":
    transformers = importlib.import_module("transformers")
else:
    transformers = pytest.importorskip("transformers")

pytestmark = pytest.mark.filterwarnings("default")  # transformers' own


@pytest.fixture
def save(tmp_path):
    """Saves a history as a trainer does; gives the path."""

    def save(rows, folder="checkpoint-3", **state):
        path = tmp_path / "out" / folder / "trainer_state.json"
        path.parent.mkdir(parents=True)
        last = max(row["step"] for row in rows)
        known = transformers.TrainerState(
            log_history=rows, global_step=last, max_steps=last, **state
        )
        known.save_to_json(str(path))
        return path

    return save


def grpo(step, accuracy, **others):
    """A row as TRL's GRPOTrainer logs it."""
    return {
        "step": step,
        "loss": 0.01,
        "num_tokens": 1000.0 * step,
        "completions/mean_length": 200.0,
        "reward": accuracy + 0.5,
        "rewards/accuracy_reward/mean": accuracy,
        "rewards/accuracy_reward/std": 0.3,
        "rewards/format_reward/mean": 0.5,
        **others,
    }


def test_a_grpo_run_needs_no_more_than_its_parameters(take, save):
    rows = [grpo(1, 0.0), grpo(2, 0.25), grpo(3, 0.5)]
    rows.append({"step": 3, "train_runtime": 12.5, "train_loss": 0.01, "total_flos": 0.0})
    imported, run = take(save(rows), params=7.6e9)
    assert imported.kind == "trainer_state"
    assert imported.columns["accuracy"] == "rewards/accuracy_reward/mean"
    assert imported.columns["tokens"] == "num_tokens"
    assert imported.best_x == "flops"
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.0, 0.25, 0.5]  # 0.0 is a value
    # num_tokens counts from the start: 8·N for each of 1000, 2000, 3000 tokens
    assert run.exact_flops() == [8 * 7_600_000_000 * 1000 * step for step in (1, 2, 3)]
    assert run.columns["metrics/tokens"].tolist() == [1000, 2000, 3000]
    assert run.columns["metrics/return"].tolist() == [0.5, 0.75, 1.0]


def test_the_row_of_an_evaluation_is_part_of_its_step(take, save):
    rows = [grpo(1, 0.25), {"step": 1, "eval_reward": 0.9, "eval_loss": 0.5}, grpo(2, 0.5)]
    _, run = take(save(rows))
    assert run.step.tolist() == [1, 2]
    np.testing.assert_array_equal(run.columns["metrics/eval_reward"], [0.9, np.nan])
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_rows_without_a_reward_are_steps_with_a_gap(take, save):
    _, run = take(save([grpo(1, 0.25), {"step": 2, "loss": 0.5}, grpo(3, 0.5)]))
    np.testing.assert_array_equal(run.accuracy, [0.25, np.nan, 0.5])
    assert run.columns["metrics/loss"].tolist() == [0.01, 0.5, 0.01]


def test_tokens_that_are_always_0_are_unknown_and_never_0_flops(take, save):
    imported, run = take(save([grpo(s, 0.5, num_tokens=0) for s in (1, 2, 3)]), params=7.6e9)
    assert np.isnan(run.flops).all()
    assert "The RL FLOPs are unknown: 'num_tokens' is there but always 0." in imported.unknown
    assert imported.best_x == "step"


def test_a_total_of_the_whole_run_is_no_axis(take, save):
    rows = [{"step": s, "reward": 0.5} for s in (1, 2, 3)]
    imported, run = take(save([*rows, {"step": 3, "total_flos": 1.5e18}]))
    assert np.isnan(run.flops).all()
    assert any("'total_flos' does not count along the run" in says for says in imported.unknown)


def test_without_parameters_the_tokens_are_kept_and_the_flops_said_to_be_unknown(take, save):
    imported, run = take(save([grpo(s, 0.5) for s in (1, 2, 3)]))
    assert imported.best_x == "tokens"
    assert run.columns["metrics/tokens"].tolist() == [1000, 2000, 3000]
    assert np.isnan(run.flops).all()
    assert any("with the number of the model's parameters" in says for says in imported.unknown)


def test_the_sum_of_several_reward_functions_is_a_return_also_where_it_is_in_0_1(take, save):
    rows = [
        {"step": s, "reward": 0.6, "rewards/a/mean": 0.3, "rewards/b/mean": 0.3} for s in (1, 2)
    ]
    imported, run = take(save(rows))
    assert "accuracy" not in imported.columns
    assert run.columns["metrics/return"].tolist() == [0.6, 0.6]


def test_of_a_folder_of_checkpoints_the_last_one_is_read(take, save, tmp_path):
    save([grpo(1, 0.25)], "checkpoint-9")
    save([grpo(1, 0.25), grpo(2, 0.5)], "checkpoint-10")
    _, run = take(tmp_path / "out")
    assert run.step.tolist() == [1, 2]


def test_numbers_that_were_saved_as_strings_are_numbers(take, save):
    rows = [{"step": "1", "reward": "0.25", "epoch": "0.5"}, {"step": 2, "reward": "0.5"}]
    path = save([{"step": 1}])
    state = json.loads(path.read_text()) | {"log_history": rows}
    path.write_text(json.dumps(state, indent=2))
    _, run = take(path)
    assert run.accuracy.tolist() == [0.25, 0.5]


def test_half_a_file_is_refused_in_words(save, tmp_path):
    path = save([grpo(1, 0.25)])
    path.write_text(path.read_text()[:-30])
    with pytest.raises(ValueError, match=r"no complete JSON .* take the one of the checkpoint"):
        import_run(path, tmp_path / "run")


def test_another_json_is_refused_in_words(tmp_path):
    (tmp_path / "config.json").write_text('{"log_history": 3}')
    with pytest.raises(ValueError, match=r"config\.json has no log_history"):
        import_run(tmp_path / "config.json", tmp_path / "run")
