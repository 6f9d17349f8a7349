"""Logs of real runs, written by the real libraries. Numbers are those of their published README."""

import numpy as np
import pytest

import rlviz


def is_drawn_and_told(run):
    return len(rlviz.figure(run).axes) == 2 and bool(rlviz.summarise(run).markdown())


def test_trl_grpo_on_gsm8k(take, real):
    path = real("trl_grpo_llama3.1-8b_gsm8k_250.trainer_state.json")
    imported, run = take(path, params=8e9)
    assert imported.kind == "trainer_state"
    assert run.step.tolist() == list(range(1, 251))
    assert imported.columns["return"] == "reward"
    assert np.isnan(run.accuracy).all()  # every reward function's rate is beyond 1 or of format
    assert np.isnan(run.flops).all()
    assert any("from 0 to 2" in says and "full_score=2" in says for says in imported.unknown)
    assert any("'completion_length' is a mean of each sequence" in s for s in imported.unknown)
    assert is_drawn_and_told(run)


def test_trl_grpo_on_gsm8k_with_what_its_readme_tells(take, real):
    path = real("trl_grpo_llama3.1-8b_gsm8k_250.trainer_state.json")
    imported, run = take(
        path,
        accuracy="rewards/correctness_reward_func",
        full_score=2,
        tokens="completion_length",
        sequences=6,
        params=8e9,
    )
    assert imported.best_x == "flops"
    assert run.accuracy[:25].mean() < 0.2 < 0.4 < run.accuracy[-50:].mean()
    assert run.exact_flops()[0] == 200 * 6 * 8 * 8 * 10**9  # the first row's mean length is 200
    assert is_drawn_and_told(run)


def test_tianshou_ppo_on_pong(take, real):
    imported, run = take(real("events.out.tfevents.1645866480.tianshou-ppo-pong"))
    assert imported.kind == "tensorboard"
    assert imported.columns["return"] == "train/reward"
    reward = run.columns["metrics/return"]
    assert np.count_nonzero(np.isfinite(reward)) == 956
    assert np.isnan(run.accuracy).all()
    assert run.step[-1] == 2_500_000
    # gradient steps to 29,224 and epochs to 25 stand among environment steps to 2.5e6
    loss = np.flatnonzero(np.isfinite(run.columns["metrics/update/loss"]))
    assert len(loss) == 29
    assert run.step[loss[-1]] > 2_300_000
    assert "Other units of steps than 'train/reward'" in " ".join(imported.notes)
    assert run.wall_time[-1] - run.wall_time[0] == pytest.approx(3471, abs=1)
    assert is_drawn_and_told(run)


def test_open_instruct_32b_stitched_by_wandb(take, real):
    imported, run = take(real("openinstruct_rl0_32b_wandb_history_1097.csv"), params=32e9)
    assert run.step.tolist() == list(range(1097))
    assert np.isnan(run.flops).all()  # its token columns are there and all 0.0
    assert "'throughput/total tokens' is there but always 0." in " ".join(imported.unknown)
    assert imported.columns["wall_time"] == "source/timestamp"
    assert np.isnan(run.accuracy).all()  # there is only one of evaluations
    assert any(
        "'eval/objective/verifiable_correct_rate' is of evaluations (18 of 1,097 rows)" in says
        for says in imported.unknown
    )
    assert is_drawn_and_told(run)


def test_the_evaluations_of_open_instruct_32b_are_drawn_where_they_are_asked_for(take, real):
    imported, run = take(
        real("openinstruct_rl0_32b_wandb_history_1097.csv"),
        accuracy="eval/objective/verifiable_correct_rate",
    )
    assert np.count_nonzero(np.isfinite(run.accuracy)) == 18
    assert any("The accuracy of training is unknown" in says for says in imported.unknown)
    assert is_drawn_and_told(run)


def test_open_instruct_7b_whose_steps_count_episodes(take, real):
    imported, run = take(real("openinstruct_rl0_7b_2000.csv"))
    assert imported.columns["accuracy"] == "objective/verifiable_correct_rate"
    assert imported.columns["return"] == "objective/verifiable_reward"
    assert len(run) == 2000
    assert run.step[[0, -1]].tolist() == [256, 512_000]
    assert run.accuracy[0] == 0.432861328125
    assert is_drawn_and_told(run)


def test_verl_ppo_as_a_table(take, real):
    imported, run = take(real("verl_parsed_ppo_116.csv"))
    assert imported.columns["accuracy"] == "critic/rewards/mean"
    assert run.step.tolist() == list(range(1, 117))
    assert run.accuracy[:10].mean() < 0.05 < 0.5 < run.accuracy[-10:].mean()
    assert np.isfinite(run.columns["metrics/timing_s/testing"]).sum() == 6  # empty cells are gaps
    assert run.wall_time[-1] - run.wall_time[0] == pytest.approx(116 * 9.5, rel=0.05)
    assert is_drawn_and_told(run)
