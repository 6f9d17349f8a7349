"""Reads the event files of a run directory, once or as they grow."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from rlviz import schema
from rlviz.report.history.batches import (
    NEWER,
    UNREADABLE,
    Batch,
    FileDamage,
    items_in,
    joined,
)


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
    """

    def __init__(self, logdir: str | os.PathLike[str], *, yet: str = "") -> None:
        self._path = run_directory(logdir, yet=yet)
        self._files: dict[str, _FileReader] = {}
        self._seen: Contents | None = None

    def look(self) -> Contents:
        """What the files hold now; the same object as before if no file has changed."""
        paths = [path for path in sorted(self._path.glob("*tfevents*")) if not os.path.isdir(path)]
        files = {path.name: self._files.get(path.name) or _FileReader(path) for path in paths}
        changed = [file.read_on() for file in files.values()]
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
    """
    path = Path(logdir)
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
    hint = f" Runs below it: {', '.join(runs[:5])}." if runs else ""
    return FileNotFoundError(f"{path} holds no steps recorded by rlviz (yet).{hint}")


class _FileReader:
    """One event file, as far as it was read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = (0, 0, 0)
        """Inode, size and time of change when it was read."""
        self._refused = ""
        """Why the operating system refuses to read the file."""
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

    def read_on(self) -> bool:
        """Read what was added; whether anything is new."""
        try:
            state = self._path.stat()
            version = state.st_ino, state.st_size, state.st_mtime_ns
            if version == self._version:
                return False
            if state.st_ino != self._version[0] or state.st_size < self._offset:
                self._start_over()
            self._size = state.st_size
            with self._path.open("rb") as stream:  # a mapped file that shrinks kills the process
                stream.seek(self._offset)
                data = stream.read()
        except OSError as error:
            before, self._refused = self._refused, f"the file can't be read: {error.strerror}"
            return before != self._refused
        self._version, self._refused = version, ""
        self._take(data)
        return True

    def _take(self, data: bytes) -> None:
        self._size = self._offset + len(data)
        self._damage = [damage for damage in self._damage if damage.offset < self._offset]
        found = self.batches[-1:]
        for item in items_in(self._path.name, data, self._offset):
            if isinstance(item, FileDamage):
                self._damage.append(replace(item, after_step=self._step))
                continue
            found.append(item)
            if len(steps := item.steps):
                for i in range(self._followed, len(self._damage)):
                    self._damage[i] = replace(self._damage[i], before_step=int(steps[0]))
                self._step, self._followed = int(steps[-1]), len(self._damage)
        self.batches[-1:] = joined(found)
        ends = self._damage and self._damage[-1].end == self._size
        self._offset = self._damage[-1].offset if ends else self._size

    def damage(self) -> list[FileDamage]:
        if not self._refused:
            return self._damage
        name = self._path.name
        return [*self._damage, FileDamage(name, self._offset, 0, self._refused, UNREADABLE)]

    def described(self) -> RunFile:
        name = schema.FileName.of(self._path.name)
        rows = sum(len(batch.table) for batch in self.batches)
        return RunFile(self._path.name, self._size, rows, name.session if name else None)
