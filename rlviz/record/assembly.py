"""From queued items to rows that wait for the disk: the thread that asks builds them under a lock.

The writer builds at its own pace. The training thread builds when it wants a state, which must
cover every closed step. Nobody holds the lock while writing.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

from rlviz.record.backlog import Backlog
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.recorder import Item, ends_a_step
from rlviz.record.rows import ClosedSteps, RowBuilder


class Assembly:
    """Takes items from the queue, waits for the other ranks' sums of the steps, keeps the rows.

    Args:
        items: what the training thread recorded.
        builder: turns it into rows.
        ranks: what other processes of the run recorded, or the way to the one that writes.
        opening: events that the session begins with.
        row_limit: rows kept while the disk refuses them; the oldest are dropped first.
        byte_limit: the same, in bytes.
    """

    def __init__(
        self,
        items: "deque[Item]",
        builder: RowBuilder,
        ranks: FirstRank | OtherRank,
        *,
        opening: Sequence[Event] = (),
        row_limit: int = 65_536,
        byte_limit: int = 64_000_000,
    ) -> None:
        self._queue = items
        self._builder = builder
        self.ranks = ranks
        self._backlog = Backlog(opening, row_limit=row_limit, byte_limit=byte_limit)
        # Reentrant: a signal handler that interrupts a build in its own thread gets through and
        # sees that a build is going on.
        self._lock = threading.RLock()
        self._in_a_build = False
        self._state = builder.state_dict()
        self._lost = 0

    @property
    def dropped(self) -> int:
        """Steps that were given up."""
        return self._lost + self._backlog.dropped

    @property
    def unclosed(self) -> int:
        """Measurements since the last step was closed."""
        return self._builder.unclosed

    @property
    def waiting(self) -> int:
        """Steps that wait for the disk or for another rank."""
        return len(self._backlog) + self.ranks.waiting

    @property
    def is_half_full(self) -> bool:
        """Whether rows come so fast that they should be written before their time."""
        with self._lock:
            return self._backlog.is_half_full

    def build(self, most: float = math.inf) -> bool:
        """Turn at most `most` queued items into rows; returns whether any were left.

        Afterwards the builder's state is that after the last step taken from the queue.
        """
        with self._lock, self._as_builder():
            items: list[Item] = []
            try:
                while self._queue and len(items) < most:
                    items.append(self._queue.popleft())
                closed = self._builder.close_steps(items)
            except BaseException:
                self._lost += sum(map(ends_a_step, items))
                raise
            self._lost += self.ranks.add(closed)
            self._keep_complete_steps()
        return bool(self._queue)

    def build_all(self, patience: float) -> None:
        """Build rows of every closed step, even of those that other ranks did not send in time."""
        self.build()
        self._wait_for_ranks(patience)
        with self._lock, self._as_builder():
            self._keep_complete_steps(now_or_never=True)

    def state(self, patience: float) -> dict[str, Any]:
        """Where the run stands after the steps closed so far.

        A signal handler that interrupts a build in its own thread can't wait for the build to end;
        it gets the state from before it.

        Args:
            patience: seconds to wait for the other ranks' sums of these steps.
        """
        with self._lock:
            if self._in_a_build:
                return self._state
        self.build_all(patience)
        with self._lock, self._as_builder():
            return self._state

    @property
    def last_state(self) -> dict[str, Any]:
        """The state before the latest steps were built."""
        return self._state

    @contextmanager
    def _as_builder(self) -> Iterator[None]:
        self._state = self._builder.state_dict()
        self._in_a_build = True
        try:
            yield
        finally:
            self._in_a_build = False

    def _keep_complete_steps(self, *, now_or_never: bool = False) -> None:
        complete = deque(self.ranks.complete(now_or_never=now_or_never))
        try:
            while complete:
                self._backlog.add(self._builder.rows(*complete[0]))
                complete.popleft()
        except BaseException:
            self._lost += sum(len(steps) for steps, _ in complete)
            raise

    def _wait_for_ranks(self, timeout: float) -> None:
        """Wait for the other ranks' sums of the steps that were closed here."""
        deadline = time.monotonic() + timeout
        while self.ranks.waiting:
            with self._lock, self._as_builder():
                self._keep_complete_steps()
            if not self.ranks.waiting or time.monotonic() > deadline:
                return
            time.sleep(0.01)

    def take(self, into: list[ClosedSteps], *, extras_alone: bool) -> list[Event]:
        """Move all rows into `into` and return the other events; once out, nothing drops them while
        they are being written.

        Args:
            into: where the rows go, oldest first; `put_back` what could not be written.
            extras_alone: whether to take the other events even when there are no rows.
        """
        with self._lock:
            self._backlog.take_rows(into)
            return self._backlog.take_extras() if into or extras_alone else []

    def put_back(self, rows: Sequence[ClosedSteps], extras: Sequence[Event]) -> None:
        with self._lock:
            self._backlog.put_back(rows, extras)

    def illustrate(self, events_of_one: Sequence[Event]) -> None:
        """Keep a figure and its summary; they replace those that the disk has not taken yet."""
        with self._lock:
            self._backlog.illustrate(events_of_one)

    def add_extras(self, extras: Iterable[Event]) -> None:
        with self._lock:
            self._backlog.add_extras(extras)

    def in_forked_child(self) -> None:
        """A thread of the parent may have held the lock, and the messages are the parent's."""
        self._lock = threading.RLock()
        if not self._in_a_build:  # else the fork copied a half-done build; the state stays
            self.ranks.leave()
