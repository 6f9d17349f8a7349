"""What an event file holds for rlviz: batches of rows, and the damage between them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, tfrecord
from rlviz.report.history.admission import admitted, is_sound
from rlviz.report.history.event_bytes import StoredRows
from rlviz.report.history.event_form import EventForm, protos
from rlviz.report.history.step_span import StepSpan

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


@dataclass(frozen=True)
class Batch:
    """Rows as their writer wrote them, in one flush or in several that follow each other."""

    header: schema.RowsHeader
    table: Floats | StoredRows
    """(rows, columns of the header); those of a long run stay in their file."""
    written: int | None = None
    """How many rows its writer had written, this batch included; None if it did not count them."""
    file: schema.FileName | None = None
    """The name of its file; None if rlviz did not give it."""
    known_span: StepSpan | None = None
    """Its span, if somebody knows it already."""

    @property
    def rows_before(self) -> int:
        """How many rows its writer had written before this batch; 0 if it did not count them."""
        return 0 if self.written is None else self.written - len(self.table)

    def goes_on_from(self, other: "Batch") -> bool:
        """Whether it has the same header as another batch and follows it without a hole."""
        is_same = self.header is other.header or self.header == other.header
        return is_same and self.rows_before == other.written

    def block(self, begin: int, end: int) -> Floats:
        """Some of its rows, (end - begin, columns of the header).

        Raises:
            OSError: they stand in a file that changed since.
        """
        if isinstance(self.table, StoredRows):
            return self.table.block(begin, end)
        return self.table[begin:end]

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Name -> number of its columns."""
        return _places(self.header.columns)

    @property
    def steps(self) -> Floats:
        """The steps of its rows; rows without a step are left out."""
        steps = self.block(0, len(self.table))[:, self.places[schema.STEP]]
        return np.asarray(steps[np.isfinite(steps)])

    @cached_property
    def span(self) -> StepSpan:
        """Its steps and times in short."""
        return self.known_span or self.span_of(self.block(0, len(self.table)))

    def span_of(self, rows: Floats) -> StepSpan:
        """The span of some of its rows."""
        wall = self.places.get(schema.WALL_TIME)
        return StepSpan.of(
            rows[:, self.places[schema.STEP]], None if wall is None else rows[:, wall]
        )


@lru_cache(maxsize=256)
def _places(columns: tuple[str, ...]) -> Mapping[str, int]:
    return {name: at for at, name in enumerate(columns)}


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

    def goes_on_in(self, other: "FileDamage") -> bool:
        """Whether both are one stretch of unreadable bytes, found in two pieces."""
        kinds = (CUT, DAMAGED)
        return self.kind in kinds and other.kind in kinds and other.offset == self.end

    def joined_with(self, other: "FileDamage") -> "FileDamage":
        """The stretch of both; it may be a cut if either begins as one or both are zeros."""
        is_cut = self.reason == tfrecord.INCOMPLETE or other.kind == self.kind == CUT
        kind = CUT if is_cut else DAMAGED
        return replace(self, length=self.length + other.length, kind=kind)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an event file that is in memory.

    Attributes:
        name: the name of the file.
        data: its bytes.
        begin: where they stand in the file.
        more: how many bytes of the file follow.
        is_intact: see `tfrecord.Scanner`.
        stored: the path and the inode of the file, if rows are to stay there.
    """

    name: str
    data: bytes | bytearray
    begin: int = 0
    more: int = 0
    is_intact: Callable[[int, int], bool] | None = None
    stored: tuple[Path, int] | None = None


Items: TypeAlias = "list[Batch | FileDamage]"


def items_in(piece: Piece) -> tuple[Items, int]:
    """The batches and the damage in a piece of a file, and the offset in the file up to which that
    is all of them: a record may reach beyond the piece."""
    scanner = tfrecord.Scanner(
        piece.data, holding=_ROWS_TAG_START, more=piece.more, is_intact=piece.is_intact
    )
    items: Items = []
    flushes: list[_Flush] = []
    forms: Forms = {}
    for item in scanner:
        things: list[_Flush | FileDamage]
        if isinstance(item, tfrecord.Damage):
            things = [_damage(piece, item)]
        else:
            things = _flushes_of(piece, item, forms)
        for thing in things:
            follows = isinstance(thing, _Flush) and (not flushes or thing.goes_on_from(flushes[-1]))
            if not follows:
                items += _admitted(piece, flushes)
                flushes = []
            if isinstance(thing, _Flush):
                flushes.append(thing)
            else:
                items.append(thing)
    items += _admitted(piece, flushes)
    return items, piece.begin + scanner.offset


class _Flush(NamedTuple):
    """A table of rows, and where it stands in the piece."""

    header: schema.RowsHeader
    rows: int
    written: int | None
    """As in `Batch`."""
    begin: int
    """Where its record begins."""
    length: int
    """Of its record."""
    content: int
    """Where its numbers begin."""
    complaint: str = ""

    def goes_on_from(self, other: "_Flush") -> bool:
        """As in `Batch`."""
        before = 0 if self.written is None else self.written - self.rows
        is_same = self.header is other.header or self.header == other.header
        return is_same and before == other.written


def _admitted(piece: Piece, flushes: Sequence[_Flush]) -> Items:
    """The batches of flushes that follow each other, as one batch if all of them make sense."""
    if not flushes:
        return []
    header, file = flushes[-1].header, schema.FileName.of(piece.name)
    width, data = len(header.columns), memoryview(piece.data)
    # A table of its own: where they stand, numbers begin at any byte.
    parts = [data[flush.content : flush.content + 8 * width * flush.rows] for flush in flushes]
    rows = sum(flush.rows for flush in flushes)
    table = np.frombuffer(b"".join(parts), "<f8").reshape(rows, width)
    if is_sound(header, table) and not any(flush.complaint for flush in flushes):
        batch = Batch(header, table, flushes[-1].written, file)
        if piece.stored is None:
            return [batch]
        path, inode = piece.stored
        stored = StoredRows(
            path,
            inode,
            width,
            np.array([piece.begin + flush.content for flush in flushes]),
            np.cumsum([flush.rows for flush in flushes]),
        )
        return [replace(batch, table=stored, known_span=batch.span)]
    items: Items = []
    end = 0
    for flush in flushes:
        begin, end = end, end + flush.rows
        found = admitted(flush.header, table[begin:end])
        complaints = (*filter(None, [flush.complaint]), *found.complaints)
        if complaints:  # it stands before its batch, whose steps are all there
            why, at = _short("; ".join(complaints)), piece.begin + flush.begin
            items.append(FileDamage(piece.name, at, flush.length, why, SENSELESS))
        items.append(Batch(found.header, found.table, flush.written, file))
    return items


def _short(text: str) -> str:
    """A reason of a length that fits into a sentence; names come from the file."""
    return text if len(text) <= 200 else f"{text[:200]}…"


def _damage(piece: Piece, damage: tfrecord.Damage) -> FileDamage:
    kind = CUT if _is_cut(piece.data, damage) else DAMAGED
    return FileDamage(piece.name, piece.begin + damage.offset, damage.length, damage.reason, kind)


def joined(batches: Sequence[Batch]) -> list[Batch]:
    """The same rows in as few batches as possible: a run of long steps has one batch per step."""
    runs: list[list[Batch]] = []
    for batch in batches:
        if runs and _can_be_joined(runs[-1][-1], batch):
            runs[-1].append(batch)
        else:
            runs.append([batch])
    return [_stacked(run) if run[1:] else run[0] for run in runs]


def _can_be_joined(first: Batch, second: Batch) -> bool:
    is_same_kind = isinstance(first.table, StoredRows) is isinstance(second.table, StoredRows)
    return is_same_kind and second.goes_on_from(first)


def _stacked(batches: Sequence[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    tables = [batch.table for batch in batches]
    stored = [table for table in tables if isinstance(table, StoredRows)]
    if not stored:
        held = [table for table in tables if isinstance(table, np.ndarray)]
        return replace(batches[-1], table=np.concatenate(held), known_span=None)
    span = batches[0].span
    for batch in batches[1:]:
        span = span.then(batch.span)
    rows = stored[0].followed_by(stored[1:])
    return replace(batches[-1], table=rows, known_span=span)


def _is_cut(data: bytes | bytearray, damage: tfrecord.Damage) -> bool:
    """Whether a kill or a power loss left it at the end of a file: half a record, or zeros where
    the file had grown before its content reached the disk."""
    end = damage.offset + damage.length
    if end < len(data):
        return False
    return damage.is_incomplete or data.count(0, damage.offset, end) == damage.length


_ROWS_TAG_START = schema.rows_tag(0)[:-1].encode()


Forms: TypeAlias = dict[int, EventForm | bool]
"""Length of a record -> the form that events of that length have, once there were two: of many
lengths there is one event. True after the first, False if the second has no form."""


def _flushes_of(piece: Piece, record: tfrecord.Record, forms: Forms) -> "list[_Flush | FileDamage]":
    """The rows in one record of an event file that holds the tag of rows; most records don't."""
    begin, length = record.begin, record.end - record.begin
    event = begin + tfrecord.HEADER_BYTES
    form = forms.get(length)
    if isinstance(form, EventForm) and (step := form.step_in(piece.data, event)) is not None:
        return [_flush(form.header, form.shape[0], step, begin, length, event + form.begin)]
    try:
        return [
            _flush(header, len(table), step, begin, length, event + content)
            for header, table, content, step in _tables_of(record.payload, length, forms)
        ]
    except ValueError as error:
        kind = NEWER if isinstance(error, schema.NewerFormatError) else SENSELESS
        return [FileDamage(piece.name, piece.begin + begin, length, _short(str(error)), kind)]


def _flush(
    header: schema.RowsHeader, rows: int, step: int, begin: int, length: int, content: int
) -> _Flush:
    written = _written(step)
    if written is not None and written < rows:
        complaint = f"{rows} rows, of which {written} were written"
        return _Flush(header, rows, None, begin, length, content, complaint)
    return _Flush(header, rows, written, begin, length, content)


_Table: TypeAlias = tuple[schema.RowsHeader, Floats, int, int]
"""A header, a table, the offset of its numbers in the event, and the step of the event."""


def _tables_of(payload: bytes, length: int, forms: Forms) -> Iterator[_Table]:
    """The rows in an event, in a record of a length.

    Raises:
        ValueError: the record is not an event, or its rows have no form.
        schema.NewerFormatError: its rows have a format that this rlviz does not know.
    """
    form = forms.get(length)
    event_type, decode_error, float64 = protos()
    try:
        event = event_type.FromString(payload)
    except decode_error as error:
        raise ValueError(f"not an event: {error}") from error
    step = event.step
    for number, value in enumerate(event.summary.value):
        if schema.is_rows_tag(value.tag):
            header = _header(value.metadata.plugin_data.content)
            tensor = value.tensor
            if tensor.dtype not in float64:
                raise ValueError(f"rows of type {tensor.dtype}, which is not float64")
            shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
            content = tensor.tensor_content  # a copy each time
            table, place = table_of(content, shape, header), _place_of(content, payload)
            yield header, table, place, step
            if not number and form is not False:
                found = EventForm.of(event, payload, header, shape, place) if form else True
                forms[length] = found or False


def _place_of(content: bytes, payload: bytes) -> int:
    """Where bytes stand in a payload that holds them."""
    at = payload.find(content[:64])  # a search for all of them first looks at each of them
    return at if payload.startswith(content, at) else payload.find(content)


def table_of(content: bytes, shape: tuple[int, ...], header: schema.RowsHeader) -> Floats:
    """The numbers of a batch as a table.

    Raises:
        ValueError: they are no table under these columns.
    """
    width = len(header.columns)
    if len(shape) != 2 or shape[1] != width:
        raise ValueError(f"rows of shape {_short(str(shape))} under {width} columns")
    if shape[0] < 0 or len(content) != 8 * width * shape[0]:
        raise ValueError(f"{len(content)} bytes for rows of shape {shape}")
    return np.frombuffer(content, "<f8").reshape(shape)


@lru_cache(maxsize=64)  # most batches of a run have the same
def _header(content: bytes) -> schema.RowsHeader:
    return schema.RowsHeader.from_bytes(content)


def _written(event_step: int) -> int | None:
    """How many rows the writer had written, this batch included. The event's step counts them,
    None if the writer does not count."""
    first = schema.FIRST_ROW_STEP
    return event_step - first if event_step < first // 2 else None
