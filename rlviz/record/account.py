"""Counts every closed step in the one place where it is: in the queue, held, written or dropped.

A change of several counts is one assignment, or assignments without a call between them, which
CPython does not interrupt. So a reader in any thread, and a signal handler anywhere, sees all of a
change or nothing of it, and no lock is needed.
"""

import time
from dataclasses import dataclass

from rlviz.schema import CAUSES, CLOSED, DISK, FAILURE, LOOP, RANKS, SIZE

_SLOW_SECONDS = 1.0
"""A disk that has not answered for so long is the cause of what is dropped."""

_LARGE_BYTES = 10_000
"""A step that takes more is large: it brings some seventy values."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Steps that left the queue: ``taken == held + written + dropped``."""

    taken: int = 0
    held: int = 0
    """On their way: they wait for other ranks, for the disk, or are being written."""
    written: int = 0
    dropped: int = 0


class Account:
    """The steps of a session and the bytes that wait in memory.

    Args:
        row_limit: the most steps that may wait, in the queue or after it.
        byte_limit: the same, in bytes.
    """

    def __init__(self, *, row_limit: int = 65_536, byte_limit: int = 64_000_000) -> None:
        self.row_limit = row_limit
        self.byte_limit = byte_limit
        self.logged = 0
        """Steps that were closed; the threads that record count these, the next two and `came`."""
        self.entered = 0
        """Of those, the steps that were put into the queue."""
        self.refused = 0
        """And those that were dropped at once."""
        self.came = 0
        """Bytes that were put into the queue."""
        self.passed = Passed()
        """Only the writer thread replaces it, or changes `gone`."""
        self.gone = 0
        """Bytes that are free again."""
        self.causes = dict.fromkeys(CAUSES, 0)
        """Dropped steps by cause."""
        self.sends = False
        """Whether what is held waits for rank 0, and not for a disk."""
        self.disk_fails = False
        """Whether the last write failed."""
        self.disk_is_slow = False
        """Whether the writer spends more time on the disk than on everything else."""
        self.asked_disk: float | None = None
        """Since when the disk has not answered, in monotonic seconds."""

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Steps that were logged, written and dropped, and that are queued."""
        passed = self.passed
        queued = self.entered - passed.taken + passed.held
        return self.logged, passed.written, self.refused + passed.dropped, queued

    @property
    def fill(self) -> float:
        """How full the memory is; 1 at the limit."""
        passed = self.passed
        waiting = self.entered - passed.taken + passed.held
        return max(waiting / self.row_limit, (self.came - self.gone) / self.byte_limit)

    @property
    def is_half_full(self) -> bool:
        """Whether steps come so fast that they should be written before their time."""
        return self.fill > 0.5

    def cause(self) -> str:
        """Why there is no room now."""
        asked = self.asked_disk
        if self.disk_fails or self.disk_is_slow:
            return DISK
        if asked is not None and time.monotonic() - asked > _SLOW_SECONDS:
            return DISK
        passed = self.passed
        waiting = self.entered - passed.taken + passed.held
        if self.sends and passed.held > waiting / 2:
            return RANKS
        return SIZE if self.came - self.gone > _LARGE_BYTES * waiting else LOOP

    def says(self, cause: str) -> str:
        """In words, why steps are dropped and what to do."""
        _, _, dropped, queued = self.counts
        held = (self.came - self.gone) / 1e6
        why = {
            LOOP: "the loop closes steps faster than the writer thread writes them, and "
            f"{queued:,} wait. Log fewer steps, or less in each",
            SIZE: f"the steps bring more than the writer thread can write: {held:.0f} MB of "
            f"{queued:,} steps wait. Log fewer or smaller values, or less often",
            DISK: f"the disk refuses them, does not answer or is too slow, and {queued:,} wait",
            RANKS: f"rank 0 can't be reached, and {queued:,} wait",
            FAILURE: "the writer thread failed while it had them in its hands",
            CLOSED: "they came after close()",
        }[cause]
        steps = "1 step was" if dropped == 1 else f"{dropped:,} steps were"
        return f"{steps} dropped so far, now because {why}"
