"""OpenRLHF: a logger around that of its trainer, and the sender for its rollouts.

The trainer is a Ray actor that `openrlhf.cli.train_ppo_ray` makes, so a script takes the place of
that command and has the trainers made with the logger:

```python
# train.py: `python train.py …`, with the arguments of openrlhf.cli.train_ppo_ray
import runpy

from rlviz.integrations.openrlhf import use_in_trainers

if __name__ == "__main__":
    use_in_trainers("/shared/runs/x", senders=True)
    runpy.run_module("openrlhf.cli.train_ppo_ray", run_name="__main__")
```

What is read: what `log_train` is given (`reward`, `return`, `kl`, losses, lengths) as metrics of
those names, but `accuracy` as accuracy; what `log_eval` is given as metrics; what your agent
function records through `sender()`.

What can't be known: the lengths of single sequences, so FLOPs are what your `flops` makes of the
logged means (`response_length`, `total_length`) and your batch size; steps that `logging_steps`
leaves out; parallelism, unless rollouts record it. The logger needs no import of openrlhf.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.given import flag
from rlviz.integrations.support.logged import LoggedSteps
from rlviz.integrations.support.metrics import scalars
from rlviz.integrations.support.ray_sender import publish, sender
from rlviz.record.options import run_directory

__all__ = ["RLVizLogger", "sender", "use_in_trainers"]


def use_in_trainers(logdir: str | os.PathLike[str], **options: Any) -> None:
    """Have OpenRLHF's trainers, with `--train.async_enable` too, log into a run.

    Call it in the script that starts the training, before that makes them.

    Args:
        logdir: the run directory, on the node on which the trainer will run.
        **options: further arguments of `RLVizLogger`, all but `inner`.

    Raises:
        ValueError, TypeError: `logdir` can't be a run directory.
        ImportError: openrlhf or ray can't be imported.
    """
    path = run_directory(logdir)
    from openrlhf.trainer import ppo_trainer, ppo_trainer_async

    ppo_trainer.PPOTrainer = _logging(ppo_trainer.PPOTrainer, path, options)
    ppo_trainer_async.TrainingActor = _logging(ppo_trainer_async.TrainingActor, path, options)


def _logging(actor_class: Any, logdir: str | os.PathLike[str], options: Mapping[str, Any]) -> Any:
    """The same actor class, whose trainer has our logger around its own."""
    import ray

    trainer: Any = actor_class.__ray_actor_class__  # Ray refuses to subclass the actor class itself

    class Trainer(trainer):  # type: ignore[misc]  # a class of a package that may be missing
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            inner: Any = getattr(self, "tensorboard_logger", None)
            self.tensorboard_logger = RLVizLogger(logdir, inner=inner, **options)

    Trainer.__name__ = trainer.__name__
    return ray.remote(Trainer)


class RLVizLogger:
    """A logger: `log_train(global_step, logs)`, `log_eval(global_step, logs)`, `close()`.

    A step is a global step. Put `viz.state_dict()` into your checkpoints, and load it before the
    first step.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        inner: the logger that was there, which still gets everything.
        accuracy: the name of the training accuracy among what `log_train` is given.
        flops: makes FLOPs of the step, or FLOPs by phase, of that; with `model =
            rlviz.flops.from_config(config)` and `n` answers of a step, for example
            `lambda logs: {"update": model.training([round(logs["total_length"])] * n)}`.
        senders: whether rollouts may record into the run, by `sender()` of this module. The trainer
            then listens on a port, see docs/agents.md.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
        RuntimeError: `senders` outside of a Ray job.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        inner: Any = None,
        accuracy: str = "accuracy",
        flops: Callable[[Mapping[str, Any]], Any] | None = None,
        senders: bool = False,
        **options: Any,
    ) -> None:
        self._inner = inner
        self._steps = LoggedSteps(logdir, accuracy=accuracy, flops=flops, **options)
        self._senders = publish(self.viz) if flag("senders", senders) else None

    @property
    def viz(self) -> Callback:
        """The open callback."""
        return self._steps.viz

    def log_train(self, global_step: int, logs_dict: Mapping[str, Any]) -> None:
        """Values of a step."""
        self._steps.add(global_step, logs_dict)
        if self._senders is not None:  # what comes from rollouts from here on is of the next step
            self._steps.close_step()
        if self._inner is not None:
            self._inner.log_train(global_step, logs_dict)

    def log_eval(self, global_step: int, logs_dict: Mapping[str, Any]) -> None:
        """Values of an evaluation, which come after those of its step; with `senders` that is
        closed, so they stand in the next one."""
        values = {f"eval/{name}": value for name, value in logs_dict.items()}
        if self._senders is None:
            self._steps.add(global_step, values)
        else:
            self.viz.record(metrics=scalars(values))
        if self._inner is not None:
            self._inner.log_eval(global_step, logs_dict)

    def close(self) -> None:
        """Write everything: the training is over."""
        self._steps.close()
        if self._inner is not None:
            self._inner.close()
