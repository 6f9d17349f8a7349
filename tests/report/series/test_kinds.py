"""What a metric is, by its name, as the frameworks spell it."""

import math

import pytest

from rlviz.report.series.kinds import Kind, bounds_of, kind_of, standing

NAMES = {
    Kind.RETURN: (
        "return reward rewards/accuracy_reward/mean critic/score/mean critic/rewards/mean "
        "rollout/ep_rew_mean charts/episodic_return env_runners/episode_return_mean "
        "episode_reward_mean objective/rlhf_reward objective/scores rollout/raw_reward "
        "reward/avg_raw_reward ppo_actor/task_reward/avg train/reward eval/mean_reward "
        "val-core/gsm8k/acc/mean@1 rollout/success_rate eval/pass_at_1 episodeReward meanReturn"
    ),
    Kind.LENGTH: (
        "response_length/mean completions/mean_length completion_length rollout/ep_len_mean "
        "episode_len_mean train/length charts/episodic_length response_len eval/sequence_lengths"
    ),
    Kind.LOSS: (
        "loss Loss train/loss actor/pg_loss critic/vf_loss policy_loss train/value_loss "
        "losses/policy_loss update/loss/clip train/entropy_loss actor/kl_loss train/loss_epoch "
        "loss/reward_model"
    ),
    Kind.KL: "kl approx_kl actor/ppo_kl objective/kl train/approx_kl losses/approx_kl policyKL",
    Kind.ENTROPY: "entropy actor/entropy objective/entropy losses/entropy",
    Kind.OTHER: (
        "grad_norm actor/grad_norm update/grad_norm rollout/tool_calls_avg num_turns/mean "
        "response_length/clip_ratio tool_calls_per_episode critic/advantages/mean x r"
    ),
    Kind.SPREAD: (
        "critic/score/max critic/score/min reward_std rewards/format_reward/std "
        "response_length/max episode_reward_max reward__MIN train/explained_variance reward_ema "
        "completions/min_length "
        "val-aux/quiz/reward/best@8/std"
    ),
    Kind.BOOKKEEPING: (
        "epoch train/epoch step training/global_step Timestep timesteps_total time/total_timesteps "
        "train/episode save/env_step num_tokens total_tokens perf/total_num_tokens "
        "eval/model_step_mean train/num_gen_batches wandb_step n_updates "
        "train/n_updates num_env_steps_sampled_lifetime "
        "time/fps charts/SPS timing_s/reward timing_s/gen time_total_s perf/throughput runtime "
        "learner_tokens_per_second_step perf/mfu/actor perf/max_memory_allocated_gb system/gpu "
        "actor/lr learning_rate critic/lr train/learning_rate kl_coef actor/kl_coeff "
        "log/config/model/use_prev_reward config/batch_size train/clip_range seed done ent_coef "
        "reward_scale loss_scale target_kl rollout/exploration_rate sample_completions/nrows"
    ),
}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind, names in NAMES.items() for name in names.split()]
)
def test_the_names_of_the_frameworks_say_what_a_metric_is(name, kind):
    assert kind_of(name) == kind


def test_the_name_of_a_run_in_front_says_nothing():
    assert kind_of("lr-high max 8 - train/reward") == Kind.RETURN


@pytest.mark.parametrize(
    "names",
    [
        ("return", "reward", "critic/rewards/mean", "rewards/format_reward/mean", "eval/reward"),
        ("critic/score/mean", "rollout/success_rate", "val/reward"),
        ("completion_length", "response_length/mean/all", "prompt_length/mean", "eval/length"),
        ("train/loss", "update/loss", "losses/policy_loss", "critic/vf_loss", "val_loss"),
    ],
)
def test_training_goes_before_evaluation_and_the_whole_before_a_part(names):
    assert sorted(set(names), key=standing) == [*names]


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("rollout/tool_success_rate", (0.0, 1.0)),
        ("actor/pg_clipfrac", (0.0, 1.0)),
        ("val-core/gsm8k/acc/mean@1", (0.0, 1.0)),
        ("response_length/mean", (0.0, math.inf)),
        ("reward_std", (0.0, math.inf)),
        ("rewards/accuracy_reward/mean", (-math.inf, math.inf)),  # may be −1 for a wrong one
        ("policy_loss", (-math.inf, math.inf)),
        ("kl", (-math.inf, math.inf)),  # its usual estimate may be negative
    ],
)
def test_a_name_tells_the_bounds_of_a_share_and_of_a_length(name, bounds):
    assert bounds_of(name) == bounds
