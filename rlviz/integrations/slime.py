"""slime: a function for `--custom-rollout-log-function-path`.

In a module of yours that slime can import: `log_rollout = RLVizLogger("runs/x", model=…)`, and
`--custom-rollout-log-function-path my_module.log_rollout`.

What is read: the rewards of the rollout's samples as the metric `reward`, what `correct` says of
each sample as accuracy, and what the rollout function adds as metrics. FLOPs of generation and
training are those of the model's shape at the samples' real lengths.

What can't be known: samples that slime filters away before it logs, losses, whether an update goes
over the samples more often than `epochs`, and parallelism, unless `parallelism` gives it.
Needs no import of slime.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rlviz.callback import Callback
from rlviz.flops import LanguageModel
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import scalars
from rlviz.record.error_log import logger
from rlviz.record.options import run_directory


class RLVizLogger:
    """Called by slime as `log(rollout_id, args, samples, rollout_extra_metrics, rollout_time)`.

    A step is a rollout, with its number. The first one opens the run, in the process that logs;
    `viz` is None before. slime saves no state of a logger: put `viz.state_dict()` where you keep
    your checkpoints, and pass it as `state` when the training goes on.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        model: the shape of the policy; None counts no FLOPs.
        epochs: how often an update goes over the samples, >= 0.
        correct: says of a sample whether its answer is correct; None if it has no grade.
        parallelism: gives a sample's work / span, or a `rlviz.parallelism` value.
        state: that of an earlier session, to go on from.
        **options: further arguments of `rlviz.Callback`; bad ones raise at the first rollout.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        *,
        model: LanguageModel | None = None,
        epochs: int = 1,
        correct: Callable[[Any], bool | None] | None = None,
        parallelism: Callable[[Any], Any] | None = None,
        state: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        options = with_convention(options, None if model is None else model.convention)
        self._open = partial(Callback, run_directory(logdir), **options)
        self._model = model
        self._epochs = epochs
        self._correct = correct
        self._parallelism = parallelism
        self._state = state
        self._said = False
        self.viz: Callback | None = None

    def __call__(
        self,
        rollout_id: int,
        args: Any,
        samples: Sequence[Any],
        rollout_extra_metrics: dict[str, Any] | None,
        rollout_time: float,
    ) -> bool:
        """Record a rollout; False, so that slime logs it too."""
        if self.viz is None:
            self.viz = self._open()
            if self._state is not None:
                self.viz.load_state_dict(self._state)
        try:
            self._record(self.viz.record, args, samples)
        except Exception as error:  # an odd sample must not end the training
            if not self._said:
                self._said = True
                logger.warning(
                    "rlviz: a sample of rollout %s could not be read, so the rollout is recorded "
                    "in part: %s: %s.",
                    rollout_id,
                    type(error).__name__,
                    error,
                )
        metrics = {**(rollout_extra_metrics or {}), "rollout_seconds": rollout_time}
        self.viz.on_step_end(rollout_id, metrics=scalars(metrics))
        return False

    def _record(self, record: Callable[..., None], args: Any, samples: Sequence[Any]) -> None:
        for sample in samples:
            reward = sample.get_reward_value(args)
            if reward is not None:
                record(metrics=scalars({"reward": reward}))
            if self._correct is not None:
                grade = self._correct(sample)
                record(correct=[float("nan") if grade is None else grade])
            if self._parallelism is not None:
                record(parallelism=[self._parallelism(sample)])
        if self._model is not None and samples:
            lengths = [len(sample.tokens) for sample in samples]
            answers = [sample.response_length for sample in samples]
            prompts = [a - b for a, b in zip(lengths, answers, strict=True)]
            record(flops={"rollout": self._model.generation(prompts, answers)})
            for _ in range(self._epochs):
                record(flops={"update": self._model.training(lengths)})
