"""How events reach the disk: one write a batch, and a new file after a failure."""

import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from rlviz import tfrecord
from rlviz.record import events

_SESSION = re.compile(r"tfevents\..*\.rlviz-s(\d+)-\d+$")


class Serializable(Protocol):
    """A proto message."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802 (protobuf's name)


def next_session(logdir: Path) -> int:
    """The number of the session that starts now: one more than any in the directory."""
    try:
        found = [_SESSION.search(name) for name in os.listdir(logdir)]
    except OSError:
        return 0
    return max((int(match[1]) + 1 for match in found if match), default=0)


class EventFile:
    """Appends batches of events to a run directory.

    A batch that fails or is written short ends its file, so that what was damaged stays the last
    record of that file, and the next batch goes into a new one.

    Args:
        logdir: the run directory; created with the first batch.
        session: number of this start of the training script.
        sync_seconds: how long written bytes may stay with the operating system before they are
            forced to the disk.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        logdir: Path,
        *,
        session: int,
        sync_seconds: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logdir = logdir
        self._session = session
        self._sync_seconds = sync_seconds
        self._clock = clock
        self._fd: int | None = None
        self._files = 0
        self._synced = clock()

    def append(self, batch: Iterable[Serializable]) -> None:
        """Write a batch.

        Raises:
            OSError: nothing, or not all, of the batch was written. Write it again: it then goes
                into a new file.
        """
        data = b"".join(tfrecord.frame(event.SerializeToString()) for event in batch)
        try:
            if self._fd is None:
                self._fd = self._create()
            self._write(data)
            if self._clock() - self._synced >= self._sync_seconds:
                self._sync()
        except OSError:
            self._abandon()
            raise

    def close(self) -> None:
        """Force what was written to the disk and close the file.

        Raises:
            OSError: the operating system could not say that it is on the disk.
        """
        if self._fd is not None:
            try:
                self._sync()
            finally:
                self._abandon()

    def _create(self) -> int:
        self._logdir.mkdir(parents=True, exist_ok=True)
        now = self._clock()
        # TensorBoard's Python loader follows the file whose name sorts last: time comes first.
        name = (
            f"events.out.tfevents.{int(now):010d}.{self._session:06d}.{self._files:06d}."
            f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
            f".rlviz-s{self._session}-{self._files}"
        )
        fd = os.open(self._logdir / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self._files += 1
        self._fd = fd
        self._write(tfrecord.frame(events.file_start(now).SerializeToString()))
        return fd

    def _write(self, data: bytes) -> None:
        assert self._fd is not None
        written = os.write(self._fd, data)
        if written != len(data):
            raise OSError(f"short write: {written} of {len(data)} bytes")

    def _sync(self) -> None:
        assert self._fd is not None
        os.fdatasync(self._fd) if hasattr(os, "fdatasync") else os.fsync(self._fd)
        self._synced = self._clock()

    def _abandon(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):  # the descriptor is gone either way
                os.close(fd)
