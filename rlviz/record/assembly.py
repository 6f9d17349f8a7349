"""From queued items to rows that wait for the disk. Only the writer thread builds them."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

from rlviz.record.account import Account, Passed
from rlviz.record.arrivals import Arrivals
from rlviz.record.backlog import Backlog
from rlviz.record.items import Item, bytes_of, ends_a_step
from rlviz.record.late import LateSums
from rlviz.record.merged import Merged
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.rows import ClosedSteps, RowBuilder, with_like_names
from rlviz.record.step_sums import StepSums
from rlviz.schema import DISK, FAILURE, RANKS

_BACKLOG_SHARE = 0.45
"""Of the memory, for rows that the disk refuses: at more, the newest steps would be dropped too."""

_MANY_SHARE = 0.1
"""Of the memory, for rows that wait for the next write."""


class Assembly:
    """Takes items from the queue, waits for the other ranks' sums of the steps, keeps the rows.

    Args:
        items: what the training thread recorded.
        builder: turns it into rows.
        ranks: what other processes of the run recorded, or the way to the one that writes.
        account: counts the steps on their way. While the disk refuses rows, a part of the memory
            that it allows holds the latest of them.
        late: what came after the row of its step was built.
        opening: events that the session begins with.
    """

    def __init__(
        self,
        items: "deque[Item]",
        builder: RowBuilder,
        ranks: FirstRank | OtherRank,
        account: Account,
        late: LateSums,
        *,
        opening: Sequence[Event] = (),
    ) -> None:
        self._queue = items
        self._builder = builder
        self.ranks = ranks
        self._account = account
        self._late = late
        self.arrivals: Arrivals | None = None
        """What senders record; None where there is none."""
        self._last: tuple[StepSums, tuple[int, ...]] | None = None
        """The last step that went on, and the ranks whose sums it lacks."""
        self._backlog = Backlog(
            opening,
            row_limit=int(_BACKLOG_SHARE * account.row_limit),
            byte_limit=int(_BACKLOG_SHARE * account.byte_limit),
        )
        # Steps and bytes that left the queue, and what became of the steps.
        self._taken = self._taken_bytes = self._written = self._lost = self._given_up = 0

    @property
    def unclosed(self) -> int:
        """Measurements since the last step was closed."""
        return self._builder.unclosed

    @property
    def waiting(self) -> int:
        """Steps that wait for the disk or for another rank."""
        return len(self._backlog) + self.ranks.waiting + self._with_arrivals

    @property
    def waits_for_others(self) -> bool:
        """Whether steps wait for what other processes recorded, or the end does."""
        at_the_end = self.arrivals is not None and self.arrivals.waits_at_the_end
        return at_the_end or bool(self._with_arrivals or self.ranks.waiting)

    @property
    def waits_briefly(self) -> bool:
        """Whether who flushes may wait for others: senders and rank 0 answer before long."""
        return self.arrivals is not None or not self.ranks.writes

    @property
    def _with_arrivals(self) -> int:
        return 0 if self.arrivals is None else self.arrivals.held

    @property
    def unwritten(self) -> int:
        """Rows that wait for the disk."""
        return len(self._backlog)

    @property
    def has_many_rows(self) -> bool:
        """Whether the rows should be written before their time, and before more are built."""
        account, backlog = self._account, self._backlog
        rows, size = len(backlog), backlog.nbytes
        return rows > _MANY_SHARE * account.row_limit or size > _MANY_SHARE * account.byte_limit

    @property
    def has_work(self) -> bool:
        """Whether anything can be built or written now."""
        return bool(self._queue) or not self._backlog.is_empty

    def build(self, most: float = math.inf, *, even_open: bool = False) -> bool:
        """Turn at most `most` queued items into rows; returns whether more could be taken.

        Args:
            most: how many items to take.
            even_open: whether to take sums that somebody may still add to, as at the very end.
        """
        with self._balanced():
            items = self._take_items(min(most, len(self._queue)), even_open=even_open)
            closed = self._builder.close_steps(items)
            if self.arrivals is None:
                self._give_to_ranks(closed)
            else:
                self.arrivals.add(closed)
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
        return self._with_arrivals + self.ranks.held + len(self._backlog)

    def _publish(self) -> None:
        account, given_up = self._account, self._backlog.dropped
        account.causes[DISK] += given_up - self._given_up
        self._given_up = given_up
        passed = Passed(self._taken, self._held, self._written, self._lost + given_up)
        gone = self._taken_bytes - self._backlog.nbytes
        gone -= 0 if self.arrivals is None else self.arrivals.nbytes
        account.passed = passed
        account.gone = gone

    @property
    def state(self) -> dict[str, Any]:
        """Where the run stands after the last row that was built."""
        return self._builder.state_dict()

    def keep_complete_steps(self, *, now_or_never: bool = False) -> None:
        """Build rows of the steps that wait for no other rank; of all if it is now or never."""
        with self._balanced():
            self._keep_complete_steps(now_or_never=now_or_never)

    def _keep_complete_steps(self, *, now_or_never: bool = False) -> None:
        if self.arrivals is not None:
            self._give_to_ranks(self.arrivals.ready(now_or_never=now_or_never))
        for steps, missing_ranks in self.ranks.complete(now_or_never=now_or_never):
            if self.arrivals is not None:
                for step in steps:
                    self.arrivals.claim(step)
            self._late.join(steps[0])
            self._last = steps[-1], missing_ranks
            for alike in with_like_names(steps):
                self._backlog.add(self._builder.rows(alike, missing_ranks))

    def _give_to_ranks(self, steps: list[StepSums]) -> None:
        if steps and not self.ranks.writes:
            self._late.join(steps[0])
            self._last = steps[-1], ()
        dropped = self.ranks.add(steps)
        if dropped:
            self._lost += dropped
            self._account.causes[RANKS] += dropped

    def end_arrivals(self) -> None:
        """Let nothing more come. What came for no later row is added to the last one, which is
        built again and stands instead of the first."""
        with self._balanced():
            if self.arrivals is not None:
                self.arrivals.end()
            if not self._late:
                return
            if self._last is None:
                raise RuntimeError(
                    "senders recorded, and no step was ever closed: that is lost. Call "
                    "on_step_end() at the end of every step."
                )
            (last, missing_ranks), account = self._last, self._account
            again = StepSums()
            again.step, again.wall_time = last.step, last.wall_time
            account.logged += 1
            account.entered += 1
            self._taken += 1
            self._late.join(again)
            if not self.ranks.writes:
                self.ranks.add([again])
                return
            last.flops, flops = {}, again.flops  # those before are counted
            last.merge(again)
            last.flops = flops
            self._backlog.add(self._builder.rows([last], missing_ranks, is_averaged=True))

    def send(self) -> None:
        """Send what this rank recorded to the one that writes."""
        try:
            self.ranks.send()
        finally:
            with self._balanced():
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
        if extras_alone or not self._backlog.is_empty:
            self._backlog.take(most_bytes)
        return self._backlog.taken, self._backlog.taken_extras

    def settle(self, *, written: bool) -> None:
        """Count what was taken as written, or keep it for another try."""
        with self._balanced():
            backlog = self._backlog
            if not written:
                backlog.put_back()
                return
            many = sum(map(len, backlog.taken))
            self._written += many
            backlog.taken, backlog.taken_extras = (), ()

    def illustrate(self, events_of_one: Sequence[Event]) -> None:
        """Keep a figure and its summary; they replace those that the disk has not taken yet."""
        self._backlog.illustrate(events_of_one)

    def add_extras(self, extras: Iterable[Event]) -> None:
        self._backlog.add_extras(extras)
