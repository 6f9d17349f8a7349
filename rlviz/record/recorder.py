"""The training thread's part: checks what a step brings and queues it, without lock or I/O.

Everything goes into one `collections.deque`, whose `append` is atomic. So any thread may record,
also a signal handler or a finalizer that interrupts another `record`. What belongs to one step is
what stands in the queue before its `StepEnd`.
"""

import operator
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rlviz import schema
from rlviz.measure.accuracy import Accuracy
from rlviz.measure.parallelism import ParallelismSums
from rlviz.record import values
from rlviz.record.values import Deferred


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one call of `record` brought."""

    accuracy: Accuracy | Deferred[Accuracy] | None = None
    parallelism: ParallelismSums | Deferred[ParallelismSums] | None = None
    flops: dict[str, int | Deferred[int]] = field(default_factory=dict)
    metrics: dict[str, float | Deferred[float]] = field(default_factory=dict)
    group: str | None = None
    """The task family that the answers belong to."""
    seconds: dict[str, float] = field(default_factory=dict)

    def deferred(self) -> list[Deferred[Any]]:
        """What of it is still on a device."""
        parts = (self.accuracy, self.parallelism, *self.flops.values(), *self.metrics.values())
        return [part for part in parts if isinstance(part, Deferred)]


@dataclass(frozen=True, slots=True)
class StepEnd:
    """Closes a step: all measurements queued since the one before belong to it."""

    step: int
    wall_time: float


class Recorder:
    """Queues measurements for the writer thread.

    Args:
        queue: where to. Once `queue_limit` items wait in it, further ones are dropped.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        queue: "deque[Measurement | StepEnd]",
        *,
        queue_limit: int = 65_536,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._queue_limit = queue_limit
        self._clock = clock
        self._open = True
        self.last_step = 0
        self.logged = 0
        self.dropped = 0

    def record(
        self,
        *,
        correct: Any = None,
        accuracy: Any = None,
        graded: Any = None,
        flops: Any = None,
        parallelism: Any = None,
        metrics: Any = None,
        group: Any = None,
        seconds: Any = None,
    ) -> None:
        """Add to the step that is open. See `rlviz.Callback.record`."""
        measurement = Measurement(
            _accuracy(correct, accuracy, graded),
            None if parallelism is None else values.episodes(parallelism),
            {} if flops is None else values.flops(flops),
            {} if metrics is None else values.metrics(metrics),
            None if group is None else _group(group, correct, accuracy),
            {} if seconds is None else values.seconds(seconds),
        )
        if self._open and len(self._queue) < self._queue_limit:
            self._queue.append(measurement)

    def record_flops(self, phase: str, spent: int) -> None:
        """The short way for a count that is known to be one."""
        if spent and self._open and len(self._queue) < self._queue_limit:
            self._queue.append(Measurement(flops={phase: spent}))

    def end_step(self, step: Any = None) -> None:
        """Close the step. See `rlviz.Callback.on_step_end`."""
        number = self.last_step + 1 if step is None else check_step(step)
        self.last_step = number
        self.logged += 1
        if self._open and len(self._queue) < self._queue_limit:
            self._queue.append(StepEnd(number, self._clock()))
        else:
            self.dropped += 1

    def close(self) -> None:
        """The run is over: what still comes is dropped and counted."""
        self._open = False


def _accuracy(correct: Any, accuracy: Any, graded: Any) -> Accuracy | Deferred[Accuracy] | None:
    if correct is not None:
        if accuracy is not None or graded is not None:
            raise ValueError(
                "record() got `correct` together with `accuracy` or `graded`, which say the same. "
                "Pass the answers as `correct`, or their mean as `accuracy` and `graded`."
            )
        return values.answers(correct)
    if accuracy is not None:
        return values.rate(accuracy, graded)
    if graded is not None:
        raise ValueError("record() got `graded` without `accuracy`. Pass the mean over them too.")
    return None


def _group(group: Any, correct: Any, accuracy: Any) -> str:
    if correct is None and accuracy is None:
        raise ValueError(
            f"record() got group={group!r} without answers. Pass them as `correct` (or as "
            "`accuracy` and `graded`) in the same call."
        )
    return schema.check_group(group)


def check_step(step: Any) -> int:
    """A training step: a whole number in [0, 2**53), of any integer type."""
    try:
        if isinstance(step, bool):
            raise TypeError
        number = operator.index(step)
    except TypeError:
        raise TypeError(
            f"step must be a whole number such as the loop's counter, got {step!r:.80} "
            f"({type(step).__name__})."
        ) from None
    if not 0 <= number < 2**53:
        raise ValueError(f"step must be in [0, 2**53), got {number}.")
    return number
