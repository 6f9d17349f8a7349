"""NeMo-RL: one more backend of its `Logger`: `logger.loggers.append(RLVizLogger("runs/x"))`.

What is read: what is logged under `train` (`reward`, losses, lengths) as metrics of those names,
but the `accuracy` that an environment may give as accuracy; `validation` and `timing` as metrics
with that prefix.

What can't be known: hyperparameters (pass `config=`); the lengths of single sequences, so FLOPs are
what your `flops` makes of the logged values (`total_num_tokens`, `mean_prompt_length`);
parallelism. Needs no import of nemo_rl.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.integrations.support.logged import LoggedSteps


class RLVizLogger:
    """A logger backend: `log_metrics`, `log_hyperparams`, `log_histogram`, `log_plot`, `finish`.

    A step is one of NeMo-RL's, whose parts come in several calls. Put `viz.state_dict()` into your
    checkpoints, and load it before the first step.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        accuracy: the name of the training accuracy among what is logged under `train`.
        flops: makes FLOPs, or FLOPs by phase, of what was logged in a step; for example
            `lambda values: {"update": 6 * model.matmul_params * int(values["total_num_tokens"])}`
            with `model = rlviz.flops.from_config(config)`, which leaves attention out.
        **options: further arguments of `rlviz.Callback`.

    Raises:
        ValueError, TypeError: as `rlviz.Callback`.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        accuracy: str = "accuracy",
        flops: Callable[[Mapping[str, Any]], Any] | None = None,
        **options: Any,
    ) -> None:
        self._steps = LoggedSteps(logdir, accuracy=accuracy, flops=flops, **options)

    @property
    def viz(self) -> Callback:
        """The open callback."""
        return self._steps.viz

    def log_metrics(
        self,
        metrics: dict[str, Any],
        step: int,
        prefix: str | None = "",
        step_metric: str | None = None,
        step_finished: bool = False,
    ) -> None:
        """Values of a step, or of a part of it."""
        if step_metric is not None:
            return  # the GPU monitor, which counts steps of its own
        if prefix in (None, "", "train"):
            self._steps.add(step, metrics)
        elif step > 0:  # the validation before the first step belongs to none
            self._steps.add(step, {f"{prefix}/{name}": value for name, value in metrics.items()})

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:
        """Nothing is recorded: pass them as `config=`, for a run begins with them."""

    def log_histogram(self, histogram: list[Any], step: int, name: str) -> None:
        """Nothing of a histogram is recorded."""

    def log_plot(self, figure: Any, step: int, name: str) -> None:
        """Nothing of a figure is recorded."""

    def finish(self) -> None:
        """Write everything: the training is over."""
        self._steps.close()
