"""Several processes, one run: every rank sends its sums to rank 0, which writes.

Each rank packs what it recorded into one message for each flush. A step is written once all ranks
have sent their sums of it; or without those that were not heard of for `patience` seconds, which
are named, until they are heard of again. A process alone is rank 0 of one.
"""

import json
import time
from collections import deque
from collections.abc import Callable

from rlviz.record.mailbox import Mailbox
from rlviz.record.steps import StepSums

Complete = list[tuple[list[StepSums], tuple[int, ...]]]
"""Steps to be written, in order, with the ranks whose sums they lack."""


class FirstRank:
    """Rank 0: its steps wait here for the sums of the others, if there are any.

    Not safe for threads: the writer calls it under its lock.

    Args:
        mailbox: where the others' messages come; None for a process alone.
        on_error: told of ranks that are not waited for any longer.
    """

    def __init__(self, mailbox: Mailbox | None, on_error: Callable[[Exception], None]) -> None:
        self.world_size = 1 if mailbox is None else mailbox.world_size
        self._mailbox = mailbox
        self._on_error = on_error
        self._gathering = Gathering(self.world_size)

    def add(self, steps: list[StepSums]) -> int:
        """Steps that this rank closed; none is dropped (0)."""
        self._gathering.add(steps)
        return 0

    def complete(self, *, now_or_never: bool = False) -> Complete:
        """Steps that wait for nothing any more; all of them where it is now or never."""
        known = set(self._gathering.missing)
        if self._mailbox is not None:
            for rank, message in self._mailbox.take():
                self._gathering.receive(rank, unpack(message))
        ready = self._gathering.ready(now_or_never=now_or_never)
        if new := sorted(self._gathering.missing - known):
            self._on_error(
                TimeoutError(
                    f"nothing came from rank {', '.join(map(str, new))} for too long: steps are "
                    "written without what it recorded, until it is heard of again"
                )
            )
        return ready

    @property
    def waiting(self) -> int:
        """Steps that wait for another rank."""
        return len(self._gathering)

    def send(self) -> int:
        """Rank 0 has nobody to send to (0)."""
        return 0


class OtherRank:
    """Any rank but 0: sends what it recorded, and writes nothing itself.

    Args:
        mailbox: the way to rank 0.
        limit: steps kept while rank 0 can't be reached; the oldest go first.
    """

    waiting = 0

    def __init__(self, mailbox: Mailbox, *, limit: int = 65_536) -> None:
        self.world_size = mailbox.world_size
        self._mailbox = mailbox
        self._limit = limit
        self._unsent: deque[StepSums] = deque()

    def add(self, steps: list[StepSums]) -> int:
        """Steps that this rank closed; returns how many were given up for them."""
        self._unsent += steps
        dropped = max(0, len(self._unsent) - self._limit)
        for _ in range(dropped):
            self._unsent.popleft()
        return dropped

    def complete(self, *, now_or_never: bool = False) -> Complete:
        """It writes nothing ([])."""
        return []

    def send(self) -> int:
        """Send what was recorded; returns how many steps.

        Raises:
            OSError: rank 0 can't be reached. Nothing is lost: it is sent the next time.
        """
        steps = []
        while self._unsent:
            steps.append(self._unsent.popleft())
        if not steps:
            return 0
        try:
            self._mailbox.send(pack(steps))
        except BaseException:
            self._unsent.extendleft(reversed(steps))
            raise
        return len(steps)


def pack(steps: list[StepSums]) -> bytes:
    """The sums of some steps in one message; floats and integers of any size stay exact."""
    return json.dumps([step.to_list() for step in steps], separators=(",", ":")).encode()


def unpack(message: bytes) -> list[StepSums]:
    return [StepSums.from_list(fields) for fields in json.loads(message)]


class Gathering:
    """On rank 0: brings the sums of one step together, and decides when to wait no longer.

    Args:
        world_size: how many ranks there are, rank 0 included.
        patience: seconds that a step waits for a rank that is not known to be missing.
        limit: steps of other ranks that are kept while rank 0 has not come to them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        world_size: int,
        *,
        patience: float = 5.0,
        limit: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._others = set(range(1, world_size))
        self._patience = patience
        self._limit = limit
        self._clock = clock
        self._own: list[tuple[float, StepSums]] = []
        self._inbox: dict[int, dict[int, StepSums]] = {rank: {} for rank in self._others}
        self._released = -1
        self.missing: set[int] = set()
        """Ranks that are not waited for now."""
        self.late = 0
        """Sums that came after their step was written, and are not in it."""

    def __len__(self) -> int:
        """Steps of rank 0 that wait for another rank."""
        return len(self._own)

    def add(self, steps: list[StepSums]) -> None:
        """Steps that rank 0 itself closed."""
        now = self._clock()
        self._own += [(now, step) for step in steps]

    def receive(self, rank: int, steps: list[StepSums]) -> None:
        """Steps that another rank closed."""
        self.missing.discard(rank)
        inbox = self._inbox[rank]
        for step in steps:
            if step.step <= self._released and not self._own_waits_for(step.step):
                self.late += 1
                continue
            if (known := inbox.get(step.step)) is not None:
                step.merge(known)
            inbox[step.step] = step
        while len(inbox) > self._limit:
            del inbox[next(iter(inbox))]
            self.late += 1

    def _own_waits_for(self, step: int) -> bool:
        return any(own.step == step for _, own in self._own)

    def ready(self, *, now_or_never: bool = False) -> Complete:
        """Steps that need not wait any longer."""
        if not self._others:
            own, self._own = self._own, []
            return [([step for _, step in own], ())] if own else []
        released: Complete = []
        now = self._clock()
        count = 0
        for since, step in self._own:
            lacking = {rank for rank in self._others if step.step not in self._inbox[rank]}
            if lacking - self.missing:
                if now - since < self._patience and not now_or_never:
                    break
                self.missing |= lacking
            for rank in self._others - lacking:
                step.merge(self._inbox[rank].pop(step.step))
            self._released = step.step
            missing = tuple(sorted(lacking))
            if released and released[-1][1] == missing:
                released[-1][0].append(step)
            else:
                released.append(([step], missing))
            count += 1
        del self._own[:count]
        return released
