"""What the name of a metric says that it is: a return, a length, a loss, a clock, a setting.

Names are those of TRL, verl, OpenRLHF, NeMo-RL, SkyRL, slime, prime-rl, AReaL, Stable-Baselines3,
CleanRL, RLlib, tianshou and Lightning. They are compared word by word, so that `ep_rew_mean`,
`charts/episodic_return` and `episodeReward` all are returns.
"""

import math
import re
from enum import IntEnum
from functools import lru_cache

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Kind(IntEnum):
    """What a metric is, those first that tell most about a training."""

    RETURN = 0
    LENGTH = 1
    LOSS = 2
    KL = 3
    ENTROPY = 4
    OTHER = 5
    """None of these, as far as its name says."""
    SPREAD = 6
    """The largest, the smallest or the spread of something, or its running average."""
    BOOKKEEPING = 7
    """A clock, a counter, a setting or the load of a machine: it tells nothing of the training."""


_RETURN = {"return", "returns", "reward", "rewards", "rew", "score", "scores"}
_OUTCOME = {"success", "solve", "solved", "win", "won", "pass", "correct", "accuracy", "acc"}
_LENGTH = {"length", "lengths", "len"}
_LOSS = {"loss"}
_SPREAD = {
    *("max", "maximum", "min", "minimum", "std", "stdev", "stddev", "var", "variance"),
    *("quantile", "percentile", "best", "worst", "ema", "smoothed", "peak"),
}
_CLOCKS = {
    *(
        "time",
        "times",
        "timing",
        "timings",
        "timer",
        "timestamp",
        "seconds",
        "secs",
        "sec",
        "hours",
    ),
    *("minutes", "duration", "runtime", "elapsed", "walltime", "clock", "latency", "eta"),
    *("fps", "sps", "tps", "bps", "throughput", "speed", "perf", "mfu", "mbu", "hfu", "flops"),
    *("memory", "mem", "gpu", "cpu", "ram", "vram", "disk", "utilization", "util", "system"),
}
_SETTINGS = {
    *("config", "cfg", "hparams", "hyperparameters", "args", "settings", "options", "lr", "seed"),
    *("coef", "coeff", "coefficient", "gamma", "lambda", "lam", "momentum", "decay", "epsilon"),
    *("eps", "temperature", "beta", "alpha", "schedule", "scale", "weight", "weights", "workers"),
    *("threshold", "target", "limit", "budget", "done", "version", "wandb", "exploration"),
}
_SETTING = re.compile(r"learning rate|batch size|world size|clip range|group size")
_COUNTERS = {
    *("step", "steps", "epoch", "epochs", "iter", "iters", "iteration", "iterations", "timestep"),
    *("timesteps", "episode", "episodes", "update", "updates", "frame", "frames", "token"),
    *("tokens", "sample", "samples", "batches", "index", "idx", "id", "rows", "nrows", "ncols"),
}
_SHARES = {
    *("rate", "ratio", "fraction", "frac", "share", "prob", "probability", "clipfrac", "precision"),
    *("recall", "f1"),
    *_OUTCOME,
}
_NEVER_BELOW_0 = {*_LENGTH, "std", "stdev", "stddev", "var", "variance", "norm", "count", "entropy"}
_EVALUATIONS = {"eval", "evaluation", "test", "val", "valid", "validation"}
_LESS_TELLING = {
    Kind.RETURN: {"non", "format", "chosen", "rejected", "margin", "margins", *_OUTCOME},
    Kind.LENGTH: {"prompt", "prompts", "input", "terminated", "clipped"},
    Kind.LOSS: {"value", "vf", "critic", "aux", "kl", "entropy", "ent", "reward", "balance"},
}
_FILLERS = {
    "train",
    "training",
    "mean",
    "avg",
    "average",
    "total",
    "sum",
    "count",
    "num",
    "so",
    "far",
}


@lru_cache(1 << 15)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case, without the run's name that wandb puts in front in the
    table of a chart.

    >>> words_of("critic/score/mean"), words_of("episodeReward_max"), words_of("val-core/acc@8")
    (('critic', 'score', 'mean'), ('episode', 'reward', 'max'), ('val', 'core', 'acc', '8'))
    >>> words_of("lr-high - train/reward")
    ('train', 'reward')
    """
    return tuple(word.lower() for word in _WORDS.findall(name.rpartition(" - ")[2]))


def kind_of(name: str) -> Kind:
    """What a metric is, by its name.

    >>> [kind_of(name).name for name in ("rollout/ep_rew_mean", "completions/mean_length", "loss")]
    ['RETURN', 'LENGTH', 'LOSS']
    >>> [kind_of(name).name for name in ("actor/ppo_kl", "critic/score/max", "tool_calls_avg")]
    ['KL', 'SPREAD', 'OTHER']
    >>> {kind_of(name).name for name in ("train/epoch", "timing_s/gen", "critic/lr", "time/fps")}
    {'BOOKKEEPING'}
    """
    words = words_of(name)
    known = set(words)
    if known & _CLOCKS or known & _SETTINGS or _SETTING.search(" ".join(words)):
        return Kind.BOOKKEEPING
    if {"per", "second"} <= known:
        return Kind.BOOKKEEPING
    if known & _SPREAD:
        return Kind.SPREAD
    if known & _LOSS:
        return Kind.LOSS
    if known & _LENGTH and not known & _SHARES:
        return Kind.LENGTH
    if "kl" in known:
        return Kind.KL
    if "entropy" in known:
        return Kind.ENTROPY
    if known & _RETURN or known & _OUTCOME:
        return Kind.RETURN
    if _counts(name):
        return Kind.BOOKKEEPING
    return Kind.OTHER


def _counts(name: str) -> bool:
    """Whether the last part of a name that says anything is that of a counter."""
    for part in reversed(name.split("/")):
        if telling := set(words_of(part)) - _FILLERS:
            return bool(telling & _COUNTERS) and "per" not in telling
    return False


def standing(name: str) -> tuple[bool, bool, bool, int]:
    """The order of metrics of one kind: training before evaluation, the whole before a part.

    >>> sorted(["critic/vf_loss", "val/loss", "actor/pg_loss", "train/loss"], key=standing)
    ['train/loss', 'actor/pg_loss', 'critic/vf_loss', 'val/loss']
    >>> sorted(["rewards/format/mean", "reward", "return"], key=standing)
    ['return', 'reward', 'rewards/format/mean']
    """
    words = [word for word in words_of(name) if word not in _FILLERS]
    is_evaluation = bool(words) and words[0] in _EVALUATIONS
    is_part = bool(_LESS_TELLING.get(kind_of(name), set()) & set(words))
    return is_evaluation, is_part, words != ["return"], len(words)  # an import calls it "return"


def bounds_of(name: str) -> tuple[float, float]:
    """The bounds that a metric has by its name: a share is in [0, 1], a length is not below 0. The
    values may tell otherwise, as where a rate is per second.

    >>> bounds_of("eval/pass_at_1"), bounds_of("reward_std"), bounds_of("loss")
    ((0.0, 1.0), (0.0, inf), (-inf, inf))
    """
    words = set(words_of(name))
    if words & _LOSS:
        return -math.inf, math.inf
    if words & _SHARES and not words & _RETURN:
        return 0.0, 1.0
    return (0.0 if words & _NEVER_BELOW_0 else -math.inf), math.inf
