"""Names what a log shows to have been computed and no count of tokens in it holds."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from rlviz import wording
from rlviz.importers import names
from rlviz.importers.log import Log

_BATCHES = ("num_gen_batches", "gen_batches", "num_generation_batches")
_CRITIC = {"lr", "loss", "grad", "vf", "clipfrac", "update"}
_VALUES = ("value_loss", "vf_loss", "loss/value_avg", "critic_loss")
_DROPPED = {"discarded", "filtered", "dropped", "stale", "rejected", "oversampled"}
_ANSWERS = {"samples", "groups", "prompts", "sequences", "rollouts"}


def missing(log: Log) -> list[str]:
    """Sentences on a trained critic, discarded generations and passes of other models.

    They are for FLOPs from tokens: 2·N a token for the rollout and 6·N for the update.
    """
    said = []
    if critic := _found(log, _is_of_critic):
        said.append(
            f"A critic was trained ({critic}): its values (2·N a token of its own parameters) and "
            "its updates (6·N) are not in the RL FLOPs. One as large as the model doubles them."
        )
    if discarded := _discarded(log):
        said.append(discarded)
    if model := _found(log, _is_of_reward_model):
        said.append(
            f"A reward model scored the answers ({model}): its passes (2·N a token of its own "
            "parameters) are not in the RL FLOPs."
        )
    for what, called in (("A reference model", _is_of_reference), ("Log-probabilities", _is_old)):
        if column := _found(log, called):
            said.append(
                f"{what} took forward passes of their own ({column}): 2·N a token each are not in "
                "the RL FLOPs."
                if what.endswith("s")
                else f"{what} took forward passes ({column}): 2·N a token are not in the RL FLOPs."
            )
    return said


def _found(log: Log, is_one: Callable[[str], bool]) -> str:
    return wording.some([name for name in log.series if is_one(name)], 2)


def _is_of_critic(name: str) -> bool:
    said = set(names.words(name))
    if "critic" in said and said & _CRITIC:
        return True
    return _timed(name) == "values" or names.plain(name) in _VALUES


def _is_of_reward_model(name: str) -> bool:
    said = names.words(name)
    pairs = set(pairwise(said))
    return (
        _timed(name) == "rm"
        or names.plain(name) == "objective/rlhf_reward"
        or bool({("reward", "model"), ("rm", "score"), ("rm", "scores")} & pairs)
    )


def _is_of_reference(name: str) -> bool:
    return _timed(name) in ("ref", "ref_log_prob", "reference")


def _is_old(name: str) -> bool:
    return _timed(name) in ("old_log_prob", "log_prob", "logprobs", "fwd_logprobs_values_reward")


def _timed(name: str) -> str:
    """What a column times; empty if it times nothing."""
    front, _, what = names.plain(name).rpartition("/")
    return what if front in ("timing_s", "timing", "time", "perf/time") else ""


def _discarded(log: Log) -> str:
    for name in log.series:
        values, said = log.series[name].numbers(), names.words(name)
        mean = float(np.mean(values[np.isfinite(values)])) if len(values) else 0.0
        if "_".join(said).endswith(_BATCHES) and mean > 1:
            return (
                f"{mean:.3g} batches were generated for each that was trained on ({name!r}): the "
                "rollout of the discarded ones (2·N a token) is not in the RL FLOPs."
            )
        if _DROPPED & set(said) and _ANSWERS & set(said) and values.any():
            return (
                f"Answers were generated and discarded ({name!r}): their rollout (2·N a token) is "
                "not in the RL FLOPs."
            )
    return ""
