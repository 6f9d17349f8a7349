"""Reads the event files of a run directory: batches of rows, and the damage between them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, tfrecord

Floats = NDArray[np.float64]

CUT = "cut"
"""The file ends within a record: a process was killed, or is writing it now."""
DAMAGED = "damaged"
"""Bytes are not those that were written, or no longer there."""
UNREADABLE = "unreadable"
"""The operating system does not give the file."""
NEWER = "newer"
"""Rows of a format that this rlviz does not know."""
SENSELESS = "senseless"
"""An intact record whose rows contradict themselves."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as one flush wrote them."""

    header: schema.RowsHeader
    table: Floats
    """(rows, columns of the header)"""
    written: int | None = None
    """Rows that its writer had written with this batch; None where it did not count them."""

    @property
    def steps(self) -> Floats:
        """The steps of its rows, without rows that have none."""
        steps = self.table[:, self.header.columns.index(schema.STEP)]
        return np.asarray(steps[np.isfinite(steps)])


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of an event file that could not be read."""

    file: str
    offset: int
    length: int
    reason: str
    kind: str = DAMAGED
    """`CUT`, `DAMAGED`, `UNREADABLE`, `NEWER` or `SENSELESS` of this module."""
    after_step: int | None = None
    """The last step that the file holds before the stretch."""
    before_step: int | None = None
    """The first step that the file holds after it."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """One event file of a run directory."""

    name: str
    size: int
    """In bytes."""
    rows: int
    session: int | None
    """The session that its name tells; None for a file that another writer named."""

    @property
    def is_foreign(self) -> bool:
        """Whether something else than rlviz wrote it."""
        return self.session is None and not self.rows


@dataclass(frozen=True, slots=True)
class Contents:
    """All that the event files of a directory hold for rlviz, in the order of their names."""

    path: Path
    batches: tuple[Batch, ...]
    damage: tuple[Damage, ...]
    files: tuple[EventFile, ...]


def load(logdir: str | os.PathLike[str]) -> Contents:
    """Read every event file of a run directory once; damage is part of the answer.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    path = run_directory(logdir)
    batches: list[Batch] = []
    damage: list[Damage] = []
    files: list[EventFile] = []
    for file in sorted(filter(_may_be_read, path.glob("*tfevents*"))):
        found, spoiled, size = _read_file(file)
        batches += found
        damage += spoiled
        rows = sum(len(batch.table) for batch in found)
        named = schema.FileName.of(file.name)
        files.append(EventFile(file.name, size, rows, named.session if named else None))
    return Contents(path, tuple(batches), tuple(damage), tuple(files))


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


def _may_be_read(file: Path) -> bool:
    return not os.path.isdir(file)


def no_steps(contents: Contents) -> FileNotFoundError:
    """What to say of a directory without a single row."""
    path = contents.path
    newer = [damage for damage in contents.damage if damage.kind == NEWER]
    if newer:
        return FileNotFoundError(f"{path} holds no steps that can be read: {newer[0].reason}")
    runs = sorted({str(found.parent) for found in path.glob("*/**/*tfevents*")})
    hint = f" Runs below it: {', '.join(runs[:5])}." if runs else ""
    return FileNotFoundError(f"{path} holds no steps recorded by rlviz (yet).{hint}")


def _read_file(file: Path) -> tuple[list[Batch], list[Damage], int]:
    """The batches and the damage of a file, and its size."""
    try:
        data = file.read_bytes()  # a mapped file that is truncated meanwhile kills the process
    except OSError as error:
        reason = f"the file can't be read: {error.strerror}"
        return [], [Damage(file.name, 0, 0, reason, UNREADABLE)], _size(file)
    batches: list[Batch] = []
    damage: list[Damage] = []
    step, followed = None, 0  # the last step read, and how much damage a step has followed
    for item in _items(file.name, data):
        if isinstance(item, Damage):
            damage.append(replace(item, after_step=step))
            continue
        batches.append(item)
        if len(steps := item.steps):
            for i in range(followed, len(damage)):
                damage[i] = replace(damage[i], before_step=int(steps[0]))
            step, followed = int(steps[-1]), len(damage)
    return batches, damage, len(data)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _items(name: str, data: bytes) -> Iterator[Batch | Damage]:
    for item in tfrecord.scan(data, holding=_ROWS_TAG_START):
        if isinstance(item, tfrecord.Damage):
            kind = CUT if _is_cut(data, item) else DAMAGED
            yield Damage(name, item.offset, item.length, item.reason, kind)
            continue
        try:
            yield from batches_of(item.payload)
        except ValueError as error:
            yield Damage(name, item.begin, item.end - item.begin, str(error), kind_of(error))


def kind_of(error: ValueError) -> str:
    """Of damage: what was wrong with an intact record."""
    return NEWER if isinstance(error, schema.NewerFormatError) else SENSELESS


def _is_cut(data: bytes, damage: tfrecord.Damage) -> bool:
    """Whether it is what a kill or a power loss leaves at the end of a file: half a record, or
    zeros where the file had grown and its content was not on the disk yet."""
    end = damage.offset + damage.length
    if end < len(data):
        return False
    return damage.is_incomplete or not any(data[damage.offset : end])


_ROWS_TAG_START = schema.rows_tag(0)[:-1].encode()


def batches_of(payload: bytes) -> list[Batch]:
    """The rows in one record of an event file; most records hold none.

    Raises:
        ValueError: the record is no event, or its rows contradict themselves.
        schema.NewerFormatError: they are of a format that this rlviz does not know.
    """
    if _ROWS_TAG_START not in payload:  # spares the parser the scalars, pictures and texts
        return []
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    try:
        event = Event.FromString(payload)
    except DecodeError as error:
        raise ValueError(f"not an event: {error}") from error
    found = []
    for value in event.summary.value:
        if schema.is_rows_tag(value.tag):
            header = schema.RowsHeader.from_bytes(value.metadata.plugin_data.content)
            shape = tuple(dim.size for dim in value.tensor.tensor_shape.dim)
            table = np.frombuffer(value.tensor.tensor_content, dtype="<f8").reshape(shape)
            if table.ndim != 2 or table.shape[1] != len(header.columns):
                raise ValueError(f"rows of shape {shape} under {len(header.columns)} columns")
            found.append(Batch(header, table, _written(event.step)))
    return found


def _written(event_step: int) -> int | None:
    """How many rows the writer had written with this batch: its event's step counts them from
    -2**53 on. None where the event is of a writer that does not count."""
    return event_step + 2**53 if event_step < -(2**52) else None
