"""The training thread's part: checks what a step brings and queues it, without lock or I/O.

Everything goes into one `collections.deque`, whose `append` is atomic. So any thread may record,
even a signal handler or a finalizer that interrupts another `record`. A step consists of what
stands in the queue before its `StepEnd`.

Where steps come faster than they can be written, memory fills up. From half full on the writer
hurries, the calls of a step are added up in the queue, and steps are dropped: first few, and the
fuller it is, the more. Of n steps one is kept, so that those that are kept are evenly spread.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rlviz import schema
from rlviz.record import device
from rlviz.record.account import Account
from rlviz.record.items import SPOILED, Item
from rlviz.record.measurement import (
    ENTRY_BYTES,
    PLAIN_BYTES,
    Measurement,
    Plain,
    Recorded,
    measurement,
)
from rlviz.record.merged import Merged
from rlviz.record.values import MAX_STEP, check_step, check_wall_time
from rlviz.schema import CLOSED

_APART, _APART_WHERE_FULL = 64, 8
"""Calls of a step that are queued one by one; those after them are added up in place."""
_FULL_FROM = 0.5
"""How full memory is when the first steps are dropped."""
_SAY_SECONDS = 1.0
"""Dropped steps are said again after so long."""
_MOST_THREADS = 256
_MOST_NAMES = 20_000


class Recorder:
    """Queues measurements for the writer thread.

    It takes no lock: one at every step would cost more than it is worth. The counters rely on
    CPython, which switches threads and runs signal handlers only at calls and at the ends of loops:
    what must change together stands together, before the `append`.

    Args:
        queue: where the measurements go.
        account: counts the steps, and knows how many may wait.
        on_error: told of what is lost.
        wake: called when steps should be written before their time.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        queue: "deque[Item]",
        account: Account,
        *,
        on_error: Callable[[Exception], None],
        wake: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._account = account
        self._on_error = on_error
        self._wake = wake
        self._half_rows, self._half_bytes = account.row_limit // 2, account.byte_limit // 2
        self._clock = clock
        self._names: set[str] = set()  # of metrics that were checked
        self._apart = _APART
        self._calls = 0
        self._merged: dict[int, Merged] = {}  # by thread
        self._closed = self._skips = self._spoiled = self._has_looked = False
        self._is_forked = False
        self._credit = 1.0
        self._said = -math.inf
        self.last_step = 0
        self.was_given_flops = False
        """Whether a call of `record` brought FLOPs; those of watched modules come another way."""

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
        if flops is not None:
            self.was_given_flops = True
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
            item: Plain = (
                accuracy,
                graded,
                flops,
                parallelism,
                metrics.copy() if metrics else None,
            )
            size = PLAIN_BYTES + ENTRY_BYTES * len(metrics) if metrics else PLAIN_BYTES
        else:
            brought = self._measured(
                {
                    **(others or {}),
                    "accuracy": accuracy,
                    "graded": graded,
                    "flops": flops,
                    "parallelism": parallelism,
                    "metrics": metrics,
                }
            )
            self._add_up(brought, brought.nbytes)
            return
        if (calls := self._calls) < self._apart:
            append = self._queue.append
            self._calls = calls + 1
            self._account.came += size
            append(item)
        else:
            self._add_up(item, size)

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
        try:
            brought = measurement(recorded)
        except RecursionError as error:
            given = ", ".join(name for name, value in recorded.items() if value is not None)
            raise ValueError(
                f"record() got lists within lists for {given}, deeper than they can be followed, "
                "or one that holds itself. Pass answers, episodes' parallelism, metrics, FLOPs "
                "and seconds as numbers, or as flat lists or arrays of them."
            ) from error
        if len(self._names) > _MOST_NAMES:  # ever new ones must not fill the memory
            self._names = set()
        self._names.update(brought.metrics)
        if (deferred := brought.deferred()) and not self._skips:
            try:
                device.keep(deferred)
            except Exception as error:  # the device has no memory left
                self._on_error(error)
                return Measurement()
        return brought

    def record_flops(self, phase: str, spent: int) -> None:
        """Record a FLOP count that needs no check."""
        if spent:
            item = Measurement(flops={phase: spent})
            self._add_up(item, item.nbytes)

    def _add_up(self, item: Plain | Measurement, size: int) -> None:
        """Queue a call where there is room for the step; one of very many is added to the others.

        What is on a device can't be added up here, and a signal handler must not add to sums that
        its own thread was just adding to.
        """
        if self._skips:
            self._look_again()
        if self._skips or self._spoiled:
            return
        self._calls += 1
        account = self._account
        if self._calls <= self._apart or (isinstance(item, Measurement) and item.deferred()):
            self._append(item, size)
            return
        merged = None
        try:
            while True:
                merged = self._merged.get(threading.get_ident())
                if merged is None or merged.step != account.logged:
                    merged = Merged(account.logged)  # whatever is thrown, it does not stay busy
                    self._begin(merged)
                elif merged.busy:
                    merged = None
                    self._append(item, size)
                    return
                else:
                    merged.busy = True
                if merged.step == account.logged:  # else the step was closed, and the writer has it
                    break
                merged.busy = False
            grew = merged.add(item)
            merged.nbytes += grew
            account.came += grew
            self._spoil_if_full()
        except Exception as error:  # the sums overflow a float: the step still counts
            self._on_error(error)
        finally:
            if merged is not None:
                merged.busy = False

    def _begin(self, merged: Merged) -> None:
        """Put new sums for this thread into the queue."""
        if len(self._merged) >= _MOST_THREADS:  # most have long ended
            self._merged = {}
        self._merged[threading.get_ident()] = merged
        self._append(merged, merged.nbytes)

    def _append(self, item: Item, size: int) -> None:
        append = self._queue.append
        self._account.came += size
        append(item)
        self._spoil_if_full()

    def _spoil_if_full(self) -> None:
        account = self._account
        if account.came - account.gone > account.byte_limit:
            self._spoiled = True

    def end_step(self, step: Any, metrics: Any, wall_time: Any = None) -> None:
        """Close the step. See `rlviz.Callback.on_step_end`."""
        if step is not None and (type(step) is not int or not 0 <= step < _MAX_STEP):
            step = check_step(step)
        if wall_time is not None:
            wall_time = check_wall_time(wall_time)
        size = PLAIN_BYTES
        if metrics is not None:
            if self._are_plain(metrics):
                metrics = metrics.copy()
                size += ENTRY_BYTES * len(metrics)
            else:
                self.record(None, None, None, None, metrics)
                metrics = None
        if step is None:
            step = self.last_step + 1
        account = self._account
        if self._skips:
            self._look_again()
        if self._skips or self._spoiled:
            if not self._is_forked:
                self.last_step = step
            self._drop_step()
        else:
            end = (step, wall_time or self._clock(), metrics)
            append = self._queue.append
            self.last_step = step
            self._calls = 0
            account.logged += 1
            account.entered += 1
            account.came += size
            append(end)
        passed = account.passed
        if (
            account.entered - passed.taken + passed.held > self._half_rows
            or account.came - account.gone > self._half_bytes
        ):
            self._make_room()
        elif self._apart != _APART and not self._closed:
            self._apart, self._skips, self._credit = _APART, False, 1.0

    def _look_again(self) -> None:
        """Keep a step after all if there is room by now: the one before may be long ago."""
        if not self._has_looked and not self._closed:
            self._has_looked = True
            self._skips = self._account.fill >= _FULL_FROM
            self._apart = 0 if self._skips else _APART_WHERE_FULL

    def _make_room(self) -> None:
        """Hurry the writer, and decide whether the next step is dropped."""
        if self._closed:
            return
        if self._apart == _APART:
            self._wake()
        room = max(0.0, 1 - self._account.fill) / (1 - _FULL_FROM)
        self._credit += min(room, 1.0) ** 2  # which leaves room for when the writer is held up
        self._skips, self._has_looked = self._credit < 1, False
        self._apart = 0 if self._skips else _APART_WHERE_FULL
        if not self._skips:
            self._credit -= 1

    def _drop_step(self) -> None:
        account = self._account
        cause = CLOSED if self._closed else account.cause()
        account.logged += 1
        account.refused += 1
        account.causes[cause] += 1
        if self._calls or self._spoiled:
            self._calls, self._spoiled = 0, False
            self._void()
        now = time.monotonic()
        if not self._closed and now - self._said >= _SAY_SECONDS:  # that it is closed, others say
            self._said = now
            self._on_error(RuntimeError(account.says(cause)))

    def _void(self) -> None:
        """Let the writer forget what came since the step before."""
        if not self._queue or self._queue[-1] is not SPOILED:
            self._queue.append(SPOILED)

    def close(self) -> None:
        """End the run: later steps are dropped and counted."""
        self._closed = self._skips = True
        self._apart = 0

    def in_forked_child(self) -> None:
        """Drop what comes: steps of the child are none of the run's."""
        self._is_forked = True
        self.close()


_INF = math.inf
_MAX_COUNT = schema.MAX_COUNT
_MAX_STEP = MAX_STEP
_MAX_GRADED = 2**53
