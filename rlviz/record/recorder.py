"""The training thread's part: checks what a step brings and queues it, without lock or I/O.

Everything goes into one `collections.deque`, whose `append` is atomic. So any thread may record,
even a signal handler or a finalizer that interrupts another `record`. A step consists of what
stands in the queue before its `StepEnd`.
"""

import math
import operator
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from rlviz import schema, wording
from rlviz.record import device, values
from rlviz.record.measurement import Measurement, Recorded, measurement

Plain: TypeAlias = tuple[float | None, float, int | None, float | None, dict[str, float] | None]
"""What most calls bring: accuracy, graded answers, FLOPs of no phase, one episode's parallelism,
metrics; None for what is missing. A class around it would cost more than all the rest."""

StepEnd: TypeAlias = tuple[int, float, dict[str, float] | None]
"""Closes a step: its number, the wall time, the last metrics. All measurements queued since the
step end before belong to it."""

Item: TypeAlias = Plain | Measurement | StepEnd

SPOILED: StepEnd = (-1, 0.0, None)
"""Replaces a step end when the queue was full: the step's items are void, the step is counted."""


def ends_a_step(item: Item) -> bool:
    return isinstance(item, tuple) and len(item) == 3 and item is not SPOILED


_ITEM_BYTES, _ENTRY_BYTES = 500, 80
"""The most bytes of an item, and of each metric, phase and phase's seconds in it."""


class Recorder:
    """Queues measurements for the writer thread.

    It takes no lock: one at every step would cost more than it is worth. The counters rely on
    CPython, which switches threads only at calls and at the ends of loops.

    Args:
        queue: where the measurements go. Once `queue_limit` items or `queue_bytes` bytes wait in
            it, further steps are dropped.
        on_error: told of what is lost.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        queue: "deque[Item]",
        *,
        on_error: Callable[[Exception], None],
        queue_limit: int = 65_536,
        queue_bytes: int = 64_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._on_error = on_error
        self._queue_bytes = queue_bytes
        self._item_bytes = _ITEM_BYTES
        self._limit = min(queue_limit, queue_bytes // _ITEM_BYTES)
        self._clock = clock
        self._names: set[str] = set()  # of metrics that were checked
        self._spoiled = False
        self.last_step = 0
        self.logged = 0
        self.dropped = 0

    def record(
        self,
        accuracy: Any,
        graded: Any,
        flops: Any,
        parallelism: Any,
        metrics: Any,
        others: Recorded | None = None,
    ) -> None:
        """Add to the open step: what most loops bring, and the `others`, which few loops do."""
        if (
            others is None
            and (parallelism is None or (type(parallelism) is float and 0 <= parallelism < _INF))
            and (flops is None or (type(flops) is int and 0 <= flops < _MAX_COUNT))
            and (
                graded is None
                if accuracy is None
                else type(accuracy) is float
                and 0 <= accuracy <= 1
                and (graded is None or (type(graded) is int and 0 <= graded < _MAX_GRADED))
            )
            and (metrics is None or self._are_plain(metrics))
        ):
            item: Item = (
                accuracy,
                1.0 if graded is None else graded,
                flops,
                parallelism,
                metrics.copy() if metrics else None,
            )
        else:
            item = self._measured(
                {
                    **(others or {}),
                    "accuracy": accuracy,
                    "graded": graded,
                    "flops": flops,
                    "parallelism": parallelism,
                    "metrics": metrics,
                }
            )
        if len(self._queue) < self._limit:
            self._queue.append(item)
        else:
            self._spoiled = True

    def _are_plain(self, metrics: Any) -> bool:
        """Whether the metrics are floats under names that were checked before."""
        if type(metrics) is not dict:
            return False
        names = self._names
        for name, value in metrics.items():
            if type(value) is not float or name not in names:
                return False
        return True

    def _measured(self, recorded: Recorded) -> Measurement:
        brought = measurement(recorded)
        self._names.update(brought.metrics)
        self._make_room_for(brought)
        if deferred := brought.deferred():
            try:
                device.keep(deferred)
            except Exception as error:  # the device has no memory left
                self._on_error(error)
                return Measurement()
        return brought

    def _make_room_for(self, item: Measurement) -> None:
        """Lower the queue's limit to as many of the largest items so far as its bytes can hold."""
        entries = len(item.flops) + len(item.seconds) + len(self._names)
        size = _ITEM_BYTES + _ENTRY_BYTES * entries
        size += sum(device.kept_bytes(value) for value in item.deferred())
        if size > self._item_bytes:
            self._item_bytes = size
            self._limit = min(self._limit, max(1, self._queue_bytes // size))

    def record_flops(self, phase: str, spent: int) -> None:
        """Record a FLOP count that needs no check."""
        if spent:
            if len(self._queue) < self._limit:
                self._queue.append(Measurement(flops={phase: spent}))
            else:
                self._spoiled = True

    def end_step(self, step: Any, metrics: Any, wall_time: Any = None) -> None:
        """Close the step. See `rlviz.Callback.on_step_end`."""
        if step is not None and (type(step) is not int or not 0 <= step < _MAX_STEP):
            step = check_step(step)
        if wall_time is not None:
            wall_time = check_wall_time(wall_time)
        if metrics is not None:
            if self._are_plain(metrics):
                metrics = metrics.copy()
            else:
                self.record(None, None, None, None, metrics)
                metrics = None
        if step is None:
            step = self.last_step + 1
        self.last_step = step
        self.logged += 1
        if self._spoiled or len(self._queue) >= self._limit:
            self._drop_step()
        else:
            self._queue.append((step, wall_time or self._clock(), metrics))

    def _drop_step(self) -> None:
        self.dropped += 1
        if self._limit:  # else the run is closed, and another warning says so
            self._on_error(
                RuntimeError(
                    f"a step was dropped ({self.dropped} so far), for {len(self._queue):,} records "
                    "wait to be written. The disk does not answer, or takes them too slowly"
                )
            )
        self._spoiled = False
        if self._limit and not (self._queue and self._queue[-1] is SPOILED):
            self._queue.append(SPOILED)  # what came of the step before may be in the queue, or out

    def close(self) -> None:
        """End the run: later steps are dropped and counted."""
        self._limit = 0


_INF = math.inf
_MAX_COUNT = schema.MAX_COUNT
_MAX_STEP = 2**53
_MAX_GRADED = 2**53


def check_step(step: Any) -> int:
    """A training step: a whole number in [0, 2**53), of any integer type."""
    try:
        if isinstance(step, bool):
            raise TypeError
        number = operator.index(step)
    except Exception:  # of a tensor, a RuntimeError
        raise TypeError(
            f"step must be a whole number such as the loop's counter, got {wording.shown(step)} "
            f"({type(step).__name__})."
        ) from None
    if not 0 <= number < _MAX_STEP:
        raise ValueError(f"step must be in [0, 2**53), got {number}.")
    return number


def check_wall_time(wall_time: Any) -> float:
    """When a step ended: seconds since the epoch, > 0."""
    seconds = values.number(wall_time, "wall_time")
    if not 0 < seconds < _INF:
        raise ValueError(f"wall_time must be seconds since 1970, > 0, got {seconds!r}.")
    return seconds
