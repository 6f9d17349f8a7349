"""Which names say that a column is a share of the policy's right answers: names of real logs."""

import pytest

from rlviz.importers import names, rates

OF_ANSWERS = """
accuracy train/acc train/accuracy acc/mean rollout/success_rate train/success_rate
env/success_rate episode/success_rate is_success success rollout/success
rewards/accuracy_reward/mean rewards/accuracy_reward rewards/MathAccuracy/mean
rewards/correctness_reward_func rewards/correctness_reward_func/mean
objective/verifiable_correct_rate outcome/solve_rate batch/solve_rate pass_rate win_rate
train/pass@1 pass_at_1 correct train/correct_rate AI_success_rate env/em_rate exact_match
metrics/math/correct_answer train/answer_accuracy grpo-7b-train/task_success_rate
custom_metrics/success_rate_mean winRate
"""
"""TRL, verl, open-instruct, SB3, RLlib, ms-swift, verl-agent, prime-rl, baselines."""

OF_EVALUATIONS = """
val-core/openai/gsm8k/acc/mean@8 val-core/aime/reward/mean@32 eval/accuracy eval_accuracy
test/success_rate eval/success_rate validation/accuracy val/success_rate
data/val-core/quiz/acc/mean@1 evaluation/pass@1 test_success_rate valid/accuracy
rollout/eval/accuracy train_env/val/accuracy accuracy_val
"""

OF_SOMETHING_ELSE = """
rollout/tool_success_rate tool_call_success_rate tools/success_rate env/tool_call_accuracy
rewards/accuracies eval_rewards/accuracies rewards/chosen_accuracy preference_accuracy
discriminator_accuracy mean/disc/disc_acc disc/accuracy mean/disc/disc_acc_expert gail/acc
classifier_accuracy train/classification_acc mean_token_accuracy token_acc train/next_token_acc
format_accuracy rewards/format_correctness/mean format_success_rate json_success_rate
parse_success_rate episode/valid_action_success action_accuracy bc/action_acc
reward_model/accuracy rm_acc judge_accuracy verifier_accuracy world_model/accuracy
expert_success_rate baseline_accuracy teacher/accuracy draft_acc acceptance_success_rate
exec_success_rate compile_success_rate sandbox/success_rate http_success_rate
weight_sync/success_rate worker_success_rate accuracy_threshold target_accuracy accuracy/std
accuracy/max rewards/accuracy_reward/std accuracy/ema best_accuracy accuracy_gap
search/success_rate retrieval_accuracy batch/solve_all_ratio all_correct_ratio
batch/none_correct_rate reward/all_solved solved_all_rate
"""

NO_RATES = """
reward critic/score/mean critic/rewards/mean critic/vf_explained_var actor/pg_clipfrac
clip_ratio/region_mean clip_ratio/high_mean train/clip_fraction losses/clipfrac
policy/clipfrac_avg completions/clipped_ratio response_length/clip_ratio
prompt_length/clip_ratio rollout/truncated_ratio is_truncated/mean frac_reward_zero_std
solve_all/all solve_none/all batch/solve_none rewards/format_reward/mean tools/call_frequency
tools/failure_frequency episode/valid_action_ratio val/stop_rate
fraction_of_samples_properly_ended baseline_reward/pct_1 reward/avg_pass_at_4
val-core/gsm8k/acc/best@8/mean val-core/gsm8k/acc/maj@8/mean pass@8 pass_at_k
natural_termination_rate train/avg_turns_per_sample kl entropy accurately
effective_batch_size/all perf/mfu/actor update_successful passes accelerate train/access_count
"""
"""TRL, verl, SB3, CleanRL, slime, prime-rl, NeMo-RL, SkyRL, verl-agent, AReaL."""


@pytest.mark.parametrize("name", OF_ANSWERS.split())
def test_a_share_of_right_answers_of_the_policy_says_so(name):
    assert rates.is_rate(name)
    assert not names.is_evaluation(name)


@pytest.mark.parametrize("name", OF_EVALUATIONS.split())
def test_a_share_of_right_answers_in_evaluations_is_no_training_accuracy(name):
    assert rates.is_rate(name)
    assert names.is_evaluation(name)


@pytest.mark.parametrize("name", OF_SOMETHING_ELSE.split())
def test_a_rate_of_something_else_is_no_accuracy_and_says_of_what(name):
    assert not rates.is_rate(name)
    assert rates.something_else(name)


@pytest.mark.parametrize("name", NO_RATES.split())
def test_other_numbers_between_0_and_1_are_no_accuracies(name):
    assert not rates.is_rate(name)


@pytest.mark.parametrize(
    ("name", "kind", "beside"),
    [
        ("critic/score/mean", "max", "critic/score/max"),
        ("rewards/accuracy_reward/mean", "std", "rewards/accuracy_reward/std"),
        ("reward", "std", "reward_std"),
        ("mean_reward", "min", "min_reward"),
        ("episode_reward_mean", "max", "episode_reward_max"),
        ("env_runners/episode_return_mean", "min", "env_runners/episode_return_min"),
        ("reward/mean", "std", "reward/std"),
        ("ppo_actor/task_reward/avg", "max", "ppo_actor/task_reward/max"),
        ("grpo-7b - train/reward", "std", "grpo-7b - train/reward_std"),
    ],
)
def test_the_spread_beside_a_mean_is_found_as_frameworks_call_it(name, kind, beside):
    assert beside in rates.spreads(name)[kind]
