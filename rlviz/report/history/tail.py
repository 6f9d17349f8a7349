"""Follows the event files of a run directory: hands out what was appended since the last look."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rlviz import tfrecord
from rlviz.report.history.files import (
    DAMAGED,
    UNREADABLE,
    Batch,
    Damage,
    batches_of,
    kind_of,
    run_directory,
)

BLOCK_BYTES = 8 << 20
"""Of a file are read at once, or as much as its largest record needs."""


@dataclass(slots=True)
class _File:
    offset: int = 0
    """Up to there it was read."""
    version: tuple[int, int] = (0, 0)
    """Size and time of change when it was last read to its end."""
    is_unreadable: bool = False


class Tail:
    """Reads each byte of a run's event files once, as it appears, and new files too.

    A record that is not complete at the end of a file is awaited: it may be in the middle of being
    written. It is given up when an intact record stands after it.

    Args:
        logdir: a run directory.

    Raises:
        FileNotFoundError: there is no such directory.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        self.path = run_directory(logdir, yet=" (yet)")
        self._files: dict[str, _File] = {}

    def poll(self) -> list[Batch | Damage]:
        """What was appended since the last call, in the order of the files' names."""
        found: list[Batch | Damage] = []
        for path in sorted(self.path.glob("*tfevents*")):
            file = self._files.setdefault(path.name, _File())
            try:
                state = path.stat()
                version = state.st_size, state.st_mtime_ns
                if version == file.version:  # else what is awaited would be read at each look
                    continue
                found += _read_on(path, file)
                file.version, file.is_unreadable = version, False
            except FileNotFoundError:
                continue
            except OSError as error:
                if not file.is_unreadable:
                    reason = f"the file can't be read: {error.strerror}"
                    found.append(Damage(path.name, file.offset, 0, reason, UNREADABLE))
                file.is_unreadable = True
        return found

    def read_again(self) -> Iterator[Batch]:
        """All batches that `poll` has handed out, as far as they are still there."""
        for name, file in sorted(self._files.items()):
            try:
                items = list(_read_on(self.path / name, _File(), until=file.offset))
            except OSError:
                continue
            yield from (item for item in items if isinstance(item, Batch))


def _read_on(path: Path, file: _File, until: int | None = None) -> Iterator[Batch | Damage]:
    """What stands from the file's offset on; moves the offset behind it."""
    block = BLOCK_BYTES
    with path.open("rb") as stream:
        while True:
            stream.seek(file.offset)
            data = stream.read(block if until is None else min(block, until - file.offset))
            is_end = len(data) < block
            begin = file.offset
            for item in _complete(path.name, data, begin):
                if isinstance(item, int):
                    file.offset = item
                else:
                    yield item
            if is_end:
                return
            if file.offset == begin:  # a record larger than that
                block *= 2


def _complete(name: str, data: bytes, begin: int) -> Iterator[Batch | Damage | int]:
    """The batches and the damage of some bytes of a file, but for what may be incomplete at their
    end; and the offset up to which they go, after each record."""
    offset = 0
    for item in tfrecord.scan(data):
        if isinstance(item, tfrecord.Damage):
            if item.offset + item.length == len(data):
                return
            yield Damage(name, begin + item.offset, item.length, item.reason, DAMAGED)
            offset = item.offset + item.length
        else:
            try:
                yield from batches_of(item.payload)
            except ValueError as error:
                yield Damage(name, begin + offset, item.end - offset, str(error), kind_of(error))
            offset = item.end
        yield begin + offset
