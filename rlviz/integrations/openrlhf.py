"""OpenRLHF: a logger in place of, or around, one of its trainer's.

In a subclass of its trainer: `self.tensorboard_logger = RLVizLogger("runs/x", inner=…)`.

What is read: what `log_train` is given (`reward`, `return`, `kl`, losses, lengths) as metrics of
those names, but `accuracy` as accuracy; what `log_eval` is given as metrics.

What can't be known: the lengths of single sequences, so FLOPs are what your `flops` makes of the
logged means (`response_length`, `total_length`) and your batch size; steps that `logging_steps`
leaves out; parallelism. Needs no import of openrlhf.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.integrations.support.logged import LoggedSteps


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
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        inner: Any = None,
        accuracy: str = "accuracy",
        flops: Callable[[Mapping[str, Any]], Any] | None = None,
        **options: Any,
    ) -> None:
        self._inner = inner
        self._steps = LoggedSteps(logdir, accuracy=accuracy, flops=flops, **options)

    @property
    def viz(self) -> Callback:
        """The open callback."""
        return self._steps.viz

    def log_train(self, global_step: int, logs_dict: Mapping[str, Any]) -> None:
        """Values of a step."""
        self._steps.add(global_step, logs_dict)
        if self._inner is not None:
            self._inner.log_train(global_step, logs_dict)

    def log_eval(self, global_step: int, logs_dict: Mapping[str, Any]) -> None:
        """Values of an evaluation, which come after those of its step."""
        self._steps.add(global_step, {f"eval/{name}": value for name, value in logs_dict.items()})
        if self._inner is not None:
            self._inner.log_eval(global_step, logs_dict)

    def close(self) -> None:
        """Write everything: the training is over."""
        self._steps.close()
        if self._inner is not None:
            self._inner.close()
