"""Dictionaries on the console, as Trainer, TRL, slime, OpenRLHF and SkyRL print them."""

import pprint

import numpy as np
import pytest

from rlviz.importers import import_run


def bar(done, total):
    """What tqdm leaves of a bar, which goes back by a carriage return."""
    return f"\r  {100 * done // total}%|###   | {done}/{total} [00:0{done % 10}<00:10,  1.0s/it]"


def row(step, **more):
    """What TRL's GRPOTrainer hands to its progress bar."""
    return {
        "loss": 0.01,
        "num_tokens": 100.0 * step,
        "rewards/accuracy_reward/mean": step / 100,
        "reward": step / 50,
        "epoch": step / 40,
        **more,
    }


def test_the_case_of_a_trl_console_has_its_right_values(cases, take, metric):
    imported, run = take(cases / "21-trl-stdout.log", params=1e9)
    assert imported.kind == "console_dicts"
    assert run.step.tolist() == list(range(1, 41))
    assert run.accuracy[[0, -1]].tolist() == [0.28, 0.6752]
    assert metric(run, "tokens")[-1] == 40_000
    assert run.exact_flops()[-1] == 32 * 10**13
    assert "metrics/train_runtime" not in run.columns
    assert any("summary of the whole run" in note for note in imported.notes)


def test_the_step_is_that_of_the_bar_where_rows_are_logged_every_fifth_step(take):
    log = "Loading: 100%|##########| 2/2 [00:00<00:00]\n"
    for step in range(1, 41):
        log += bar(step, 40)
        if step % 5 == 0:
            log += f"\r{' ' * 40}\r{row(step)}\n{bar(step, 40)}"
    _, run = take(log)
    assert run.step.tolist() == list(range(5, 41, 5))
    assert run.accuracy.tolist() == [step / 100 for step in range(5, 41, 5)]


def test_a_log_that_was_cut_out_of_a_longer_one_keeps_its_steps(take):
    log = f"{row(113)}\n\n{bar(113, 250)}\n\n{bar(114, 250)}\n\n{row(114)}\n\n{bar(114, 250)}\n"
    _, run = take(log + f"{bar(115, 250)}\n{row(115)}\n")
    assert run.step.tolist() == [113, 114, 115]


def test_rows_without_a_bar_are_numbered_and_said_to_be(take):
    imported, run = take("".join(f"{row(step)}\n" for step in range(10, 40, 10)))
    assert run.step.tolist() == [1, 2, 3]
    assert any("the rows are numbered from 1" in says for says in imported.unknown)


def test_a_bar_that_lags_behind_gives_no_steps(take):
    log = "".join(f"{bar(10 * (step // 10), 40)}\n{row(step)}\n" for step in range(1, 41))
    _, run = take(log)
    assert run.step.tolist() == list(range(1, 41))


def test_an_evaluation_belongs_to_the_row_before_it(take, metric):
    log = "".join(
        f"{row(step)}\n{ {'eval_loss': step / 2, 'eval_reward': 0.1, 'epoch': step / 40} }\n"
        for step in range(1, 5)
    )
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3, 4]
    assert metric(run, "eval_loss") == [0.5, 1.0, 1.5, 2.0]


def test_dictionaries_that_a_terminal_broke_anywhere_are_joined(take):
    log = ""
    for step in range(1, 4):
        text = str(row(step))
        log += "\n".join(text[at : at + 37] for at in range(0, len(text), 37)) + "\n"
    _, run = take(log)
    assert run.accuracy.tolist() == [0.01, 0.02, 0.03]


def test_strings_of_numbers_and_a_step_in_words_are_read(take):
    """transformers 5 prints strings; ms-swift the step as a share of all."""
    log = "".join(
        f"{ {'loss': '0.1', 'reward': f'{step / 10}', 'global_step/max_steps': f'{step}/9'} }\n"
        for step in (3, 6, 9)
    )
    _, run = take(log)
    assert run.step.tolist() == [3, 6, 9]
    assert run.accuracy.tolist() == [0.3, 0.6, 0.9]


def test_the_optimizer_steps_of_slime_belong_to_their_rollout(take, metric):
    log = ""
    for rollout in range(3):
        score = {"rollout/raw_reward": rollout / 10, "rollout/response_lengths": 70.5}
        log += f"[2025-08-01 10:00:00] data.py:1 - rollout {rollout}: {score}\n"
        log += f"perf {rollout}: { {'perf/step_time': 12.5} }\n"
        for step in (2 * rollout, 2 * rollout + 1):
            loss = {"train/loss": float(step), "train/grad_norm": 0.2, "train/step": step}
            log += f"(MegatronTrainRayActor pid=7, ip=10.0.0.1) step {step}: {loss}\n"
    _, run = take(log)
    assert run.step.tolist() == [0, 1, 2]
    assert run.accuracy.tolist() == [0.0, 0.1, 0.2]
    assert metric(run, "train/loss") == [0.5, 2.5, 4.5]


def test_the_global_step_of_openrlhf_is_the_step(take):
    log = "".join(
        f"(PPOTrainer pid=7) INFO 08-01 10:00:00 ppo_trainer.py:1] ✨ Global step {step}: "
        f"{ {'policy_loss': 0.1, 'reward': step / 10, 'response_length': 512.0} }\n"
        for step in range(1, 4)
    )
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3]
    assert run.accuracy.tolist() == [0.1, 0.2, 0.3]


def test_the_step_of_skyrl_stands_on_the_line_above(take):
    worker = "\x1b[36m(skyrl_entrypoint pid=7)\x1b[0m "
    log = ""
    for step in range(1, 4):
        values = {"reward/avg_raw_reward": f"{step / 10:.4f}", "policy/final_loss": "0.1000"}
        values |= {f"timing/part_{part}": "1.0000" for part in range(5)}
        lines = [f"2025-08-01 10:00:00.000 | INFO | tracking:log:1 - Step {step}: "]
        log += "".join(f"{worker}{line}\n" for line in lines + pprint.pformat(values).split("\n"))
    _, run = take(log)
    assert run.step.tolist() == [1, 2, 3]
    assert run.columns["metrics/timing/part_4"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("shift", range(0, 24, 3))
def test_the_value_at_a_cut_is_unknown_wherever_the_cut_is(take, shift):
    parts = {"p" * (shift + 1): 1.0} | {f"timing/part_{part:03}": 0.53125 for part in range(200)}
    long = [str(row(step, **parts))[:4096] for step in (2, 3)]
    imported, run = take("\n".join([str(row(1)), *long]) + "\n")
    assert run.step.tolist() == [1, 2, 3]
    values = np.array([run.columns[f"metrics/{name}"] for name in run.metrics if "part" in name])
    assert len(values) > 140
    assert set(values[~np.isnan(values)]) == {0.53125}
    assert any("cut lines at 4,096 characters" in note for note in imported.notes)


def test_configurations_and_samples_are_no_rows(tmp_path):
    (tmp_path / "train.log").write_text(
        "{'actor': {'lr': 1e-06, 'loss': 2}, 'epoch': 3}\n{'prompt': 'one', 'answer': 'two'}\n" * 3
    )
    with pytest.raises(ValueError, match="none of the logs that rlviz knows"):
        import_run(tmp_path / "train.log", tmp_path / "run")


def test_a_resumed_trainer_keeps_the_steps_of_the_last_attempt(take):
    log = "".join(f"{bar(step, 10)}\n{row(step, kl=0.1)}\n" for step in range(1, 8))
    log += "".join(f"{bar(step, 10)}\n{row(step, kl=0.2)}\n" for step in range(5, 11))
    imported, run = take(log)
    assert run.step.tolist() == list(range(1, 11))
    assert run.columns["metrics/kl"].tolist() == [0.1] * 4 + [0.2] * 6
    assert any("resumed once" in note for note in imported.notes)
