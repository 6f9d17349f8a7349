"""TorchRL: a hook for `torchrl.trainers.Trainer`, and for a plain loop over a collector.

What is read: where a step of a batch ends an episode, its `("next", "is_success")` as accuracy and
its `("next", "episode_reward")` (of the `RewardSum` transform) as the metric `return`; the losses;
the number of environments as the metric `num_envs`. FLOPs are those of the real passes of the
networks inside the policy, the loss module and further modules that you name: `rollout` until a
batch is there, `update` after it.

What can't be known: rollouts of collectors that run in other processes, updates of a learner in
another process, advantages apart from the update, and episodes of a batch that a collector writes
into its replay buffer without handing it out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
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

with needed("torchrl", "0.14", module=__name__, extra="torchrl"):
    import torch
    from tensordict.nn import TensorDictModuleBase
    from torch.nn import Module, ModuleDict, ModuleList
    from torchrl.trainers.trainers import OptimizationStepper, TrainerHookBase  # noqa: F401


class RLVizHook(TrainerHookBase):  # type: ignore[misc]  # the framework may be missing
    """Records a training: `RLVizHook("runs/ppo").register(trainer)`.

    A step is a collected batch with the updates after it; its number is that of frames collected so
    far. The state is part of the trainer's checkpoints. A plain loop calls `collected` and `step`.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        modules: the modules whose passes count: in a plain loop the policy, the loss module and the
            advantage module; in a Trainer those that are neither in its collector nor in its loss
            module.
        success: the key of a batch that says at the end of an episode whether it succeeded.
        episode_reward: the key that holds the return of an episode at its end.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        modules: Iterable[Any] = (),
        success: Any = ("next", "is_success"),
        episode_reward: Any = ("next", "episode_reward"),
        **options: Any,
    ) -> None:
        options = with_convention(options, conventions.EXACT)
        self._open = partial(Callback, run_directory(logdir), **options)
        self.viz = self._open()
        self._modules = list(modules)
        self._phases = Phases(whole=_networks(self._modules))
        self._success = success
        self._episode_reward = episode_reward
        self._trainer: Any = None
        self._losses: Any = None
        self._frames = 0
        self._told: set[str] = set()

    def register(self, trainer: Any, name: str = "rlviz") -> None:
        """Register all hooks with the trainer; call it before you register hooks that do passes."""
        self._trainer = trainer
        collector = trainer.collector
        policy = getattr(collector, "policy", None)
        self._phases.watch(whole=_networks([policy, trainer.loss_module, *self._modules]))
        trainer.register_op("batch_process", self.collected)
        trainer.register_op("post_steps_log", self)
        if trainer.learner_backend == "local":
            trainer.register_op("post_optim_complete_log", self._keep_losses)
        trainer.register_op("shutdown", self.close)
        trainer.register_module(name, self)

    def _keep_losses(self, optim_steps: int, average_losses: Any) -> None:
        self._losses = average_losses

    def collected(self, batch: Any) -> Any:
        """End the rollout: a batch has come from the collector; returns it."""
        self._phases.end("rollout")
        return batch

    def __call__(self, batch: Any) -> None:
        """Close the step: the trainer is done with a batch."""
        losses, self._losses = self._losses, None
        self.step(batch, self._trainer.collected_frames, losses)

    def step(self, batch: Any, frames: int, losses: Any = None) -> None:
        """Close a step: the updates with a batch are done.

        Args:
            batch: as the collector gave it; None where it did not.
            frames: how many were collected so far; the number of the step.
            losses: scalars by name, a mapping or a tensordict.
        """
        self._phases.end("update")
        if batch is not None:
            self._record_episodes(batch)
        if frames <= self._frames:
            return  # an asynchronous collector has given nothing new
        self._frames = frames
        metrics = {} if losses is None else scalars(dict(losses.items()))
        environment = getattr(getattr(self._trainer, "collector", None), "env", None)
        if environment is not None:
            metrics["num_envs"] = environment.batch_size.numel()
        flops = self._phases.take()
        if "update" in flops and "rollout" not in flops:
            self._say(
                "no pass of the policy was seen while a batch was collected, so FLOPs of rollouts "
                "are missing. Where a collector has its own processes or acts at random, that "
                "can't be helped: viz.record(flops={'rollout': …})."
            )
        self.viz.on_step_end(frames, flops=flops, metrics=metrics)

    def _record_episodes(self, batch: Any) -> None:
        done = batch.get(("next", "done"), None)
        if done is None:
            return
        for key, what in ((self._success, "accuracy"), (self._episode_reward, "return")):
            values = batch.get(key, None)
            if values is None:
                continue
            try:
                # Nothing waits for the device: what is not the end of an episode becomes NaN.
                values = values.reshape(done.shape) if values.numel() == done.numel() else values
                ended = torch.where(done.expand(values.shape), values.float(), torch.nan)
            except RuntimeError as error:
                self._say(f"no {what} is recorded: {key!r} and 'done' differ in shape ({error}).")
                continue
            if what == "accuracy":
                self.viz.record(correct=ended)
            else:
                self.viz.record(metrics={"return": ended.nanmean()})

    def _say(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            logger.warning("rlviz: %s", words)

    def close(self) -> None:
        """Write everything: the training is over."""
        self._phases.close()
        self.viz.close()

    def state_dict(self) -> dict[str, Any]:
        """The state for the trainer's checkpoint, or your own."""
        return {"run": json.dumps(self.viz.state_dict())}  # counts are longer than 64 bits

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; once steps were recorded, in another session of the run."""
        if self.viz.health.logged:
            self.viz.close()
            self.viz = self._open()
        state = json.loads(state_dict["run"])
        self.viz.load_state_dict(state)
        self._frames = closed_step(state)


def _networks(modules: Iterable[Any]) -> Iterator[Any]:
    """The modules that take tensors, inside those that take tensordicts, each once.

    Passes are looked up by the shapes of tensors, which a tensordict does not tell. Loss modules
    keep the networks that they call outside their submodules.
    """
    waiting, known = list(modules), set()
    while waiting:
        module = waiting.pop(0)
        if not isinstance(module, Module) or id(module) in known:
            continue
        known.add(id(module))
        if isinstance(module, (TensorDictModuleBase, ModuleList, ModuleDict)):
            waiting += [*module.children(), *vars(module).values()]
        else:
            yield module
