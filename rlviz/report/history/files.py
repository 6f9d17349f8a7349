"""Reads the event files of a run directory, once or as they grow."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import google_crc32c

from rlviz import paths, schema, tfrecord, wording
from rlviz.report.history.batches import (
    CUT,
    DAMAGED,
    NEWER,
    UNREADABLE,
    Batch,
    FileDamage,
    Piece,
    items_in,
    joined,
)
from rlviz.report.history.event_bytes import opened, read_at, read_into

_PIECE_BYTES = 4 << 20
"""How much of a file is in memory at a time, or two long records. Of twice as much, the allocator
gives the memory back to the system after each piece, which makes new pages for the next one."""
_BEHIND_LONG = 8
"""Behind a record that does not fit, at least one such part of its size is read with it, so that
false lengths cost work linear in the bytes."""
_HELD_BYTES = 256 << 20
"""The rows of a run whose files are larger stay on disk until they are asked for."""


@dataclass(frozen=True, slots=True)
class RunFile:
    """One event file of a run directory."""

    name: str
    size: int
    """In bytes."""
    rows: int
    session: int | None
    """The session in its name; None for a file that another writer named."""

    @property
    def is_foreign(self) -> bool:
        """Whether something other than rlviz wrote it."""
        return self.session is None and not self.rows


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything for rlviz in the event files of a directory, in the order of their names."""

    path: Path
    batches: tuple[Batch, ...]
    damage: tuple[FileDamage, ...]
    files: tuple[RunFile, ...]


def load(logdir: str | os.PathLike[str]) -> Contents:
    """Read every event file of a run directory once; damage is part of the answer.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: it is the URL of another place.
    """
    return RunReader(logdir).look()


class RunReader:
    """Reads the event files of a run directory at the first look, and only what was added later.

    Damage at the end of a file is read again once the file has grown: it may be a record that is
    still being written.

    Args:
        logdir: a run directory.
        yet: as in `run_directory`.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: it is the URL of another place.
    """

    def __init__(self, logdir: str | os.PathLike[str], *, yet: str = "") -> None:
        self._path = run_directory(logdir, yet=yet)
        self._files: dict[str, _FileReader] = {}
        self._seen: Contents | None = None

    def look(self) -> Contents:
        """What the files hold now; the same object as before if no file has changed."""
        paths = [path for path in sorted(self._path.glob("*tfevents*")) if not os.path.isdir(path)]
        files = {path.name: self._files.get(path.name) or _FileReader(path) for path in paths}
        is_large = sum(file.size() for file in files.values()) > _HELD_BYTES
        changed = [file.read_on(stays_on_disk=is_large) for file in files.values()]
        if self._seen is None or any(changed) or files.keys() != self._files.keys():
            self._files = files
            self._seen = Contents(
                self._path,
                tuple(batch for file in files.values() for batch in file.batches),
                tuple(damage for file in files.values() for damage in file.damage()),
                tuple(file.described() for file in files.values()),
            )
        return self._seen


def run_directory(logdir: str | os.PathLike[str], *, yet: str = "") -> Path:
    """The directory of a run.

    Raises:
        FileNotFoundError: there is none of that name; `yet` stands in the sentence.
        ValueError: it is the URL of another place.
    """
    path = Path(paths.local(logdir, "the run"))
    if os.path.isdir(path):  # pathlib raises where the system does not let us look
        return path
    if not os.path.exists(path):
        raise FileNotFoundError(
            f"there is no run directory {path}{yet}. Give the logdir of a Callback."
        )
    if "tfevents" in path.name:
        raise FileNotFoundError(
            f"{path} is a file of a run, which is a directory. Give the directory that holds it: "
            f"{path.parent}."
        )
    raise FileNotFoundError(
        f"{path} is a file, and a run is a directory. If it is the log of a run, "
        f"`rlviz import {path.name}` makes one of it."
    )


def no_steps(contents: Contents) -> FileNotFoundError:
    """The error for a directory without a single row."""
    path = contents.path
    newer = [damage for damage in contents.damage if damage.kind == NEWER]
    if newer:
        return FileNotFoundError(f"{path} holds no steps that can be read: {newer[0].reason}")
    runs = sorted({str(found.parent) for found in path.glob("*/**/*tfevents*")})
    hint = f" Runs below it: {wording.some(runs, 5, form=str)}." if runs else ""
    return FileNotFoundError(f"{path} holds no steps recorded by rlviz (yet).{hint}")


class _FileReader:
    """One event file, as far as it was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = (0, 0, 0)
        """Inode, size and time of change when it was read."""
        self._refused = ""
        """Why the file can't be read."""
        self._size = 0
        self._start_over()

    def _start_over(self) -> None:
        self.batches: list[Batch] = []
        self._damage: list[FileDamage] = []
        self._offset = 0
        """Everything after it is read again once the file has grown."""
        self._step: int | None = None
        """The last one read."""
        self._followed = 0
        """How many of the damaged stretches have a step after them."""

    def size(self) -> int:
        """Its size now, in bytes; 0 if it can't be read."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def read_on(self, *, stays_on_disk: bool = False) -> bool:
        """Read what was added; whether anything is new.

        Args:
            stays_on_disk: leave the rows in the file until they are asked for.
        """
        try:
            with opened(self._path) as descriptor:
                state = os.fstat(descriptor)
                version = state.st_ino, state.st_size, state.st_mtime_ns
                if version == self._version:
                    return False
                if state.st_ino != self._version[0] or state.st_size < self._offset:
                    self._start_over()
                if not state.st_size:
                    read_at(descriptor, 0, 1)  # some files of the system have no size, and refuse
                self._take(descriptor, state, stays_on_disk)
        except OSError as error:
            before, self._refused = self._refused, f"the file can't be read: {error.strerror}"
            return before != self._refused
        self._version, self._refused = version, ""
        return True

    def _take(self, descriptor: int, state: os.stat_result, stays_on_disk: bool) -> None:
        """Read from the offset to the end, a piece at a time."""
        self._damage = [damage for damage in self._damage if damage.offset < self._offset]
        found = self.batches[-1:]
        at, end = self._offset, state.st_size
        long = _LongRecords(descriptor, end - at)
        want, data = _PIECE_BYTES, bytearray()
        while at < end:
            size = min(want, end - at)
            if len(data) != size:
                data = bytearray(size)  # and the next pieces go into the same memory
            if (filled := read_into(descriptor, at, data)) < size:  # the file has shrunk
                data, end = data[:filled], at + filled
            piece = Piece(
                self._path.name,
                data,
                at,
                more=end - at - len(data),
                is_intact=long.are_intact(at),
                stored=(self._path, state.st_ino) if stays_on_disk else None,
            )
            items, stopped = items_in(piece)
            for item in items:
                self._note(item, found)
            long_size = tfrecord.size_at(data, stopped - at)
            want = long_size + max(_PIECE_BYTES, long_size // _BEHIND_LONG)
            at = stopped
        self._size = end
        self.batches[-1:] = joined(found)
        self._damage = [_settled(damage, end) for damage in self._damage]
        ends = self._damage and self._damage[-1].end == end
        self._offset = self._damage[-1].offset if ends else end

    def _note(self, item: Batch | FileDamage, found: list[Batch]) -> None:
        if isinstance(item, FileDamage):
            if self._damage and self._damage[-1].goes_on_in(item):
                self._damage[-1] = self._damage[-1].joined_with(item)
            else:
                self._damage.append(replace(item, after_step=self._step))
            return
        found.append(item)
        if item.span.count:
            for i in range(self._followed, len(self._damage)):
                self._damage[i] = replace(self._damage[i], before_step=int(item.span.first))
            self._step, self._followed = int(item.span.last), len(self._damage)

    def damage(self) -> list[FileDamage]:
        if not self._refused:
            return self._damage
        name = self._path.name
        return [*self._damage, FileDamage(name, self._offset, 0, self._refused, UNREADABLE)]

    def described(self) -> RunFile:
        name = schema.FileName.of(self._path.name)
        rows = sum(len(batch.table) for batch in self.batches)
        return RunFile(self._path.name, self._size, rows, name.session if name else None)


class _LongRecords:
    """Checks records that are too long to hold, and no more of them than a file can have."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._allowance = 4 * size
        """How many bytes more may be read for records that turn out not to be intact."""

    def are_intact(self, begin: int) -> Callable[[int, int], bool]:
        """The check for offsets that count from `begin`."""
        return lambda offset, length: self._is_intact(begin + offset, length)

    def _is_intact(self, offset: int, length: int) -> bool:
        if length > self._allowance:
            return False
        at, end, crc = offset + tfrecord.HEADER_BYTES, offset + tfrecord.HEADER_BYTES + length, 0
        while at < end and (part := read_at(self._descriptor, at, min(_PIECE_BYTES, end - at))):
            at, crc = at + len(part), google_crc32c.extend(crc, part)
        stored = read_at(self._descriptor, end, tfrecord.FOOTER_BYTES)
        if stored == tfrecord.masked_bytes(crc):
            return True
        self._allowance -= length
        return False


def _settled(damage: FileDamage, end: int) -> FileDamage:
    """The damage once it is known where the file ends: only its end can be cut."""
    is_cut = damage.kind == CUT and damage.end == end
    return damage if is_cut or damage.kind != CUT else replace(damage, kind=DAMAGED)
