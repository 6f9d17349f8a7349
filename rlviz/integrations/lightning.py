"""Lightning: a callback for `Trainer(callbacks=[…])`.

What is read: what `training_step` returns under `accuracy`, `correct`, `graded`, `parallelism` and
`flops`, as `rlviz.Callback.record` takes them, and its `loss`; and what `self.log(…)` is given: the
accuracy under the same name where none was returned, every other value as a metric. What is logged
at the end of an epoch or in a validation belongs to the step before, and an accuracy of a
validation is a metric. FLOPs are those of the real passes of the LightningModule's submodules:
`update` in a batch, `rollout` between batches (a data loader that plays), `evaluation` during
validation.

What can't be known: rollouts in `training_step` apart from its update, products in the
LightningModule's own methods (return `flops` for what no submodule computes), and what the
processes of a data loader compute.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rlviz import conventions
from rlviz.callback import Callback
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import as_accuracy, scalars
from rlviz.integrations.support.phases import Phases
from rlviz.record.error_log import logger
from rlviz.record.options import run_directory
from rlviz.record.rows import closed_step
from rlviz.requirement import needed

with needed("lightning", "2.4", module=__name__, extra="lightning"):
    from lightning.pytorch import Callback as LightningCallback

_RECORDED = ("correct", "accuracy", "graded", "parallelism", "flops")


class RLVizCallback(LightningCallback):  # type: ignore[misc]  # the framework may be missing
    """Records a `fit`, with automatic or manual optimization.

    A step is what happened up to an optimizer step, and has the number `trainer.global_step`: while
    gradients accumulate, batches add up; with two optimizers, a batch that steps both is one step.
    The state is part of the trainer's checkpoints, and `fit(ckpt_path=…)` goes on from there. With
    several processes, all ranks are added up and rank 0 writes.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        accuracy: the name under which `self.log` has the training accuracy.
        process_group: the ranks to add up; by default all ranks of the trainer.
        **options: further arguments of `rlviz.Callback`; `config` is by default the module's
            `hparams`.

    `fit` raises what `rlviz.Callback` raises for bad options.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        accuracy: str = "accuracy",
        process_group: Any = None,
        **options: Any,
    ) -> None:
        self._logdir = run_directory(logdir)
        self._accuracy = accuracy
        self._process_group = process_group
        self._options = with_convention(options, conventions.EXACT)
        self._state: dict[str, Any] | None = None
        self.viz: Callback | None = None
        """The open callback, while `fit` runs."""

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Open the run: the trainer has joined its processes by now."""
        if stage != "fit":
            return
        group = self._process_group
        if group is None and trainer.world_size > 1:
            from torch import distributed

            group = distributed.group.WORLD if distributed.is_initialized() else None
        options = {"config": dict(pl_module.hparams) or None, **self._options}
        self.viz = Callback(self._logdir, process_group=group, **options)
        # The module's own hooks would see `training_step` as a whole, backward passes included.
        self._phases = Phases(*pl_module.children())
        self._logged: dict[str, Any] = {}
        self._batches, self._has_begun = 0, False
        self._step = self._closed = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Go on from the checkpoint that the trainer has loaded by now."""
        if self.viz is None:
            return
        self._step = self._closed = trainer.global_step
        if self._state is not None and self._step >= closed_step(self._state):
            self.viz.load_state_dict(self._state)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count what ran since the last batch as rollout: it was the data loader."""
        if self.viz is not None:
            self._close_step()
            self._phases.end("rollout")

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record what the batch brought; if an optimizer stepped, the step may close."""
        if self.viz is None:
            return
        self._batches += 1
        self._phases.end("update")
        logged = self._newly_logged(trainer)
        recorded: dict[str, Any] = {}
        if isinstance(outputs, Mapping):
            recorded = {name: outputs[name] for name in _RECORDED if outputs.get(name) is not None}
            if (loss := outputs.get("loss")) is not None:
                # Lightning divides it among the batches of a step.
                shares = trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
                logged["loss"] = loss if shares == 1 else loss * shares
        self._record(logged, recorded)
        self._step = trainer.global_step

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Record what was logged for the epoch as a whole."""
        if self.viz is not None:
            self._record(self._newly_logged(trainer), {})

    def _record(self, logged: dict[str, Any], recorded: dict[str, Any]) -> None:
        """Record logged values as metrics, next to what `training_step` returned for the record."""
        assert self.viz is not None
        accuracy = as_accuracy(self._accuracy, logged.get(self._accuracy))
        if accuracy is not None and not {"accuracy", "correct"} & set(recorded):
            recorded = {**recorded, "accuracy": accuracy}
        if accuracy is not None:
            del logged[self._accuracy]
        self.viz.record(metrics=scalars(logged), **recorded)

    def _newly_logged(self, trainer: Any) -> dict[str, Any]:
        """What `self.log` was given since the last batch; the trainer goes on showing the rest.

        A new value is a new tensor, whose memory can't be that of the old one while that is kept.
        """
        seen, self._logged = self._logged, dict(trainer.callback_metrics)
        return {
            name: value
            for name, value in self._logged.items()
            if not name.endswith(("_step", "_epoch"))
            and (name not in seen or value.data_ptr() != seen[name].data_ptr())
        }

    def _close_step(self) -> None:
        """Close at the last moment, so that validation after a step is part of it."""
        if self.viz is None or self._step <= self._closed:
            return
        flops = self._phases.take()
        if not flops and not self._has_begun:
            logger.warning(
                "rlviz: no part of the LightningModule was called in the first step, so no FLOPs "
                "are counted. Return them from training_step: {'loss': loss, 'flops': …}."
            )
        self._has_begun = True
        self._closed = self._step
        self.viz.on_step_end(self._step, flops=flops)

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Count what ran so far as rollout: the data loader may have given a first batch."""
        if self.viz is not None:
            self._phases.end("rollout")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record a validation within `fit`: its values are metrics, not the training accuracy."""
        if self.viz is not None:
            self._phases.end("evaluation")
            logged = self._newly_logged(trainer)
            if not trainer.sanity_checking:
                self.viz.record(metrics=scalars(logged))

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Write everything: the training is over."""
        self._end(None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write everything: the training has failed."""
        self._end(exception)

    def _end(self, error: BaseException | None) -> None:
        if self.viz is not None:
            self._close_step()
            if self._batches and not self._has_begun:
                logger.warning(
                    "rlviz: no optimizer of the trainer stepped, so no step could be closed. In "
                    "manual optimization step those of self.optimizers()."
                )
            self._phases.close()
            self._state = self.viz.state_dict()
            self.viz.__exit__(None if error is None else type(error), error, None)
            self.viz = None

    def state_dict(self) -> dict[str, Any]:
        """For the trainer's checkpoint, which holds the weights after the open step."""
        self._close_step()
        return (self._state or {}) if self.viz is None else self.viz.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the trainer's checkpoint."""
        self._state = state_dict
