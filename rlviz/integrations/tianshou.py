"""Tianshou: a logger for its trainers.

What is read: the returns of the episodes that ended as the metric `return`, what an update returns
as metrics, `is_success` in an episode's last info as accuracy, the number of environments as the
metric `num_envs`. FLOPs are those of the real passes of the algorithm's networks: `rollout` until
the training collector's environments have stepped, `update` after that, `evaluation` in the test
collector.

What can't be known without `collector`: rollout apart from update, success, environments.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rlviz import conventions
from rlviz.callback import Callback
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import scalars
from rlviz.integrations.support.phases import Phases
from rlviz.requirement import needed

with needed("tianshou", "2.0", module=__name__, extra="tianshou"):
    from tianshou.utils.logger.logger_base import BaseLogger, DataScope


class RLVizLogger(BaseLogger):  # type: ignore[misc]  # the framework may be missing
    """Records a training: the `logger` of the trainer's parameters.

    A step is a training step, collection and update; its number is that of environment steps so
    far.
    Put `state_dict()` into the checkpoint that `save_checkpoint_fn` writes, and load it before a
    trainer with `resume_from_log=True` runs.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        algorithm: the one that is trained; None counts no FLOPs.
        collector: that of the training, whose steps are followed.
        save_interval: epochs between two calls of `save_checkpoint_fn`.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        algorithm: Any = None,
        collector: Any = None,
        save_interval: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(training_interval=1, update_interval=1, save_interval=save_interval)
        self.viz = Callback(logdir, **with_convention(options, conventions.EXACT))
        self._phases = Phases(whole=[] if algorithm is None else _networks(algorithm))
        self._follows = collector is not None
        self._metrics: dict[str, Any] = {}
        self._ended_step: int | None = None
        self._counters = (0, 0, 0)
        atexit.register(self.finalize)  # trainers don't call `finalize`
        if collector is not None:
            self._metrics["num_envs"] = collector.env_num
            self._earlier_hook = collector.get_on_step_hook()
            collector.set_on_step_hook(self._on_step)

    def _on_step(self, action_batch: Any, rollout_batch: Any) -> None:
        if self._earlier_hook is not None:
            self._earlier_hook(action_batch, rollout_batch)
        self._close_step()
        self._phases.end("rollout")
        successes = rollout_batch.info.get("is_success")
        if successes is not None and rollout_batch.done.any():
            self.viz.record(correct=successes[rollout_batch.done])

    def prepare_dict_for_logging(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Prepare nothing: `write` takes what it knows."""
        return log_data

    def write(self, step_type: str, step: int, data: dict[str, Any]) -> None:
        """Record what Tianshou says has happened: an update, then the training step; a test."""
        scope = step_type.partition("/")[0]
        if scope == DataScope.TEST:
            self._phases.end("evaluation")
        elif scope == DataScope.UPDATE:
            if not self._follows:
                self._close_step()
            self._phases.end("update")
            self.viz.record(metrics=scalars(dict(_flat(data)), under="update/"))
        elif scope == DataScope.TRAINING:
            self._phases.end("update")
            for value in data.get("returns", ()):
                self.viz.record(metrics={"return": float(value)})
            self._ended_step = step

    def _close_step(self) -> None:
        """Close at the last moment, so that a test after a step is part of it."""
        step, self._ended_step = self._ended_step, None
        if step is not None:
            self.viz.on_step_end(step, flops=self._phases.take(), metrics=self._metrics)

    def finalize(self) -> None:
        """Write everything: the training is over. The end of the script calls it too."""
        atexit.unregister(self.finalize)
        self._close_step()
        self._phases.close()
        self.viz.close()

    def save_data(
        self,
        epoch: int,
        env_step: int,
        update_step: int,
        save_checkpoint_fn: Callable[[int, int, int], str] | None = None,
    ) -> None:
        """Let the checkpoint be written at the end of an epoch, before its test."""
        self._counters = (epoch, env_step, update_step)
        if save_checkpoint_fn is not None and epoch % (self.save_interval or 1) == 0:
            save_checkpoint_fn(epoch, env_step, update_step)

    def state_dict(self) -> dict[str, Any]:
        """The state for your checkpoint, in plain numbers and strings."""
        self._close_step()
        return {"counters": list(self._counters), "run": self.viz.state_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take the state from your checkpoint, before the trainer runs."""
        self._counters = tuple(state_dict["counters"])
        self.viz.load_state_dict(state_dict["run"])

    def restore_data(self) -> tuple[int, int, int]:
        """Epoch, environment steps and updates of the state that was loaded."""
        return self._counters

    @staticmethod
    def restore_logged_data(log_path: str) -> dict[str, Any]:
        """Nothing is restored: use `rlviz.read` on the run directory."""
        return {}


def _networks(module: Any) -> Iterator[Any]:
    """The networks that take tensors, inside modules that take arrays and batches."""
    own = type(module).__module__.startswith("tianshou.")
    if own and next(module.parameters(recurse=False), None) is None:
        for part in module.children():
            yield from _networks(part)
    else:
        yield module


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value
