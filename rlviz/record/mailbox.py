"""How messages get from every rank of a job to rank 0, which waits for none of them.

A collective makes all ranks wait for the slowest and breaks when the first one dies. So each rank
has a slot in a store, and puts a message there when the slot is empty: one question and one answer.
Rank 0 looks into the slots of many ranks at once and empties those that were full, so it asks the
store a few times a flush, however many ranks there are. A slot holds one message, so that the store
holds no more, whatever becomes of rank 0.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rlviz import wording
from rlviz.record.mark import take
from rlviz.record.meeting import Meeting, Place

_MANY = 64
"""Slots that rank 0 looks into at once; a message has up to about a megabyte."""
_MOST_BYTES = 32_000_000
"""About what rank 0 holds until it is taken; at more, the slots stay full, and the ranks wait."""
_PACE = 0.25
"""Seconds between two looks that nobody asked for, so that what comes does not miss a write."""
_REST = 10
"""Rank 0 rests between two looks for so many times as long as the first one took."""
_LONGEST_REST, _LONGEST_PAUSE = 1.0, 10.0
_SILENT_SECONDS = 60.0
"""A rank says so after rank 0 has taken nothing for so long."""
_END_SECONDS = 0.3


def _slot(place: Place, rank: int) -> str:
    return f"{place.prefix}/{rank}"


def _came_to_rank_0(place: Place) -> str:
    """The key that says that somebody has left messages in rank 0's own store."""
    return f"{place.prefix}/here"


class Outbox:
    """Any rank's way to rank 0 but its own.

    Args:
        meeting: where rank 0 is met.
        clock: monotonic seconds.
    """

    def __init__(self, meeting: Meeting, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.world_size = meeting.world_size
        self._meeting = meeting
        self._clock = clock
        self._store: Any = None
        self._place: Place
        self._number = 0
        """Of the last message that was put into the slot."""
        self._last = b""
        """That message, which rank 0 may not have taken."""
        self._moved = clock()
        """When rank 0 last took one, as far as it is known here."""
        self._is_lost = False

    def send(self, message: bytes) -> bool:
        """Leave a message for rank 0; returns whether there was room.

        A message that found no room, or failed, must be the next one that is sent.

        Raises:
            OSError: rank 0 can't be reached.
        """
        numbered = b"%d %s" % (self._number + 1, message)
        try:
            has_room = self._offer(numbered)
        except (RuntimeError, OSError) as error:
            self._lose()
            raise ConnectionError(
                f"rank 0 can't be reached from rank {self._meeting.rank} "
                f"({wording.first_line(error)}): what this rank records waits here, and rank 0 "
                "names it as missing"
            ) from error
        if has_room:
            self._number += 1
            self._last, self._moved = numbered, self._clock()
        else:
            self._complain_of_silence()
        return has_room

    def is_taken(self) -> bool:
        """Whether rank 0 has taken the last message, or can't be reached any more. Where the store
        went away that it lay in, as with the process group, it is left in the other one."""
        for _ in range(2):
            try:
                return not self._last or (self._has_slot() and self._put(b"") == b"")
            except (RuntimeError, OSError):
                self._lose()
        return True

    def _lose(self) -> None:
        self._store, self._is_lost = None, True

    def _offer(self, message: bytes) -> bool:
        return self._has_slot() and self._put(message) == message

    def _has_slot(self) -> bool:
        """Whether rank 0 looks into a slot where the last message is, or from which it took it."""
        if self._store is None and not self._connect():
            return False
        if self._is_lost and self._last:  # rank 0 takes it once: it knows the number
            if self._put(self._last) != self._last:
                return False
            self._is_lost = False
        return True

    def _put(self, message: bytes) -> bytes:
        """What is in the slot now: the message, if it was empty."""
        found: bytes = self._store.compare_set(_slot(self._place, self._meeting.rank), "", message)
        return found

    def _complain_of_silence(self) -> None:
        if self._clock() - self._moved > _SILENT_SECONDS:
            self._moved = self._clock()
            raise TimeoutError(
                f"rank 0 has taken nothing from rank {self._meeting.rank} for "
                f"{_SILENT_SECONDS:.0f} seconds: what this rank records waits here. Make the "
                "Callback on every rank of the process_group, rank 0 included, and close it there "
                "last"
            )

    def _connect(self) -> bool:
        """Find a store that rank 0 looks into; returns False if rank 0 has told of none yet."""
        place = self._meeting.told()
        if place is None:
            return False
        self._place = place
        if place.is_at_the_jobs:
            with suppress(RuntimeError, OSError):
                self._store = self._meeting.at_the_jobs()
        if self._store is None:
            store = self._meeting.at_rank_0(place)
            store.set(_came_to_rank_0(place), "1")
            self._store = store
        return True


class Inbox:
    """Rank 0's end: a thread that looks into the slots, so that nobody else waits for a store.

    Args:
        meeting: where the others are met.
        on_error: told of a store that can't be reached.
        wake: called when messages have come.
    """

    def __init__(
        self, meeting: Meeting, *, on_error: Callable[[Exception], None], wake: Callable[[], None]
    ) -> None:
        self.world_size = meeting.world_size
        self._meeting = meeting
        self._on_error = on_error
        self._when_come = wake
        self._came: deque[tuple[int, bytes]] = deque()
        self._in = self._out = 0
        """Bytes of messages that came, and that were taken; each is counted by one thread alone."""
        self._numbers = [0] * self.world_size
        """Of each rank's last message."""
        self._looks: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._job: Any = None
        """The job's store, while it can be reached."""
        self._has_job = True
        self._place: Place | None = None
        self._next = 1
        """The rank whose slot is looked into first."""
        self._pause, self._next_try = 0.0, 0.0
        self._is_over = self._is_hurried = False
        self._begun = self._ended = 0
        """Looks."""
        self._thread: threading.Thread | None = None

    def take(self) -> list[tuple[int, bytes]]:
        """The messages that have come, as (rank, message), in the order of each rank; and let the
        thread look for more."""
        self._start()
        if self._looks.empty():
            self._looks.put(None)
        taken = [self._came.popleft() for _ in range(len(self._came))]
        self._out += sum(len(message) for _, message in taken)
        return taken

    def _start(self) -> None:
        if self._thread is not None or self._is_over or time.monotonic() < self._next_try:
            return
        thread = threading.Thread(target=self._run, name="rlviz-ranks", daemon=True)
        try:
            thread.start()
        except Exception as error:  # no thread is left: a later call tries again
            self._next_try = time.monotonic() + _LONGEST_REST
            self._on_error(error)
        else:
            self._thread = thread

    def catch_up(self, seconds: float) -> None:
        """Wait, no longer than so many seconds, for a look that begins after now, with no rest
        before it."""
        wanted, until = self._begun + 1, time.monotonic() + seconds
        while self._ended < wanted and time.monotonic() < until and self._thread is not None:
            if self._begun < wanted:
                self._is_hurried = True
                if self._looks.empty():
                    self._looks.put(None)
            time.sleep(0.002)

    def close(self) -> None:
        """Look no more. A thread inside torch's store as Python ends would abort the process."""
        self._is_over = True
        self._looks.put(None)
        if self._thread is not None:
            self._thread.join(_END_SECONDS)
        self._meeting.leave()

    # Its own thread does the rest.

    def _run(self) -> None:
        while not self._is_over:
            began = time.monotonic()
            self._is_hurried = False  # before the look counts, so that who waits for it hurries it
            self._begun += 1
            try:
                self._look()
            except Exception as error:
                self._on_error(error)
            self._ended = self._begun
            ended = time.monotonic()
            until = ended + min(_REST * (ended - began), _LONGEST_REST)
            with suppress(queue.Empty):
                take(self._looks, _PACE)
            while not (self._is_over or self._is_hurried) and time.monotonic() < until:
                time.sleep(0.01)

    def _look(self) -> None:
        """Take what is in the slots of all stores where messages may be."""
        if self._place is None or (self._has_job and self._job is None):
            self._open()
        place = self._place
        if place is None:
            return
        if (room := _MOST_BYTES - (self._in - self._out)) <= 0:
            return
        if self._job is not None:
            try:
                room -= self._empty(self._job, place, room)
            except (RuntimeError, OSError) as error:
                self._job = None
                self._on_error(
                    ConnectionError(
                        "rank 0 can't reach the store of its process group any more "
                        f"({wording.first_line(error)}): ranks that can reach rank 0 itself go "
                        "on, the others will be missing. Close the Callback before "
                        "destroy_process_group()"
                    )
                )
        own = self._meeting.served()
        if own is not None and own.check([_came_to_rank_0(place)]):
            self._empty(own, place, room)
        if self._came:
            self._when_come()

    def _open(self) -> None:
        """Make slots, and tell the others of them."""
        if (now := time.monotonic()) < self._next_try:
            return
        self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
        self._next_try = now + self._pause
        with suppress(RuntimeError, OSError):
            self._job = self._meeting.at_the_jobs()
            self._has_job = self._job is not None
        is_at_the_jobs = self._job is not None
        if self._place is not None and not is_at_the_jobs:
            return
        self._place = self._meeting.tell(is_at_the_jobs=is_at_the_jobs)
        for store in (self._job, self._meeting.served()):
            if store is not None:
                for rank in range(1, self.world_size):
                    store.compare_set(_slot(self._place, rank), "", "")  # it may be full by now
        self._pause = 0.0

    def _empty(self, store: Any, place: Place, room: int) -> int:
        """Take what is in a store's slots, up to about so many bytes; returns how many."""
        taken, ranks = 0, [*range(self._next, self.world_size), *range(1, self._next)]
        for at in range(0, len(ranks), _MANY):
            if taken >= room:
                self._next = ranks[at]
                break
            some = ranks[at : at + _MANY]
            slots = [_slot(place, rank) for rank in some]
            found = store.multi_get(slots)
            for rank, message in zip(some, found, strict=True):
                if message:
                    taken += len(message)
                    self._keep(rank, message)
            # Last: a failure before it leaves the messages there, and they are known by number.
            if full := [slot for slot, message in zip(slots, found, strict=True) if message]:
                store.multi_set(full, [""] * len(full))
        return taken

    def _keep(self, rank: int, numbered: bytes) -> None:
        number, _, message = numbered.partition(b" ")
        if not number.isdigit():  # or no look would get beyond it
            self._on_error(ValueError(f"what rank {rank} left can't be read: {numbered[:20]!r}"))
        elif int(number) > self._numbers[rank]:  # else it was sent again
            self._came.append((rank, message))
            self._numbers[rank] = int(number)
            self._in += len(message)
