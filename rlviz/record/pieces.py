"""From waiting rows to the event file, piece by piece: what the disk has room for is written.

Each piece counts as soon as the system has taken it as a whole. Where the disk has no room for one,
smaller ones follow, down to a single step.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tensorboard.compat.proto.event_pb2 import Event

from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.encoding import Encoder
from rlviz.record.eventfile import EventFile, lacks_room
from rlviz.record.rows import ClosedSteps

_PIECE_BYTES = 1_000_000
"""The most bytes of a write, unless a single step has more."""
_REST_SECONDS = 0.0005
_JUDGED_BYTES = 4_000_000
"""After so many bytes it is judged anew whether the disk is slow."""


class Pieces:
    """Writes rows; only the writer thread uses it.

    Args:
        assembly: where they wait.
        file: where they go.
        encoder: makes bytes of them.
        account: is told how the disk does.
        begin: called with the number of the session before its first rows.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        assembly: Assembly,
        file: EventFile,
        encoder: Encoder,
        account: Account,
        *,
        begin: Callable[[int], None] = lambda session: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._assembly = assembly
        self._file = file
        self._encoder = encoder
        self._account = account
        self._begin = begin
        self._clock = clock
        self._most_bytes = _PIECE_BYTES
        self._underestimated = 1.0
        """By how much the last piece was larger than its rows said."""
        self._batches = 0
        """Batches in the file before the piece that is in hand."""
        self._disk_seconds, self._bytes, self._since = 0.0, 0, clock()

    def write_all(self, *, extras_alone: bool) -> None:
        """Write all that waits.

        Args:
            extras_alone: whether to write what is not rows even if there are no rows.

        Raises:
            OSError: the disk did not take a piece; the pieces before it are written.
        """
        self._settle()
        dropped = dict(self._account.causes)  # for all pieces the same, so that they share a tag
        while True:
            most_bytes = int(self._most_bytes / self._underestimated)
            rows, extras = self._assembly.take(most_bytes, extras_alone=extras_alone)
            if not rows and not extras:
                return
            extras_alone = True
            try:
                if self._write(rows, extras, dropped):
                    self._most_bytes = min(2 * self._most_bytes, _PIECE_BYTES)
            except OSError as error:
                if not lacks_room(error) or sum(map(len, rows)) <= 1:
                    raise
                size = sum(part.encoded_bytes for part in rows)
                self._most_bytes = min(size, self._most_bytes) // 2

    def _write(
        self, rows: tuple[ClosedSteps, ...], extras: tuple[Event, ...], dropped: dict[str, int]
    ) -> bool:
        """Write a piece; returns False where it was larger than thought and is to be cut."""
        self._batches = self._file.batches
        try:
            written = self._account.passed.written
            with self._asking_the_disk(0):
                session = self._file.open()
            if rows and not written:
                self._begin(session)
            piece = self._encoder.encode(
                rows, extras, session=session, written=written, dropped=dropped, rest=self.rest
            )
            size = sum(part.encoded_bytes for part in rows)
            self._underestimated = max(1.0, len(piece) / size if rows else 1.0)
            if len(piece) > _PIECE_BYTES and sum(map(len, rows)) > 1:
                return False
            with self._asking_the_disk(len(piece)):
                self._file.append(piece)
            return True
        finally:
            self._settle()

    def _settle(self) -> None:
        """Count the piece in hand where it is: the file knows whether it was written."""
        self._assembly.settle(written=self._file.batches > self._batches)
        self._batches = self._file.batches

    def sync_left(self) -> None:
        """Force to the disk what the session before left there."""
        with self._asking_the_disk(0):
            self._file.sync_left()

    def sync_if_due(self) -> None:
        """Force what was written to the disk once it has waited long enough."""
        with self._asking_the_disk(0):
            self._file.sync_if_due()

    def rest(self) -> None:
        """Let the training thread go on, unless steps come faster than they are written."""
        if not self._account.is_half_full:
            time.sleep(_REST_SECONDS)

    @contextmanager
    def _asking_the_disk(self, size: int) -> Iterator[None]:
        """Take the time of what the disk is asked for: is it what takes longest?"""
        began = self._account.asked_disk = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            self._account.asked_disk = None
            self._disk_seconds += ended - began
            self._bytes += size
            if self._bytes >= _JUDGED_BYTES:
                self._account.disk_is_slow = 2 * self._disk_seconds > ended - self._since
                self._disk_seconds, self._bytes, self._since = 0.0, 0, ended
