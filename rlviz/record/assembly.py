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

from rlviz.record.account import DISK, FAILURE, RANKS, Account, Passed
from rlviz.record.backlog import Backlog
from rlviz.record.merged import Merged
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.recorder import Item, bytes_of, ends_a_step
from rlviz.record.rows import ClosedSteps, RowBuilder, with_like_names

_BACKLOG_SHARE = 5 / 8
"""Of the memory, for rows that the disk refuses; the queue has at least the rest."""


class Assembly:
    """Takes items from the queue, waits for the other ranks' sums of the steps, keeps the rows.

    Args:
        items: what the training thread recorded.
        builder: turns it into rows.
        ranks: what other processes of the run recorded, or the way to the one that writes.
        account: counts the steps on their way. While the disk refuses rows, a part of the memory
            that it allows holds the latest of them.
        opening: events that the session begins with.
    """

    def __init__(
        self,
        items: "deque[Item]",
        builder: RowBuilder,
        ranks: FirstRank | OtherRank,
        account: Account,
        *,
        opening: Sequence[Event] = (),
    ) -> None:
        self._queue = items
        self._builder = builder
        self.ranks = ranks
        self._account = account
        self._backlog = Backlog(
            opening,
            row_limit=int(_BACKLOG_SHARE * account.row_limit),
            byte_limit=int(_BACKLOG_SHARE * account.byte_limit),
        )
        # Reentrant: a signal handler that interrupts a build in its own thread gets through and
        # sees that a build is going on.
        self._lock = threading.RLock()
        self._in_a_build = False
        self._state = builder.state_dict()
        # Steps and bytes that left the queue, and what became of the steps.
        self._taken = self._taken_bytes = self._written = self._lost = self._given_up = 0

    @property
    def unclosed(self) -> int:
        """Measurements since the last step was closed."""
        return self._builder.unclosed

    @property
    def waiting(self) -> int:
        """Steps that wait for the disk or for another rank."""
        return len(self._backlog) + self.ranks.waiting

    @property
    def has_work(self) -> bool:
        """Whether anything can be built or written now."""
        return bool(self._queue) or not self._backlog.is_empty

    def build(self, most: float = math.inf, *, even_open: bool = False) -> bool:
        """Turn at most `most` queued items into rows; returns whether more could be taken.

        Afterwards the builder's state is that after the last step taken from the queue.

        Args:
            most: how many items to take.
            even_open: whether to take sums that somebody may still add to, as at the very end.
        """
        with self._lock, self._as_builder(), self._balanced():
            items = self._take_items(min(most, len(self._queue)), even_open=even_open)
            dropped = self.ranks.add(self._builder.close_steps(items))
            if dropped:
                self._lost += dropped
                self._account.causes[RANKS] += dropped
            self._keep_complete_steps()
        return bool(items and self._queue)

    def _take_items(self, most: float, *, even_open: bool) -> list[Item]:
        """Take items from the queue, up to sums that may still grow."""
        items: list[Item] = []
        queue, account = self._queue, self._account
        while len(items) < most:
            item = queue[0]
            if isinstance(item, Merged) and not even_open and item.may_grow(account.logged):
                break
            size, ends = bytes_of(item), ends_a_step(item)
            # Without a call between, so that an exception finds the item in one place.
            items += (item,)
            del queue[0]
            self._taken += ends
            self._taken_bytes += size
        return items

    @contextmanager
    def _balanced(self) -> Iterator[None]:
        """Publish the counts after a change; what an exception tore apart is counted as lost."""
        try:
            yield
        except BaseException:
            lost = self._taken - self._held - self._written - self._lost - self._backlog.dropped
            if lost > 0:
                self._lost += lost
                self._account.causes[FAILURE] += lost
            self._publish()
            raise
        self._publish()

    @property
    def _held(self) -> int:
        return self.ranks.held + len(self._backlog)

    def _publish(self) -> None:
        account, given_up = self._account, self._backlog.dropped
        account.causes[DISK] += given_up - self._given_up
        self._given_up = given_up
        passed = Passed(self._taken, self._held, self._written, self._lost + given_up)
        gone = self._taken_bytes - self._backlog.nbytes
        account.passed = passed
        account.gone = gone

    def build_all(self, patience: float, *, even_open: bool = False) -> None:
        """Build rows of every closed step, even of those that other ranks did not send in time."""
        self.build(even_open=even_open)
        self._wait_for_ranks(patience)
        with self._lock, self._as_builder(), self._balanced():
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
        for steps, missing_ranks in self.ranks.complete(now_or_never=now_or_never):
            for alike in with_like_names(steps):
                self._backlog.add(self._builder.rows(alike, missing_ranks))

    def _wait_for_ranks(self, timeout: float) -> None:
        """Wait for the other ranks' sums of the steps that were closed here."""
        deadline = time.monotonic() + timeout
        while self.ranks.waiting:
            with self._lock, self._as_builder(), self._balanced():
                self._keep_complete_steps()
            if not self.ranks.waiting or time.monotonic() > deadline:
                return
            time.sleep(0.01)

    def send(self) -> None:
        """Send what this rank recorded to the one that writes."""
        try:
            self.ranks.send()
        finally:
            with self._lock, self._balanced():
                self._written += self.ranks.take_sent()

    def take(
        self, most_bytes: int, *, extras_alone: bool
    ) -> tuple[tuple[ClosedSteps, ...], tuple[Event, ...]]:
        """Take the oldest rows, about as many as `most_bytes` on disk hold, one step at least; or
        else the other events. `settle` must follow.

        Args:
            most_bytes: what the rows may take on disk.
            extras_alone: whether to take the other events where there are no rows.
        """
        with self._lock:
            if extras_alone or not self._backlog.is_empty:
                self._backlog.take(most_bytes)
            return self._backlog.taken, self._backlog.taken_extras

    def settle(self, *, written: bool) -> None:
        """Count what was taken as written, or keep it for another try."""
        with self._lock, self._balanced():
            backlog = self._backlog
            if not written:
                backlog.put_back()
                return
            many = sum(map(len, backlog.taken))
            self._written += many
            backlog.taken, backlog.taken_extras = (), ()

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
