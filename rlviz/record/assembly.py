"""From queued items to rows that wait for the disk. Only the writer thread builds them."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
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
    def unwritten(self) -> int:
        """Rows that wait for the disk."""
        return len(self._backlog)

    @property
    def waiting(self) -> int:
        """Steps that wait for the disk or for another rank."""
        return len(self._backlog) + self.ranks.waiting

    @property
    def is_half_full(self) -> bool:
        """Whether rows come so fast that they should be written before their time."""
        return self._backlog.is_half_full

    def build(self, most: float = math.inf) -> bool:
        """Turn at most `most` queued items into rows; returns whether any were left."""
        items: list[Item] = []
        try:
            while self._queue and len(items) < most:
                items.append(self._queue.popleft())
            closed = self._builder.close_steps(items)
        except BaseException:
            self._lost += sum(map(ends_a_step, items))
            raise
        self._lost += self.ranks.add(closed)
        self.keep_complete_steps()
        return bool(self._queue)

    @property
    def state(self) -> dict[str, Any]:
        """Where the run stands after the last row that was built."""
        return self._builder.state_dict()

    def keep_complete_steps(self, *, now_or_never: bool = False) -> None:
        """Build rows of the steps that wait for no other rank; of all if it is now or never."""
        complete = deque(self.ranks.complete(now_or_never=now_or_never))
        try:
            while complete:
                self._backlog.add(self._builder.rows(*complete[0]))
                complete.popleft()
        except BaseException:
            self._lost += sum(len(steps) for steps, _ in complete)
            raise

    def take(self, into: list[ClosedSteps], *, extras_alone: bool) -> list[Event]:
        """Move all rows into `into` and return the other events; once out, nothing drops them while
        they are being written.

        Args:
            into: where the rows go, oldest first; `put_back` what could not be written.
            extras_alone: whether to take the other events even when there are no rows.
        """
        self._backlog.take_rows(into)
        return self._backlog.take_extras() if into or extras_alone else []

    def put_back(self, rows: Sequence[ClosedSteps], extras: Sequence[Event]) -> None:
        self._backlog.put_back(rows, extras)

    def illustrate(self, events_of_one: Sequence[Event]) -> None:
        """Keep a figure and its summary; they replace those that the disk has not taken yet."""
        self._backlog.illustrate(events_of_one)

    def add_extras(self, extras: Iterable[Event]) -> None:
        self._backlog.add_extras(extras)
