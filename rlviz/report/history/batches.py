"""What an event file holds for rlviz: batches of rows, and the damage between them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, tfrecord

Floats = NDArray[np.float64]

CUT = "cut"
"""The file ends within a record: a process was killed, or is writing it now."""
DAMAGED = "damaged"
"""Bytes changed after they were written, or disappeared."""
UNREADABLE = "unreadable"
"""The operating system refuses to read the file."""
NEWER = "newer"
"""Rows of a format that this rlviz does not know."""
SENSELESS = "senseless"
"""An intact record whose rows contradict themselves."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as their writer wrote them, in one flush or in several that follow each other."""

    header: schema.RowsHeader
    table: Floats
    """(rows, columns of the header)"""
    written: int | None = None
    """How many rows its writer had written, this batch included; None if it did not count them."""
    file: schema.FileName | None = None
    """The name of its file; None if rlviz did not give it."""

    @property
    def rows_before(self) -> int:
        """How many rows its writer had written before this batch; 0 if it did not count them."""
        return 0 if self.written is None else self.written - len(self.table)

    def goes_on_from(self, other: "Batch") -> bool:
        """Whether it has the same header as another batch and follows it without a hole."""
        return self.rows_before == other.written and self.header == other.header

    @property
    def steps(self) -> Floats:
        """The steps of its rows; rows without a step are left out."""
        steps = self.table[:, self.header.columns.index(schema.STEP)]
        return np.asarray(steps[np.isfinite(steps)])


@dataclass(frozen=True, slots=True)
class FileDamage:
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

    @property
    def end(self) -> int:
        """The offset of the first byte after it."""
        return self.offset + self.length


def items_in(name: str, data: bytes, begin: int) -> Iterator[Batch | FileDamage]:
    """The batches and the damage in bytes of a file, from the offset `begin` on."""
    file = schema.FileName.of(name)
    for item in tfrecord.scan(data, holding=_ROWS_TAG_START):
        if isinstance(item, tfrecord.Damage):
            kind = CUT if _is_cut(data, item) else DAMAGED
            yield FileDamage(name, begin + item.offset, item.length, item.reason, kind)
            continue
        try:
            yield from (replace(batch, file=file) for batch in _batches_of(item.payload))
        except ValueError as error:
            kind = NEWER if isinstance(error, schema.NewerFormatError) else SENSELESS
            at = begin + item.begin
            yield FileDamage(name, at, item.end - item.begin, str(error), kind)


def joined(batches: Sequence[Batch]) -> list[Batch]:
    """The same rows in as few batches as possible: a run of long steps has one batch per step."""
    runs: list[list[Batch]] = []
    for batch in batches:
        if runs and batch.goes_on_from(runs[-1][-1]):
            runs[-1].append(batch)
        else:
            runs.append([batch])
    return [_stacked(run) if run[1:] else run[0] for run in runs]


def _stacked(batches: Sequence[Batch]) -> Batch:
    return replace(batches[-1], table=np.concatenate([batch.table for batch in batches]))


def _is_cut(data: bytes, damage: tfrecord.Damage) -> bool:
    """Whether a kill or a power loss left it at the end of a file: half a record, or zeros where
    the file had grown before its content reached the disk."""
    end = damage.offset + damage.length
    if end < len(data):
        return False
    return damage.is_incomplete or not any(data[damage.offset : end])


_ROWS_TAG_START = schema.rows_tag(0)[:-1].encode()


def _batches_of(payload: bytes) -> list[Batch]:
    """The rows in one record of an event file; most records hold none.

    Raises:
        ValueError: the record is not an event, or its rows contradict themselves.
        schema.NewerFormatError: its rows have a format that this rlviz does not know.
    """
    if _ROWS_TAG_START not in payload:  # the parser need not see scalars, pictures and texts
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
            header = _header(value.metadata.plugin_data.content)
            shape = tuple(dim.size for dim in value.tensor.tensor_shape.dim)
            table = np.frombuffer(value.tensor.tensor_content, dtype="<f8").reshape(shape)
            if table.ndim != 2 or table.shape[1] != len(header.columns):
                raise ValueError(f"rows of shape {shape} under {len(header.columns)} columns")
            found.append(Batch(header, table, _written(event.step)))
    return found


@lru_cache(maxsize=64)  # most batches of a run have the same
def _header(content: bytes) -> schema.RowsHeader:
    return schema.RowsHeader.from_bytes(content)


def _written(event_step: int) -> int | None:
    """How many rows the writer had written, this batch included. The event's step counts them,
    starting at -2**53. None if the writer does not count."""
    return event_step + 2**53 if event_step < -(2**52) else None
