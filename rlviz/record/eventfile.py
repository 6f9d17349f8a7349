"""How events reach the disk: one write per batch, and a new file after a failure."""

import errno
import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rlviz import schema, tfrecord
from rlviz.record import events, system
from rlviz.record.system import System


class NoRoomError(OSError):
    """The system took a part of what was written: a disk or a quota that is full."""


def lacks_room(error: BaseException) -> bool:
    """Whether fewer bytes might have been written."""
    no_room = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return isinstance(error, NoRoomError) or getattr(error, "errno", None) in no_room


class EventFile:
    """Appends batches of events to a run directory.

    A batch that fails or is written short ends its file: what was written of it is taken back where
    the system allows that, which also frees a full disk; else the damaged record stays the last of
    that file. The next batch goes into a new one. A new file also follows one that was deleted or
    moved away. Memory keeps what was written since the last successful sync, because the system may
    throw it away when a sync fails; it is then written again.

    The session takes its number with the first file, one above the highest in the directory. Where
    that can't be listed there is no file yet: a session with too low a number would be void.

    Args:
        logdir: the run directory; created with the first batch.
        sync_seconds: how long written bytes may stay with the operating system before they are
            forced to the disk.
        segment_bytes: a file that has reached this size is followed by a new one.
        unsynced_bytes: this many unsynced bytes are forced to the disk at once.
        clock: seconds since the epoch.
        calls: the system calls.
    """

    def __init__(
        self,
        logdir: Path,
        *,
        sync_seconds: float = 4.0,
        segment_bytes: int = 64 << 20,
        unsynced_bytes: int = 4 << 20,
        clock: Callable[[], float] = time.time,
        calls: System | None = None,
    ) -> None:
        self.logdir = logdir
        self._session = 0
        self._has_session = False
        """Whether a batch was written, with which the number of the session stands."""
        self._token = secrets.token_hex(4)
        self._sync_seconds = sync_seconds
        self._segment_bytes = segment_bytes
        self._unsynced_bytes = unsynced_bytes
        self._clock = clock
        self._calls = calls or system.SYSTEM
        self._fd: int | None = None
        self._path = logdir
        self._files = 0
        self._size = 0
        self._synced = clock()
        self._unsynced: list[bytes] = []
        self._again: list[bytes] = []
        """What a failed sync may have lost."""
        self.batches = 0
        """Batches that were written as a whole; changed when it is certain, whatever is thrown."""
        self.made_as: int | None = None
        """The number that the session would have had as it was made; None if that can't be known.
        """
        with suppress(OSError):
            self.made_as = _following(self._names())

    def sync_left(self) -> None:
        """Force to the disk what the session before left there: it may have been killed, and this
        one may go on from it.

        Raises:
            OSError: the directory can't be listed, or the system could not.
        """
        known = [(found.session, n) for n in self._names() if (found := schema.FileName.of(n))]
        for session, name in known:
            if session == max(known)[0] and self._token not in name:
                self._calls.sync_left(self.logdir / name)

    def open(self) -> int:
        """Have a file to append to; returns the number of this start of the training script.

        Raises:
            OSError: the directory can't be listed, or no file be created in it.
        """
        if self._fd is not None and self._size >= self._segment_bytes:
            self.close()
        try:
            if self._fd is None:
                self._fd = self._create()
        except OSError:
            self._abandon()
            raise
        return self._session

    def append(self, batch: bytes) -> None:
        """Write a batch of framed records, as a whole or not at all.

        Raises:
            OSError: the batch was not written. Write it again: it then goes into a new file.
        """
        self.open()
        assert self._fd is not None
        good = self._size
        try:
            if self._again:
                self._write(b"".join(self._again))
                self._unsynced, self._again = self._again, []
                good = self._size
            self._write(batch)
            if not self._calls.is_at(self._fd, self._path):
                self._again, self._unsynced = self._unsynced, []
                raise FileNotFoundError(
                    f"{self._path.name} was deleted or moved away while it was written to. What "
                    "comes now goes into a new file"
                )
            self._unsynced += (batch,)
            self.batches += 1 if batch else 0
            self._has_session = True
        except BaseException:
            self._take_back(good)
            self._abandon()
            raise

    def sync_if_due(self) -> None:
        """Force what was written to the disk once it has waited long enough.

        Raises:
            OSError: the system could not; what was written since the last sync is written again,
                now or at the next call.
        """
        if self._again:
            self.append(b"")
        waited = self._clock() - self._synced
        many = sum(map(len, self._unsynced)) >= self._unsynced_bytes
        if self._unsynced and (many or not 0 <= waited < self._sync_seconds):
            self._sync()

    def close(self) -> None:
        """Force what was written to the disk and close the file.

        Raises:
            OSError: the system could not confirm that it is on the disk, even in a new file.
        """
        try:
            if self._again:
                self.append(b"")
            if self._unsynced:
                self._sync()
        except OSError:
            self.append(b"")
            self._sync()
        finally:
            self._abandon()

    def leave(self) -> None:
        """Let go of the file: another process continues with it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                self._calls.close(fd)

    def _create(self) -> int:
        self._calls.make_directory(self.logdir)
        names = self._names()
        if not any(self._token in name for name in names):  # the first, or in a new directory
            self._files = 0
            if not self._has_session:
                self._session = _following(names)
        now = self._clock()
        # Never before the latest file, even if this clock is behind an earlier session's or was
        # set back.
        seconds = max([int(now), *(known.seconds for known in _known(names))])
        writer = f"{socket.gethostname()}.{os.getpid()}.{self._token}"
        self._path = self.logdir / schema.file_name(seconds, self._session, self._files, writer)
        fd = self._calls.create(self._path)
        self._files += 1
        self._fd, self._size = fd, 0
        self._write(tfrecord.frame(events.file_start(now).SerializeToString()))
        return fd

    def _names(self) -> list[str]:
        try:
            return self._calls.names(self.logdir)
        except FileNotFoundError:
            return []

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        written = self._calls.write(self._fd, data)
        self._size += written
        if written != len(data):
            raise NoRoomError(f"short write: {written} of {len(data)} bytes")

    def _take_back(self, good: int) -> None:
        """Shorten the file to what was written before the batch that failed."""
        if self._fd is not None and good:
            with suppress(OSError):
                self._calls.truncate(self._fd, good)
                self._size = good

    def _sync(self) -> None:
        assert self._fd is not None
        try:
            self._calls.sync(self._fd)
        except OSError:
            self._again, self._unsynced = self._unsynced, []
            self._abandon()
            raise
        self._unsynced.clear()
        self._synced = self._clock()

    def _abandon(self) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if self._unsynced:
            try:
                self._calls.sync(fd)
            except OSError:
                self._again = self._unsynced
            self._unsynced = []
        with suppress(OSError):  # the descriptor is gone either way
            self._calls.close(fd)
        if self._size <= _START_BYTES:  # at most its first record
            with suppress(OSError):
                self._calls.remove(self._path)


def _known(names: list[str]) -> list[schema.FileName]:
    """The event files of rlviz among some names."""
    return [known for name in names if (known := schema.FileName.of(name)) is not None]


def _following(names: list[str]) -> int:
    """The number of the session that comes after those of some files."""
    highest = max((known.session for known in _known(names)), default=-1)
    return min(highest + 1, schema.MAX_SESSION)


_START_BYTES = len(tfrecord.frame(events.file_start(1e9).SerializeToString()))
