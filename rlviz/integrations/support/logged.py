"""Steps of a framework that logs dictionaries of values, one or several for each step."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Mapping
from typing import Any

from rlviz.callback import Callback
from rlviz.integrations.support.metrics import as_accuracy, scalars
from rlviz.record.error_log import logger


class LoggedSteps:
    """Records a run from nothing but what it logs.

    Args:
        logdir: the run directory, as of `rlviz.Callback`.
        accuracy: the name of the value that is the training accuracy, in [0, 1]; a step where it is
            missing or out of range has none.
        flops: makes FLOPs, or FLOPs by phase, of the values of a step. An error that it raises is
            said once, and those FLOPs are missing.
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
        self.viz = Callback(logdir, **options)
        self._accuracy = accuracy
        self._flops = flops
        self._step: int | None = None
        self._values: dict[str, Any] = {}
        self._said = False
        atexit.register(self.close)  # frameworks call nothing at their end

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Add values of a step; those of a later step close the one before."""
        if self._step is not None and step != self._step:
            self.close_step()
        self._step = step
        self._values.update(values)

    def close_step(self) -> None:
        """Close the step, if one is open."""
        step, self._step = self._step, None
        values, self._values = self._values, {}
        if step is None:
            return
        if self._flops is not None:
            self._record_flops(self._flops, step, values)
        accuracy = as_accuracy(self._accuracy, values.get(self._accuracy))
        if accuracy is not None:
            self.viz.record(accuracy=accuracy)
            del values[self._accuracy]
        self.viz.on_step_end(step, metrics=scalars(values))

    def _record_flops(
        self, flops: Callable[[Mapping[str, Any]], Any], step: int, values: Mapping[str, Any]
    ) -> None:
        try:
            self.viz.record(flops=flops(values))
        except Exception as error:  # a step that logs less must not end the training
            if not self._said:
                self._said = True
                logger.warning(
                    "rlviz: flops(values) failed at step %s, whose FLOPs are missing: %s: %s. "
                    "It was given: %s.",
                    step,
                    type(error).__name__,
                    error,
                    ", ".join(map(str, values)),
                )

    def close(self) -> None:
        """Write everything: the training is over."""
        atexit.unregister(self.close)
        self.close_step()
        self.viz.close()
