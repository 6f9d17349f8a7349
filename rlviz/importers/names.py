"""The names of columns and tags in known logs, and what they stand for there.

Frameworks spell them in: TRL `GRPOTrainer.log`, verl `trainer/ppo/metric_utils.py`, SB3
`common/on_policy_algorithm.py`, RLlib's result dict, CleanRL's `charts/`, wandb's history keys,
baselines `ppo2.py` and `trpo_mpi.py`, Spinning Up `ppo.py`, slime `rollout.py`, NeMo-RL `grpo.py`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

STEPS = (
    *("training/global_step", "trainer/global_step", "global_step", "step"),
    *("training_step", "train_step", "stitched_step", "_step", "iteration", "iterations", "iter"),
    *("update", "updates", "num_updates", "training_iteration", "time/total_timesteps"),
    *("total_timesteps", "misc/total_timesteps", "timesteps_total", "timesteps", "timestep"),
    *("env_step", "num_env_steps_sampled_lifetime", "timestepssofar", "totalenvinteracts", "steps"),
    *("time/iterations", "misc/nupdates", "nupdates", "n_updates", "time/episodes"),
    *("episode", "episodes", "episodessofar", "epoch"),
)

_OTHER_UNITS = {
    "timesteps",
    "timestep",
    "episode",
    "episodes",
    "env",
    "interacts",
    "timestepssofar",
}


_ANY_STEPS = {"global_step", "step", ""}
"""Names under which some loops count updates, and others steps of an environment."""
_BESIDE_STEPS_OF_AN_ENVIRONMENT = {
    *("charts/episodic_return", "charts/episodic_length", "charts/sps"),  # CleanRL
    *("episodic_return", "episodic_length"),  # and what it prints
    *("episode/score", "episode/length", "fps/policy"),  # DreamerV3, embodied/run/train.py
    *("train_episodes", "eval_episodes"),  # and its port to torch
}


def counts_more_than_updates(step: str | None, columns: Iterable[str] = ()) -> bool:
    """Whether a column of steps is of episodes or an environment, by its name, or by the columns of
    a loop that counts so.

    Args:
        step: the name of the column; "" for steps without a name; None where there are none.
        columns: all of the log.

    >>> [counts_more_than_updates(name) for name in ("time/total_timesteps", "step", None)]
    [True, False, False]
    >>> counts_more_than_updates("global_step", ["charts/episodic_return", "losses/value_loss"])
    True
    """
    if step is None:
        return False
    if _OTHER_UNITS & {*words(step), plain(step)}:
        return True
    return plain(step) in _ANY_STEPS and any(
        plain(name) in _BESIDE_STEPS_OF_AN_ENVIRONMENT for name in columns
    )


TIMESTAMPS = ("_timestamp", "timestamp", "wall_time", "source/timestamp", "time")
"""Seconds since 1970, or thousandths, millionths or billionths of seconds."""
DATES = ("ts", "datetime", "date_time", "created_at", "created", "date")
"""The same, where they differ from row to row and nothing tells the seconds better."""
ELAPSED = (
    *("_runtime", "runtime", "time/time_elapsed", "time_elapsed", "elapsed", "time_total_s"),
    *("misc/time_elapsed", "timeelapsed", "elapsed_time", "total_time"),
    *("relative_time_(process)", "relative_time_(wall)"),  # of wandb's charts
)
"""Seconds since the run began."""
DURATIONS = (
    *("timing_s/step", "perf/time_per_step", "step_time", "time_this_iter_s", "total_step_time"),
    *("iteration_time", "elapsed_time_per_iteration_(ms)", "perf/step_time"),
    *("timing/step_total", "timing/step", "timeperf/train_step"),
)
"""Seconds that the step took, or milliseconds where the name says so."""
TIMES = ("time",)
"""Seconds since the run began if they never fall, else those that the step took."""

SCORES = (
    *("critic/score/mean", "critic/rewards/mean", "reward", "reward/mean", "rewards/mean"),
    *("mean_reward", "reward_mean", "score", "score/mean", "scores", "objective/scores"),
    *("objective/verifiable_reward", "reward/all/mean", "reward/avg_raw_reward"),
    *("rollout/raw_reward", "grpo_actor/task_reward/avg", "ppo_actor/task_reward/avg"),
    *("rollout/reward", "rollout/reward/mean", "avg_reward", "average_reward", "reward/avg"),
)
"""Means of rewards of answers: accuracies if a right answer earns 1 and a wrong one 0."""

RETURNS = (
    *("rollout/ep_rew_mean", "ep_rew_mean", "charts/episodic_return", "episodic_return"),
    *("episode_return", "env_runners/episode_return_mean", "episode_return_mean"),
    *("episode_reward_mean", "episode_reward", "return", "returns", "objective/rlhf_reward"),
    *("mean_total_reward", "mean_episode_reward", "ep_reward_mean", "eprewmean", "averageepret"),
    *("averagereturn", "mean_100_episode_reward", "rollout/return", "returns_stat/mean"),
    *("mean_episode_return", "avg_return", "average_score", "episode/score", "rewards/step"),
    *("reward_/_total_reward_(mean)", "environment/cumulative_reward"),
)
"""Means of returns of episodes: accuracies if what is logged beside them says that each is 0 or 1;
a return between may as well shrink with the steps that an episode took."""

GRADED = ("graded", "num_graded", "n_graded", "ppo_actor/n_seqs", "grpo_actor/n_seqs")
CORRECT = (
    *("correct", "num_correct", "n_correct"),
    *("ppo_actor/correct_n_seqs", "grpo_actor/correct_n_seqs"),
)

SINGLE_ANSWERS = ("correct", "is_correct", "is_success", "success", "passed", "solved")
"""Columns that, if they hold nothing but 0 and 1, have a row for each answer."""

PROCESSES = (
    *("rank", "local_rank", "global_rank", "process_index", "worker", "worker_id", "process"),
)
"""Columns that say which process of a run wrote a row."""
RUNS = (
    *("run", "run_id", "run_name", "run id", "run name", "runid", "seed", "trial", "trial_id"),
    *("trial_name", "experiment", "experiment_id", "experiment_name", "exp", "exp_name", "exp_id"),
    *PROCESSES,
    *("algo", "algorithm", "variant", "group", "job", "job_id", "source_run", "id", "name"),
)
"""Columns that say of which run, or of which process, a row is."""
ROWS = ("id", "name", "group", "process", "worker", "job")
"""Those of them that may as well name every row of a run."""

PARALLELISM = (
    *("average_parallelism", "avg_parallelism", "mean_parallelism", "parallelism"),
    *("parallelism/mean", "parallelism/average", "agents/parallelism"),
)

_IN_FOLDERS = ("average_parallelism", "avg_parallelism", "mean_parallelism")
_OF_SHARDS = frozenset(
    (
        *("tensor", "pipeline", "data", "context", "expert", "sequence", "model", "size", "degree"),
        *("tp", "pp", "dp", "ep", "cp", "config"),
    )
)
_REWARDS = frozenset(("reward", "rewards", "return", "returns", "score", "scores"))
_NOT_ITS_MEAN = frozenset(
    (
        *("std", "min", "max", "var", "median", "loss", "model", "time", "scale", "lr", "clip"),
        *("coef", "count", "num", "advantage", "advantages", "weight", "margin", "margins", "kl"),
        *("length", "seconds", "grad", "norm", "accuracy", "accuracies", "format", "penalty"),
        *("entropy", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"),
    )
)

_SPAN = "num_tokens_in_the_longest_thread"
_WORK = "total_num_tokens"


def ends_as_parallelism(name: str) -> bool:
    """Whether a column in a folder is called an average parallelism.

    >>> ends_as_parallelism("rollout/avg_parallelism"), ends_as_parallelism("eval/avg_parallelism")
    (True, False)
    """
    ends = plain(name).rpartition("/")[2] in _IN_FOLDERS
    return ends and speaks_of_parallelism(name) and not is_evaluation(name)


def speaks_of_parallelism(name: str) -> bool:
    """Whether a column may be of the parallelism of agents, by its name.

    >>> speaks_of_parallelism("swarm/parallelism_p50"), speaks_of_parallelism("tensor_parallelism")
    (True, False)
    """
    said = set(words(name))
    return "parallelism" in said and not said & _OF_SHARDS


def speaks_of_reward(name: str) -> bool:
    """Whether a column may be a mean reward, return or score in training, by its name.

    >>> [speaks_of_reward(n) for n in ("Reward/train_mean", "reward/std", "eval/reward")]
    [True, False, False]
    """
    said = set(words(name))
    return bool(said & _REWARDS) and not said & _NOT_ITS_MEAN and not is_evaluation(name)


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
    *("total_length", "rollout/total_lengths", "grpo_actor/seq_len/avg", "ppo_actor/seq_len/avg"),
    *("seq._length", "response_length", "rollout/response_lengths", "mean_generation_length"),
    *("generate/avg_num_tokens",),
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
    "total_num_tokens": TokenCount("sequences", False),  # NeMo-RL: of the step
    "tokens": TokenCount("sequences", None),
}

_NO_RATE = re.compile(r"token_acc|(?:^|[/_])(?:std|min|max|ema|span)(?:[/_]|$)")
_MEAN = re.compile(r"(?:^|[/_.\s-])(?:mean|avg|average|length|lengths|per_sequence)(?:[/_.\s-]|$)")
_EVALUATION = re.compile(
    r"(?:eval|evaluation|test|val|validation)(?:[/_\-\s].*|$)"
    r"|.*[/.](?:eval|evaluation|test|val|valid|validation|val-core|val-aux|dev|holdout)(?:[/.]|$)"
    r"|(?:valid|dev|holdout|heldout)[/.]"
    r"|.*[_\s](?:eval|test|val|validation|dev)$"
)
_EVALUATIONS = {"eval", "evaluation", "test", "val", "validation", "dev"}
_REWARD_FUNCTION = re.compile(r"rewards/[^/]+(?:/mean)?$")
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9@]+")
_CHART = re.compile(r"^.* - (?=\S+$)")
_WRAPPED = ("data/", "metrics/", "ray/tune/")
"""What loggers put in front of every name."""


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
    name = _CHART.sub("", name.casefold()).replace(" ", "_")
    for front in (*_WRAPPED, "train/"):
        name = name.removeprefix(front) if name != front else name
    return name


@lru_cache(1 << 17)
def run_of_chart(name: str) -> str | None:
    """The run that a column of a chart's table belongs to; None for any other column.

    >>> run_of_chart("grpo-7b - train/reward__MIN"), run_of_chart("train/reward")
    ('grpo-7b', None)
    """
    found = _CHART.match(name)
    return name[: found.end() - 3] if found else None


def is_mean(name: str) -> bool:
    """Whether the name says that the column is a mean over sequences.

    >>> is_mean("completions/mean_length"), is_mean("response_length"), is_mean("num_tokens")
    (True, True, False)
    """
    return plain(name) in LENGTHS or _MEAN.search(plain(name)) is not None


def is_evaluation(name: str) -> bool:
    """Whether the column is measured on tasks that are not trained on: its first or its last word
    says so, or the last one of a folder.

    >>> [is_evaluation(name) for name in ("valAccuracy", "Accuracy (test)", "math_eval/accuracy")]
    [True, True, True]
    """
    if _EVALUATION.match(plain(name)) is not None:
        return True
    *folders, last = (words(part) for part in name[-len(plain(name)) :].split("/"))
    of_folders = {folder[-1] for folder in folders if folder}
    ends = {*(folders or [last])[0][:1], *last[-1:]}
    return bool(_EVALUATIONS & (of_folders | ends))


@lru_cache(1 << 17)
def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case.

    >>> words("rollout/tool_success_rate"), words("valTestAcc/mean@8")
    (('rollout', 'tool', 'success', 'rate'), ('val', 'test', 'acc', 'mean@8'))
    """
    return tuple(part.casefold() for part in _PARTS.split(_CHART.sub("", name)) if part)


def is_reward_function(name: str) -> bool:
    """Whether the column is the mean of one of TRL's reward functions.

    >>> is_reward_function("rewards/format_reward/mean"), is_reward_function("rewards/x/std")
    (True, False)
    """
    name = plain(name)
    is_one = _REWARD_FUNCTION.match(name) is not None and _NO_RATE.search(name) is None
    return is_one and not set(words(name)) & {"accuracies", "chosen", "rejected", "margins"}
