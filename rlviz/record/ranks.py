"""Several processes, one run: every rank sends its sums to rank 0, which writes.

Each rank packs what it recorded into one message per flush. Rank 0 writes a step once all ranks
have sent their sums of it. It names ranks that have been silent for `patience` seconds and writes
without them until they send again; what they send late goes into the next row. A single process is
rank 0 of one.
"""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from rlviz.record.late import LateSums
from rlviz.record.mailbox import Inbox, Outbox
from rlviz.record.step_sums import StepSums
from rlviz.schema import WorkUnit

_LOOK_SECONDS = 0.2
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
"""Seconds between two tries of a rank whose last message rank 0 has not taken: hundreds that wait
at their end would keep the store from everything else."""

Complete = list[tuple[list[StepSums], tuple[int, ...]]]
"""Steps to be written, in order, with the ranks whose sums they lack."""


class FirstRank:
    """Rank 0: its steps wait here for the sums of the other ranks, if there are any.

    It is not thread-safe: only the writer thread calls it.

    Args:
        inbox: where the others' messages arrive; None for a single process.
        on_error: told of ranks that rank 0 no longer waits for, and of what can't be read.
        late: where sums go whose step was written without them.
        patience: the most seconds that a step waits for a rank.
    """

    writes = True

    def __init__(
        self,
        inbox: Inbox | None,
        on_error: Callable[[Exception], None],
        late: LateSums,
        *,
        patience: float = 5.0,
    ) -> None:
        self.world_size = 1 if inbox is None else inbox.world_size
        self._inbox = inbox
        self._on_error = on_error
        self._gathering = Gathering(self.world_size, late, patience=patience)

    def add(self, steps: list[StepSums]) -> int:
        """Add steps that this rank closed; returns how many were dropped (0)."""
        self._gathering.add(steps)
        return 0

    def complete(self, *, now_or_never: bool = False) -> Complete:
        """Steps that wait for nothing any more; all steps if it is now or never."""
        known = set(self._gathering.missing)
        if self._inbox is not None:
            self._receive(self._inbox)
            if self._gathering.leaves_out_missing(now_or_never=now_or_never):  # is it back?
                self._inbox.catch_up(_LOOK_SECONDS)
                self._receive(self._inbox)
        ready = self._gathering.ready(now_or_never=now_or_never)
        if new := sorted(self._gathering.missing - known):
            self._on_error(
                TimeoutError(
                    f"nothing came from rank {', '.join(map(str, new))} for too long: steps are "
                    "written without what it recorded, until it is heard of again; what comes late "
                    "goes into the next row"
                )
            )
        return ready

    def _receive(self, inbox: Inbox) -> None:
        for rank, message in inbox.take():
            try:
                steps = unpack(message)
            except Exception as error:  # another version of rlviz
                self._on_error(ValueError(f"what rank {rank} sent can't be read ({error})"))
            else:
                self._gathering.receive(rank, steps)

    @property
    def waiting(self) -> int:
        """Steps that wait for another rank."""
        return len(self._gathering)

    @property
    def held(self) -> int:
        """Steps that are here."""
        return len(self._gathering)

    def send(self) -> None:
        """Send nothing: rank 0 has nobody to send to."""

    def take_sent(self) -> int:
        """How many steps were sent (0)."""
        return 0

    def catch_up(self, seconds: float) -> None:
        """Wait, no longer than so many seconds, until what the others have sent is here."""
        if self._inbox is not None:
            self._inbox.catch_up(seconds)

    def hand_over(self, seconds: float) -> None:
        """Do nothing: rank 0 has nobody to send to."""

    def close(self) -> None:
        """Hear no more of the others."""
        if self._inbox is not None:
            self._inbox.close()


class OtherRank:
    """Any rank but 0: sends what it recorded, and writes nothing itself.

    Args:
        outbox: the way to rank 0.
        parallelism_unit: in what work and span of the episodes are that say no unit; None leaves it
            to rank 0.
        limit: steps kept while rank 0 can't be reached; the oldest are dropped first.
        clock: monotonic seconds.
    """

    writes = False

    def __init__(
        self,
        outbox: Outbox,
        *,
        parallelism_unit: WorkUnit | None = None,
        limit: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.world_size = outbox.world_size
        self._outbox = outbox
        self._parallelism_unit = parallelism_unit
        self._limit = limit
        self._unsent: deque[StepSums] = deque()
        self._sending: list[StepSums] = []
        """A message's steps: the same at every try, for rank 0 may have it already."""
        self._is_sent = False
        self._clock = clock
        self._pause = self._next_try = 0.0

    @property
    def held(self) -> int:
        """Steps that are here."""
        return len(self._unsent) + len(self._sending)

    @property
    def waiting(self) -> int:
        """Steps that rank 0 can't have yet."""
        return self.held

    def add(self, steps: list[StepSums]) -> int:
        """Add steps that this rank closed; returns how many were dropped to make room."""
        if self._parallelism_unit is not None:
            for step in steps:
                step.say_unit(self._parallelism_unit)
        self._unsent += steps
        dropped = max(0, len(self._unsent) - self._limit)
        for _ in range(dropped):
            self._unsent.popleft()
        return dropped

    def complete(self, *, now_or_never: bool = False) -> Complete:
        """No steps ([]): this rank writes nothing."""
        return []

    def send(self) -> None:
        """Send what was recorded, up to a message of about a megabyte; `take_sent` counts it.

        Where rank 0 has not taken the message before, it does nothing, and asks ever less often.

        Raises:
            OSError: rank 0 can't be reached. Nothing is lost: the next call sends it.
        """
        if not self._sending:
            size = 0
            while self._unsent and size < _MESSAGE_BYTES:
                size += self._unsent[0].nbytes
                self._sending += (self._unsent[0],)
                del self._unsent[0]
        if not self._sending or self._is_sent or self._clock() < self._next_try:
            return
        self._is_sent = self._outbox.send(pack(self._sending))
        self._pause = (
            0.0 if self._is_sent else min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        )
        self._next_try = self._clock() + self._pause

    def take_sent(self) -> int:
        """How many steps were sent since the last call; they are no longer held."""
        if not self._is_sent:
            return 0
        sent = len(self._sending)
        self._is_sent, self._sending = False, []
        return sent

    def catch_up(self, seconds: float) -> None:
        """Do nothing: nobody sends to this rank."""

    def hand_over(self, seconds: float) -> None:
        """Wait, no longer than so many seconds, until rank 0 has taken what was sent: the store may
        go away with the process group.

        Raises:
            TimeoutError: rank 0 has not taken it.
        """
        until, pause = self._clock() + seconds, _FIRST_PAUSE
        while not self._outbox.is_taken():
            if (left := until - self._clock()) <= 0:
                raise TimeoutError(
                    "rank 0 has not taken what this rank sent last, which is lost unless it still "
                    "does. Close the Callback on rank 0 last"
                )
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def close(self) -> None:
        """Do nothing: rank 0 has what was sent."""


_MESSAGE_BYTES = 1_000_000


def pack(steps: list[StepSums]) -> bytes:
    """The sums of some steps in one message; floats and integers of any size stay exact."""
    return json.dumps([step.to_list() for step in steps], separators=(",", ":")).encode()


def unpack(message: bytes) -> list[StepSums]:
    return [StepSums.from_list(fields) for fields in json.loads(message)]


_Place: TypeAlias = tuple[int, int]
"""How often a rank's steps went back before this step, and the step."""


class Gathering:
    """On rank 0: brings the sums of each step together, and decides when to stop waiting.

    Args:
        world_size: how many ranks there are, rank 0 included.
        late: where sums go whose step was released without them.
        patience: seconds that a step waits for a rank that is not known to be missing.
        limit: steps of all other ranks kept until rank 0 reaches them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        world_size: int,
        late: LateSums,
        *,
        patience: float = 5.0,
        limit: int = 65_536,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.others = set(range(1, world_size))
        """The ranks whose sums a step waits for."""
        self._late = late
        self._patience = patience
        self._limit = limit
        self._clock = clock
        self._own: list[tuple[float, _Place, StepSums]] = []
        self._inbox: dict[int, dict[_Place, StepSums]] = {rank: {} for rank in self.others}
        self._many = 0
        """Steps in it."""
        self._last: dict[int, _Place] = dict.fromkeys(range(world_size), (0, -1))
        self._released: _Place = (0, -1)
        self.missing: set[int] = set()
        """Ranks that no step waits for now."""

    def __len__(self) -> int:
        """Steps of rank 0 that wait for another rank."""
        return len(self._own)

    def add(self, steps: list[StepSums]) -> None:
        """Add steps that rank 0 itself closed."""
        now = self._clock()
        self._own += [(now, self._place(0, step.step), step) for step in steps]

    def receive(self, rank: int, steps: list[StepSums]) -> None:
        """Add steps that another rank closed."""
        self.missing.discard(rank)
        inbox = self._inbox[rank]
        for step in steps:
            place = self._place(rank, step.step)
            if place <= self._released and not self._own_waits_for(place):
                self._late.add(rank, step)
                continue
            if (known := inbox.get(place)) is not None:
                step.merge(known)
            else:
                self._many += 1
            inbox[place] = step
        while self._many > self._limit and inbox:
            self._many -= 1
            self._late.add(rank, inbox.pop(next(iter(inbox))))

    def _place(self, rank: int, step: int) -> _Place:
        """A step below the one before belongs to the next lap: all ranks go back."""
        lap, last = self._last[rank]
        self._last[rank] = (lap + (step < last), step)
        return self._last[rank]

    def _own_waits_for(self, place: _Place) -> bool:
        return any(own == place for _, own, _ in self._own)

    def _lacking(self, place: _Place) -> set[int]:
        """Ranks that have not sent their sums of a step."""
        return {rank for rank in self.others if place not in self._inbox[rank]}

    def leaves_out_missing(self, *, now_or_never: bool = False) -> bool:
        """Whether a step that need not wait lacks a rank for which no step waits."""
        for _, place, _ in self._own if self.missing else ():
            lacking = self._lacking(place)
            if lacking - self.missing and not now_or_never:
                return False
            if lacking & self.missing:
                return True
        return False

    def ready(self, *, now_or_never: bool = False) -> Complete:
        """Steps that need not wait any longer."""
        if not self.others:
            own, self._own = self._own, []
            return [([step for *_, step in own], ())] if own else []
        released: Complete = []
        now = self._clock()
        count = 0
        for since, place, step in self._own:
            lacking = self._lacking(place)
            if lacking - self.missing:
                if now - since < self._patience and not now_or_never:
                    break
                self.missing |= lacking
            for rank in self.others - lacking:
                step.merge(self._inbox[rank].pop(place))
                self._many -= 1
            self._released = place
            missing = tuple(sorted(lacking))
            if released and released[-1][1] == missing:
                released[-1][0].append(step)
            else:
                released.append(([step], missing))
            count += 1
        del self._own[:count]
        return released
