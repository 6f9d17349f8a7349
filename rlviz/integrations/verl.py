"""verl: the tracking backend `rlviz`, added to verl's own by importing this module.

verl imports it by itself where rlviz is installed (the entry point group `verl.plugins`), and with
`VERL_USE_EXTERNAL_MODULES=rlviz.integrations.verl`.

What is read: the metrics that verl's trainers log, under their own names; accuracy from
`critic/score/mean` as long as all scores are in [0, 1]; the number of answers from the count of
tokens and their mean lengths; which phases ran, and for how long, from `timing_s/…`; the shapes of
actor, critic and reward model from their configs; epochs and LoRA from verl's config; how many
groups of samples were thrown away, filtered or stale; average parallelism, and what else only a
rollout knows, from what your agent loop records through `sender()`. If a score
in [0, 1] does not mean a right answer, name another metric, or none.

What can't be known: the lengths of single sequences, so FLOPs are those of sequences of the mean
lengths, exact for the sum of tokens and low in attention; those of discarded ones, which count with
the mean lengths of the kept; generation in validations; reward models that write their judgment;
LoRA's own weights; answers that tools gave and tokens that a draft proposed, which count as if they
had been generated one by one; whether a prompt was in a cache already, so each response counts its
own.
"""

from __future__ import annotations

import functools
import json
import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.callback import Callback
from rlviz.conventions import ConventionName
from rlviz.flops import LanguageModel, from_config
from rlviz.given import flag
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import scalars
from rlviz.integrations.support.ray_sender import publish, sender
from rlviz.record.error_log import logger
from rlviz.record.rows import closed_step
from rlviz.requirement import needed

with needed("verl", "0.8", module=__name__, extra="verl"):
    from verl.utils.tracking import Tracking

__all__ = ["RLVizLogger", "sender"]

_PHASES = {
    "gen": "rollout",
    "old_log_prob": "old_logprob",
    "ref": "ref_logprob",
    "values": "critic_values",
    "update_actor": "update",
    "update_critic": "critic_update",
}
"""verl's name of what it times -> the phase that it is."""
_DISCARDED = (
    "training/filter_groups/evicted_samples",
    "training/filter_groups/discarded_surplus_samples",
    "training/off_policy/evicted_samples",
)
"""How many groups, of a prompt's samples each, verl threw away since the last step."""
_ACTOR, _CRITIC, _REWARD = "actor_rollout_ref", "critic", "reward_model"
_SCORE = "critic/score/mean"
_STATE = "rlviz.json"

Lengths: TypeAlias = NDArray[np.int64]


class RLVizLogger:
    """Records a run from what verl logs; verl makes one where `trainer.logger` names `rlviz`.

    ```sh
    python -m verl.trainer.main_ppo … trainer.logger='[console,rlviz]' \\
        '+trainer.rlviz.logdir=runs/my-run'
    ```

    All arguments come from `trainer.rlviz`. A step is a global step. The state goes into the folder
    of every checkpoint (`default_local_dir`), and a resumed run goes on from there.

    Args:
        logdir: the run directory, as of `rlviz.Callback`; by default
            `runs/<project_name>/<experiment_name>`.
        verl_config: verl's config, as nested mappings; without it checkpoints hold no state, and
            FLOPs are those of `model` alone.
        accuracy: the metric that is the training accuracy, in [0, 1]; None for none.
        model: the shape of the actor, where its config can't be read.
        senders: whether rollouts may record into the run, by `sender()` of this module. The trainer
            then listens on a port, see docs/agents.md.
        **options: further arguments of `rlviz.Callback`; `config` is by default verl's, `devices`
            all GPUs of its trainer, and `convention` "exact": FLOPs are counted by it.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
        RuntimeError: `senders` outside of a Ray job.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        verl_config: Mapping[str, Any] | None = None,
        accuracy: str | None = _SCORE,
        model: LanguageModel | None = None,
        senders: bool = False,
        **options: Any,
    ) -> None:
        config = self._config = verl_config or {}
        trainer = _entry(config, "trainer") or {}
        options = with_convention(options, None if model is None else model.convention)
        self._convention: ConventionName = options.get("convention") or "exact"
        options["convention"] = self._convention
        gpus = [trainer.get(each) or 1 for each in ("nnodes", "n_gpus_per_node")]
        self.viz = Callback(
            logdir, **{"config": config or None, "devices": math.prod(gpus), **options}
        )
        self._senders = publish(self.viz) if flag("senders", senders) else None
        self._accuracy = accuracy
        self._mode = _entry(trainer, "v1", "trainer_mode") or "sync"
        self._shapes: dict[str, LanguageModel | None] = {} if model is None else {_ACTOR: model}
        self._closed: int | None = None
        self._finished = False
        self._said: set[str] = set()

    def log(self, data: Mapping[str, Any], step: int) -> None:
        """Record what verl's `Tracking.log` passes on: a step, or a validation before the first."""
        trained = "timing_s/step" in data
        if self._closed is None:
            self._closed = self._load(step - 1 if trained else step)
        known = {name: number for name in data if (number := _number(data[name])) is not None}
        if trained:
            self._record_step(known)
        parallelism = known.pop(schema.PARALLELISM, -1.0)  # a trainer of your own may log it
        if 0 <= parallelism < math.inf:
            self.viz.record(parallelism=[parallelism])
        self.viz.record(metrics=scalars(known))
        if step > self._closed:  # a validation as the run goes on belongs to the step that follows
            self._closed = step
            self.viz.on_step_end(step)
        if "timing_s/save_checkpoint" in data:
            self._save(step)

    def finish(self, exit_code: int = 0) -> None:
        """Write everything: the training is over."""
        if not self._finished:  # verl calls it again as Python ends
            self._finished = True
            self.viz.close()

    def _record_step(self, known: dict[str, float]) -> None:
        """Record what a training step says beyond its metrics."""
        sequences = _sequences(known)
        self._record_accuracy(known, None if sequences is None else sequences[0].size)
        for name, phase in _PHASES.items():
            took = known.get(f"timing_s/{name}")
            if took is not None and took >= 0 and not self._is_bypassed(phase):
                flops = {} if sequences is None else self._flops(phase, *sequences)
                # Where samples are generated in the background, verl times the wait for them.
                timed = phase != "rollout" or self._mode == "sync"
                self.viz.record(seconds={phase: took} if timed else {}, flops=flops)
        if sequences is not None:
            self._record_beside(known, *sequences)

    def _record_beside(
        self, known: Mapping[str, float], prompts: Lengths, responses: Lengths
    ) -> None:
        """Record what verl does not time: rollouts that it threw away, and scores by a model."""
        groups = sum(round(known.get(name, 0.0)) for name in _DISCARDED)
        each = int(_entry(self._config, _ACTOR, "rollout", "n") or 1)
        thrown = np.resize(prompts, groups * each), np.resize(responses, groups * each)
        if groups > 0:
            self.viz.record(flops=self._flops(schema.DISCARDED, *thrown))
        reward: Any = _entry(self._config, "reward", _REWARD) or {}
        if reward.get("enable"):
            self.viz.record(flops=self._flops("reward_model", prompts, responses))
            if reward.get("enable_resource_pool"):  # then it scores before anything is thrown away
                self.viz.record(flops=self._flops("reward_model", *thrown))

    def _is_bypassed(self, phase: str) -> bool:
        """Whether verl takes the old log-probabilities from the rollout, although it times them."""
        correction = _entry(self._config, "algorithm", "rollout_correction")
        return phase == "old_logprob" and bool(_entry(correction, "bypass_mode"))

    def _record_accuracy(self, known: dict[str, float], graded: int | None) -> None:
        name = self._accuracy
        if name is None or name not in known:
            return
        stem = name.removesuffix("mean")
        seen = [known[each] for each in (name, f"{stem}min", f"{stem}max") if each in known]
        if min(seen) >= 0 and max(seen) <= 1:
            self.viz.record(accuracy=known[name], graded=graded)
            return
        self._accuracy = None
        self._say(
            f"{name} goes from {min(seen):g} to {max(seen):g}, so from here on it is no accuracy. "
            "Name the metric that is one: +trainer.rlviz.accuracy=…"
        )

    def _flops(self, phase: str, prompts: Lengths, responses: Lengths) -> dict[str, int]:
        try:
            spent = self._cost(phase, prompts, responses)
        except ValueError as error:  # a prompt without a token
            self._say(f"the FLOPs of {phase} can't be counted in some steps: {error}")
            return {}
        return {} if spent is None else {phase: spent}

    def _cost(self, phase: str, prompts: Lengths, responses: Lengths) -> int | None:
        roles = {"critic_values": _CRITIC, "critic_update": _CRITIC, "reward_model": _REWARD}
        role = roles.get(phase, _ACTOR)
        shape, lengths = self._shape(role), prompts + responses
        if shape is None:
            return None
        if phase in (schema.ROLLOUT, schema.DISCARDED):
            return shape.generation(prompts, responses)
        if not phase.endswith("update"):
            return shape.forward(lengths)
        where = (role, "actor") if role == _ACTOR else (role,)
        epochs = int(_entry(self._config, *where, "ppo_epochs") or 1)
        # Only the rank of an adapter is known: its own weights, which are few, are left out.
        adapters = 1 if _entry(self._config, role, "model", "lora_rank") else 0
        return epochs * shape.training(lengths, lora_params=adapters)

    def _shape(self, role: str) -> LanguageModel | None:
        """The shape of the actor, the critic or the reward model, read when it first works."""
        if role not in self._shapes:
            self._shapes[role] = None
            try:
                self._shapes[role] = self._read_shape(role)
            except Exception as error:  # of a hub, a file system or the model's own code
                self._say(f"the FLOPs of the {role} are not counted: {error}")
        return self._shapes[role]

    def _read_shape(self, role: str) -> LanguageModel:
        from transformers import AutoConfig

        if role == _REWARD:
            path: Any = _entry(self._config, "reward", _REWARD, "model_path")
            found = AutoConfig.from_pretrained(path)
            if any(name.endswith("ForCausalLM") for name in found.architectures or ()):
                raise ValueError(
                    f"{path} writes its judgments, whose lengths verl does not log. Record them: "
                    "record(flops={'reward_model': …})."
                )
            return from_config(found, convention=self._convention).with_value_head()
        model: Any = _entry(self._config, role, "model") or {}
        path = model.get("hf_config_path") or model.get("path")
        trust = bool(model.get("trust_remote_code"))  # as verl itself does
        found = AutoConfig.from_pretrained(path, trust_remote_code=trust)
        shape = from_config(found, convention=self._convention)
        return shape.with_value_head() if role == _CRITIC else shape

    def _load(self, step: int) -> int:
        """Go on after `step` if a checkpoint of it exists; returns the last closed step, or -1."""
        for path in self._states_of(step):
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
                if closed_step(state) == step:
                    self.viz.load_state_dict(state)
                    return step
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
                self._say(f"{path} was not loaded, so the curves start over: {error}")
        return -1

    def _save(self, step: int) -> None:
        for path in self._states_of(step)[:1]:
            try:
                if path.parent.is_dir():
                    path.write_text(json.dumps(self.viz.state_dict()), encoding="utf-8")
            except OSError as error:
                self._say(f"{path} was not written: {error}")

    def _states_of(self, step: int) -> list[Path]:
        """Where the state after this step may be: verl's folder, or the one it resumes from."""
        local, resumed = (
            _entry(self._config, "trainer", key)
            for key in ("default_local_dir", "resume_from_path")
        )
        here = [Path(local) / f"global_step_{step}" / _STATE] if local else []
        return here + ([Path(resumed) / _STATE] if resumed else [])

    def _say(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            logger.warning("rlviz: %s", words)


def _sequences(known: Mapping[str, float]) -> tuple[Lengths, Lengths] | None:
    """Mean prompts and responses of a step, as many and with as many tokens as there were."""
    prompt, response = known.get("prompt_length/mean"), known.get("response_length/mean")
    tokens = known.get("perf/total_num_tokens", 0.0)
    if prompt is None or response is None or not tokens > 0 or not prompt + response > 0:
        return None
    count = max(1, round(tokens / (prompt + response)))
    sampled = round(count * response)
    return _spread(round(tokens) - sampled, count), _spread(sampled, count)


def _spread(tokens: int, count: int) -> Lengths:
    """Whole numbers that add up to the tokens, as even as they can be."""
    return np.diff(np.arange(count + 1) * tokens // count)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, numbers.Real) and value == value else None


def _entry(config: Mapping[str, Any], *keys: str) -> Any:
    """An entry of nested mappings; None if there is none."""
    entry: Any = config
    for key in keys:
        entry = entry.get(key) if isinstance(entry, Mapping) else None
    return entry


def _add_backend(tracking: Any) -> None:
    """Teach verl's `Tracking` the backend `rlviz`; the others stay as they are."""
    if "rlviz" in tracking.supported_backend:
        return
    tracking.supported_backend = [*tracking.supported_backend, "rlviz"]
    end = "finish" if hasattr(tracking, "finish") else "__del__"  # which is all that verl 0.8 has
    init, finish = tracking.__init__, getattr(tracking, end)

    @functools.wraps(init)
    def init_with_rlviz(
        self: Any,
        project_name: str,
        experiment_name: str,
        default_backend: str | list[str] = "console",
        config: Any = None,
    ) -> None:
        init(self, project_name, experiment_name, default_backend, config)
        if default_backend == "rlviz" or "rlviz" in default_backend:
            options = dict(_entry(config or {}, "trainer", "rlviz") or {})
            options.setdefault("logdir", os.path.join("runs", project_name, experiment_name))
            self.logger["rlviz"] = RLVizLogger(**options, verl_config=config)

    @functools.wraps(finish)
    def finish_with_rlviz(self: Any, *given: Any, **named: Any) -> None:
        finish(self, *given, **named)
        if "rlviz" in getattr(self, "logger", {}):
            self.logger["rlviz"].finish(*given, **named)

    tracking.__init__ = init_with_rlviz
    setattr(tracking, end, finish_with_rlviz)


_add_backend(Tracking)
