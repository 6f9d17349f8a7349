"""The bytes of event files: regular files only, read in pieces, and looked up again."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_OTHERS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """The descriptor of a regular file, open for reading.

    A pipe without a writer would never answer, and a device may never end; opening one can already
    do something. So it is asked before and after it is opened.

    Raises:
        OSError: it can't be opened, or it is something else.
    """
    _check(path.stat())
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(os.fstat(descriptor))
        yield descriptor
    finally:
        os.close(descriptor)


def _check(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    what = next((name for holds, name in _OTHERS if holds(found.st_mode)), "a directory")
    raise OSError(errno.EINVAL, f"it is {what}, and not a regular file")


def read_at(descriptor: int, offset: int, size: int) -> bytes:
    """Up to `size` bytes from `offset` on; fewer only where the file ends."""
    parts = []
    while size > 0 and (part := os.pread(descriptor, size, offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_into(descriptor: int, offset: int, buffer: bytearray) -> int:
    """Fill a buffer with the bytes from `offset` on; how many there are, fewer than it takes only
    where the file ends."""
    view, done = memoryview(buffer), 0
    while done < len(view) and (part := os.preadv(descriptor, [view[done:]], offset + done)):
        done += part
    return done


@dataclass(frozen=True, slots=True)
class StoredRows:
    """A table of float64 that stays in its file until its rows are asked for.

    Attributes:
        path: the file, and `inode` its number: another file may take its place.
        width: how many columns there are.
        offsets: where each stretch of rows begins in the file, (n,).
        ends: how many rows there are up to the end of each stretch, (n,).
    """

    path: Path
    inode: int
    width: int
    offsets: Indices
    ends: Indices

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def nbytes(self) -> int:
        """The bytes of memory that it takes."""
        return self.offsets.nbytes + self.ends.nbytes

    def block(self, begin: int, end: int) -> Floats:
        """Some of its rows, (end - begin, width).

        Raises:
            OSError: the file no longer holds them.
        """
        found = np.empty((end - begin, self.width), "<f8")
        view = found.data.cast("B") if found.size else memoryview(b"")
        first = int(np.searchsorted(self.ends, begin, side="right"))
        last = int(np.searchsorted(self.ends, end, side="left")) + 1
        start = int(self.ends[first - 1]) if first else 0
        stretches = zip(
            self.offsets[first:last].tolist(), self.ends[first:last].tolist(), strict=True
        )
        done, size = begin, 8 * self.width
        with opened(self.path) as descriptor:
            if os.fstat(descriptor).st_ino != self.inode:
                raise self._changed()
            for offset, stop in stretches:
                until = min(stop, end)
                part = view[size * (done - begin) : size * (until - begin)]
                if part and os.preadv(descriptor, [part], offset + size * (done - start)) != len(
                    part
                ):
                    raise self._changed()
                done, start = until, stop
        return found

    def followed_by(self, others: "list[StoredRows]") -> "StoredRows":
        """The rows of several tables of one file, one behind the other."""
        tables = [self, *others]
        before = np.cumsum([0, *(len(table) for table in tables[:-1])])
        return StoredRows(
            self.path,
            self.inode,
            self.width,
            np.concatenate([table.offsets for table in tables]),
            np.concatenate([table.ends + at for table, at in zip(tables, before, strict=True)]),
        )

    def _changed(self) -> OSError:
        return OSError(
            errno.ESTALE, "the file changed after it was read. Read the run again", str(self.path)
        )
