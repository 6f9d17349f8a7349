"""The names of columns and tags in known logs, and what they stand for there.

Frameworks spell them in: TRL `GRPOTrainer.log`, verl `trainer/ppo/metric_utils.py`, SB3
`common/on_policy_algorithm.py`, RLlib's result dict, CleanRL's `charts/`, wandb's history keys,
baselines `ppo2.py` and `trpo_mpi.py`, Spinning Up `ppo.py`, slime `rollout.py`, NeMo-RL `grpo.py`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

STEPS = (
    *("step", "training/global_step", "trainer/global_step", "global_step"),
    *("training_step", "train_step", "stitched_step", "_step", "iteration", "iterations", "iter"),
    *("update", "updates", "num_updates", "training_iteration", "time/total_timesteps"),
    *("total_timesteps", "misc/total_timesteps", "timesteps_total", "timesteps", "timestep"),
    *("env_step", "num_env_steps_sampled_lifetime", "timestepssofar", "totalenvinteracts", "steps"),
    *("time/iterations", "misc/nupdates", "nupdates", "n_updates", "time/episodes"),
    *("episode", "episodes", "episodessofar", "epoch"),
)

TIMESTAMPS = ("_timestamp", "timestamp", "wall_time", "source/timestamp", "time")
"""Seconds since 1970, or milliseconds."""
ELAPSED = (
    *("_runtime", "runtime", "time/time_elapsed", "time_elapsed", "elapsed", "time_total_s"),
    *("misc/time_elapsed", "timeelapsed", "elapsed_time", "total_time"),
)
"""Seconds since the run began."""
DURATIONS = (
    *("timing_s/step", "perf/time_per_step", "step_time", "time_this_iter_s", "total_step_time"),
    *("iteration_time", "elapsed_time_per_iteration_(ms)"),
)
"""Seconds that the step took, or milliseconds where the name says so."""
TIMES = ("time",)
"""Seconds since the run began if they never fall, else those that the step took."""

SCORES = (
    *("critic/score/mean", "critic/rewards/mean", "reward", "reward/mean", "rewards/mean"),
    *("mean_reward", "reward_mean", "score", "score/mean", "scores", "rollout/ep_rew_mean"),
    *("ep_rew_mean", "charts/episodic_return", "episodic_return", "episode_return"),
    *("env_runners/episode_return_mean", "episode_return_mean", "episode_reward_mean"),
    *("episode_reward", "objective/scores", "objective/verifiable_reward", "return", "returns"),
    *("objective/rlhf_reward", "rollout/raw_reward", "reward/avg_raw_reward", "avg_reward"),
    *("average_reward", "mean_total_reward", "mean_episode_reward", "ep_reward_mean", "eprewmean"),
    *("averageepret", "averagereturn", "mean_100_episode_reward", "rollout/return"),
)
"""Means of rewards: accuracies if a right answer earns 1 and a wrong one 0."""

GRADED = ("graded", "num_graded", "n_graded")
CORRECT = ("correct", "num_correct", "n_correct")

PARALLELISM = (
    *("average_parallelism", "avg_parallelism", "mean_parallelism", "parallelism"),
    *("parallelism/mean", "parallelism/average", "agents/parallelism"),
)

_SPAN = "num_tokens_in_the_longest_thread"
_WORK = "total_num_tokens"


def work_of(span: str) -> str | None:
    """The column of the work that belongs to one of the span, both in tokens of an answer, as
    ThreadWeaver's reward function calls them; None for any other column.

    >>> work_of("reward_extra/num_tokens_in_the_longest_thread/mean")
    'reward_extra/total_num_tokens/mean'
    """
    called = span.removesuffix("/mean").rpartition("/")[2]
    return span.replace(_SPAN, _WORK) if called == _SPAN else None


FLOPS = (
    *("flops/total", "flops_total", "total_flops", "perf/total_flops", "cumulative_flops"),
    *("rl_flops", "total_rl_flops", "training_flops", "total_flos"),
)

LENGTHS = (
    *("completions/mean_length", "completion_length", "response_length/mean"),
    *("val/sequence_lengths", "sequence_lengths", "objective/sequence_lengths"),
)
"""Mean tokens per sequence; times the number of sequences in a step, they give its tokens."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What a known counter of tokens counts."""

    meaning: str
    """A key of `rlviz.importers.options.TOKENS_ARE`."""
    cumulative: bool | None
    """Whether it counts from the run's start; None if only the numbers can tell."""


TOKENS = {
    "num_tokens": TokenCount("sequences", True),  # TRL: prompts and completions, all ranks
    "num_input_tokens_seen": TokenCount("sequences", True),
    "perf/total_num_tokens": TokenCount("sequences", False),  # verl: of the step's batch
    "throughput/total_tokens": TokenCount("trained", True),  # Composer's and olmo-core's monitor
    "total_tokens": TokenCount("sequences", None),
    "tokens_total": TokenCount("sequences", None),
    "total_num_tokens": TokenCount("sequences", None),
    "tokens": TokenCount("sequences", None),
}

_RATE = re.compile(
    r"(?:^|[/_.\s])"
    r"(?:accuracy|accuracies|acc|correct_rate|success_rate|solve_rate|pass_rate|win_rate"
    r"|correctness|is_success|correct|pass_at_1|pass@1)"
    r"(?:_?reward)?(?:_?func(?:tion)?)?(?:[/_]mean(?:@\d+)?)?$"
)
_VALIDATION_CORE = re.compile(r"val-core/.*/mean@\d+$")
_NO_RATE = re.compile(r"token_acc|(?:^|[/_])(?:std|min|max|ema|span)(?:[/_]|$)")
_MEAN = re.compile(r"(?:^|[/_.\s-])(?:mean|avg|average|length|lengths|per_sequence)(?:[/_.\s-]|$)")
_EVALUATION = re.compile(r"(?:eval|evaluation|test|val|validation)(?:[/_\-].*|$)")
_REWARD_FUNCTION = re.compile(r"rewards/[^/]+(?:/mean)?$")
_EXTREMES = re.compile(r"__(?:min|max)$")
_CHART = re.compile(r"^.* - (?=\S+$)")


@lru_cache(1 << 17)  # an import asks for every name some fifteen times
def plain(name: str) -> str:
    """A name in the form that is compared with the known names.

    It drops the `train/` that TensorBoard's writers put in front, the `ray/tune/` of Ray's, and
    the run's name that wandb puts in front in the table of a chart. Words are joined by "_".

    >>> plain("train/num_tokens"), plain("grpo-7b - train/reward"), plain("Total Timesteps")
    ('num_tokens', 'reward', 'total_timesteps')
    >>> plain("ray/tune/env_runners/episode_return_mean")
    'env_runners/episode_return_mean'
    """
    name = _CHART.sub("", name.casefold()).removeprefix("ray/tune/").replace(" ", "_")
    return name.removeprefix("train/") if name != "train/" else name


def is_mean(name: str) -> bool:
    """Whether the name says that the column is a mean over sequences.

    >>> is_mean("completions/mean_length"), is_mean("response_length"), is_mean("num_tokens")
    (True, True, False)
    """
    return plain(name) in LENGTHS or _MEAN.search(plain(name)) is not None


def is_evaluation(name: str) -> bool:
    """Whether the column is measured on tasks that are not trained on."""
    return _EVALUATION.match(plain(name)) is not None


def is_rate(name: str) -> bool:
    """Whether the name says that the column is a share of right answers.

    >>> is_rate("train/rewards/accuracy_reward/mean"), is_rate("objective/verifiable_correct_rate")
    (True, True)
    >>> is_rate("mean_token_accuracy"), is_rate("rewards/accuracy_reward/std"), is_rate("reward")
    (False, False, False)
    """
    name = plain(name)
    found = _RATE.search(name) or _VALIDATION_CORE.match(name)
    return found is not None and _NO_RATE.search(name) is None and not _EXTREMES.search(name)


def is_reward_function(name: str) -> bool:
    """Whether the column is the mean of one of TRL's reward functions.

    >>> is_reward_function("rewards/format_reward/mean"), is_reward_function("rewards/x/std")
    (True, False)
    """
    name = plain(name)
    return _REWARD_FUNCTION.match(name) is not None and _NO_RATE.search(name) is None
