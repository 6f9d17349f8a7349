"""Stable-Baselines3: a callback for `model.learn`.

What is read: `is_success` of ended episodes as accuracy, the monitor's return and length of an
episode as the metrics `return` and `episode_length`, SB3's own `train/…` values, the number of
parallel environments as the metric `num_envs`. FLOPs are those of the policy's real passes:
`rollout` while environments step, `update` between rollouts, `evaluation` inside an EvalCallback
(put this callback after it).

What can't be known: accuracy where no environment says `is_success`, the products of a gSDE
distribution, and the parallelism of agents, of which SB3 has none.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from rlviz import conventions
from rlviz.callback import Callback
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import scalars
from rlviz.integrations.support.phases import Phases
from rlviz.record.error_log import logger
from rlviz.record.options import run_directory
from rlviz.record.rows import closed_step
from rlviz.requirement import needed

with needed("stable-baselines3", "2.4", module=__name__, extra="sb3"):
    from stable_baselines3.common.callbacks import BaseCallback, CallbackList, EvalCallback
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
    from stable_baselines3.common.policies import BaseModel
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor

_STATE = "rlviz_state"
"""The attribute of a model that `model.save` takes along, and `load` brings back."""


class RLVizCallback(BaseCallback):  # type: ignore[misc]  # the framework may be missing
    """Records a `learn` of any SB3 algorithm.

    A step is a rollout with the update after it; its number is that of timesteps at its end. An
    off-policy algorithm alternates between the two all the time: there a step is what happened in
    `period` timesteps. The state goes into every `model.save`; `learn(reset_num_timesteps=False)`
    of a loaded model goes on from there, without what an open step had spent by then.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        period: at least this many timesteps in a step, > 0; by default each rollout of an on-policy
            algorithm, 1,000 timesteps of an off-policy one.
        verbose: as of SB3; nothing is printed.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`, or `period` is no whole number > 0.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        period: int | None = None,
        verbose: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(verbose)
        if period is not None and (type(period) is not int or period < 1):
            raise ValueError(f"period must be a whole number of timesteps > 0, got {period!r}.")
        self._period = period
        options = with_convention(options, conventions.EXACT)
        self._open = partial(Callback, run_directory(logdir), **options)
        self.viz = self._open()
        self._ended = False
        self._state: dict[str, Any] | None = None
        self._phases = Phases()

    def _on_training_start(self) -> None:
        if self.viz.health.logged and not self._ended:  # the `learn` before was interrupted
            self.viz.close()
            self._ended = True
        if self._ended:  # a further `learn` is a further session of the run
            self.viz, self._ended = self._open(), False
        elif self.num_timesteps:
            self._state = getattr(self.model, _STATE, None)
        if self._state is not None:
            self.viz.load_state_dict(self._state)
        before = 0 if self._state is None else closed_step(self._state)
        # `learn` counts from 0 again unless told otherwise, steps of a run go on.
        self._first_step = max(0, before - self.num_timesteps)
        self._closed_at = self.num_timesteps
        parts, whole = _networks(self.model.policy)
        self._phases.watch(*parts, whole=whole)
        self._phases.end("evaluation")  # the user's own, since the last `learn`
        on_policy = isinstance(self.model, OnPolicyAlgorithm)
        self._each = self._period or (1 if on_policy else 1000)
        self._check_order()

    def _check_order(self) -> None:
        everyone = self.locals.get("callback")
        if isinstance(everyone, CallbackList) and self in everyone.callbacks:
            later = everyone.callbacks[everyone.callbacks.index(self) :]
            if any(isinstance(callback, EvalCallback) for callback in later):
                logger.warning(
                    "rlviz: an EvalCallback comes after rlviz's, so its FLOPs count as rollout. "
                    "Pass it before: callback=[EvalCallback(…), RLVizCallback(…)]."
                )

    def _on_rollout_start(self) -> None:
        self._phases.end("update")
        if self.model.num_timesteps - self._closed_at >= self._each:
            self._close_step()

    def update_locals(self, locals_: dict[str, Any]) -> None:
        """End a rollout: SB3 calls this after each environment step, before any `_on_step`."""
        self._phases.end("rollout")
        super().update_locals(locals_)

    def _on_step(self) -> bool:
        self._phases.end("evaluation")  # of callbacks before this one
        for done, info in zip(
            self.locals.get("dones", ()), self.locals.get("infos", ()), strict=False
        ):
            if done:
                self._record_episode(info)
        return True

    def _record_episode(self, info: dict[str, Any]) -> None:
        success, episode = info.get("is_success"), info.get("episode")
        if success is not None:
            self.viz.record(correct=[success])
        if episode is not None:
            self.viz.record(metrics={"return": episode["r"], "episode_length": episode["l"]})

    def _on_rollout_end(self) -> None:
        self._phases.end("rollout")

    def _on_training_end(self) -> None:
        self._phases.end("update")
        if self.model.num_timesteps > self._closed_at:
            self._close_step()
        self._ended = True
        self.viz.close()

    def _close_step(self) -> None:
        self._closed_at = self.model.num_timesteps
        values = self.logger.name_to_value
        metrics = scalars({k: value for k, value in values.items() if k.startswith("train/")})
        self.viz.on_step_end(
            self._first_step + self._closed_at,
            flops=self._phases.take(),
            metrics={**metrics, "num_envs": self.model.n_envs},
        )
        self._state = self.viz.state_dict()
        setattr(self.model, _STATE, self._state)


def _networks(policy: Any) -> tuple[list[Any], list[Any]]:
    """The modules that SB3's policies call: those whose submodules it may call, and the others.

    SB3's own policies and extractors call the networks inside them by methods of their own; a
    user's class may do anything.
    """
    parts, whole, waiting = [], [], [policy]
    while waiting:
        module = waiting.pop()
        package = type(module).__module__.partition(".")[0]
        own = package in ("stable_baselines3", "sb3_contrib")
        if own and isinstance(module, (BaseModel, MlpExtractor)):
            waiting += module.children()
        elif own or type(module).__module__.startswith("torch.nn."):
            whole += [module] if any(True for _ in module.parameters()) else []
        elif isinstance(module, BaseFeaturesExtractor):
            whole.append(module)
        else:
            parts.append(module)
    return parts, whole
