"""slime: a function for `--custom-rollout-log-function-path`.

In a module of yours that slime can import: `log_rollout = RLVizLogger("runs/x", model=…)`, and
`--custom-rollout-log-function-path my_module.log_rollout`.

Write `all_samples = log_rollout.all_samples` there too and give
`--rollout-all-samples-process-path my_module.all_samples`: slime calls it with all samples of a
rollout, those too that its filters throw away.

What is read: rewards as the metric `reward`, what `correct` says as accuracy, and what the rollout
function adds as metrics. Samples with the same `rollout_id` are segments of one rollout, say of its
sub-agents or from before its context was made shorter: it counts once, and its last segment that
has a reward, a grade or a parallelism tells it. FLOPs of generation and training are those of the
model's shape at the real lengths of all segments; what a loss mask leaves out of a response is an
observation, which is prefilled after the kept cache.

What can't be known: samples that slime filters away, without `all_samples`, and requests that it
aborts; losses; whether an update goes over the samples more often than `epochs`; passes of reward,
reference and critic models; speculative decoding; whether a prompt was in a cache already; whether
a rollout's reward was divided among its segments: `reward` is then one share; and parallelism,
unless `parallelism` gives it. Needs no import of slime.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from rlviz import schema
from rlviz.callback import Callback
from rlviz.flops import LanguageModel
from rlviz.integrations.support.convention import with_convention
from rlviz.integrations.support.metrics import scalars
from rlviz.integrations.support.turns import turns_of
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
        parallelism: gives a sample's work / span, or a `rlviz.parallelism` value; None if it has
            none.
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
        parallelism: Callable[[Any], Any | None] | None = None,
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
        self._generated: list[Any] = []
        self.viz: Callback | None = None

    def all_samples(self, args: Any, samples: Sequence[Any], data_source: Any) -> None:
        """Called by slime after a rollout and before it is logged, with groups of all samples."""
        self._generated = list(_flat(samples))

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
        self._generated = []
        metrics = {**(rollout_extra_metrics or {}), "rollout_seconds": rollout_time}
        self.viz.on_step_end(rollout_id, metrics=scalars(metrics))
        return False

    def _record(self, record: Callable[..., None], args: Any, samples: Sequence[Any]) -> None:
        for segments in _rollouts(samples):
            if (reward := _last(segments, lambda each: each.get_reward_value(args))) is not None:
                record(metrics=scalars({"reward": reward}))
            if self._correct is not None:
                grade = _last(segments, self._correct)
                record(correct=[float("nan") if grade is None else grade])
            if self._parallelism is not None:
                ratio = _last(segments, self._parallelism)
                if ratio is not None:
                    record(parallelism=[ratio])
        if self._model is None:
            return
        if samples:
            lengths = [len(sample.tokens) for sample in samples]
            record(flops={"rollout": self._model.turns(map(_turns, samples))})
            for _ in range(self._epochs):
                record(flops={"update": self._model.training(lengths)})
        kept = set(map(_identity, samples))
        if thrown := [each for each in self._generated if _identity(each) not in kept]:
            record(flops={schema.DISCARDED: self._model.turns(map(_turns, thrown))})


def _turns(sample: Any) -> list[tuple[int, int]]:
    """Its turns, as its loss mask tells them apart."""
    observed = len(sample.tokens) - sample.response_length
    mask = getattr(sample, "loss_mask", None)
    if mask is None or len(mask) != sample.response_length or not any(mask):
        return [(observed, sample.response_length)]  # all masked: it is left out of the loss
    return turns_of(mask, observed)


def _rollouts(samples: Iterable[Any]) -> Iterable[list[Any]]:
    """The samples of each rollout, in their order; one that has no `rollout_id` is a rollout."""
    rollouts: dict[Any, list[Any]] = {}
    for sample in samples:
        name = getattr(sample, "rollout_id", None)
        rollouts.setdefault(("object", id(sample)) if name is None else name, []).append(sample)
    return rollouts.values()


def _last(segments: list[Any], value: Callable[[Any], Any | None]) -> Any | None:
    """The value of the last segment that has one."""
    found = (value(each) for each in reversed(segments))
    return next((each for each in found if each is not None), None)


def _identity(sample: Any) -> Any:
    """slime numbers its samples."""
    index = getattr(sample, "index", None)
    return ("object", id(sample)) if index is None else index


def _flat(groups: Iterable[Any]) -> Iterator[Any]:
    for each in groups:
        if isinstance(each, (list, tuple)):
            yield from _flat(each)
        else:
            yield each
