"""Rows as bytes for the event file: the table on disk, its tags and headers, and the scalars."""

import secrets
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event

from rlviz import schema, tfrecord
from rlviz.record import events
from rlviz.record.rows import ClosedSteps

Floats = NDArray[np.float64]

_MOST_BATCHES = 512
_MOST_ROWS = 32_768
"""The most batches and rows under one tag: readers can only ask TensorBoard for a whole tag."""
_ODD_COLUMNS = 64
"""Columns beyond twice those of a batch that a table may have."""


class Encoder:
    """Encodes rows as records; knows what stands in the header of each batch.

    Args:
        world_size: ranks that the rows should sum over.
        convention: tells by which convention the FLOPs are counted, "" where nobody said it.
    """

    def __init__(self, world_size: int, convention: Callable[[], str] = str) -> None:
        self._world_size = world_size
        self._convention = convention
        self._writer = secrets.token_hex(4)  # two callbacks that start at once share a session
        self._table = Table()
        self._layouts = Layouts()
        self.resumed_after: int | None = None
        self.flops_before = 0
        self.closed_before: int | None = None
        self.made_as: int | None = None
        self.last_step = 0
        """The last step that was encoded."""

    def encode(
        self,
        taken: Sequence[ClosedSteps],
        extras: Sequence[Event],
        *,
        session: int,
        written: int,
        dropped: Mapping[str, int],
        rest: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Encode what is to be written at once as framed records.

        Args:
            taken: rows, oldest first.
            extras: events that are not about a step; they come first.
            session: number of this start of the training script.
            written: how many rows the session wrote before.
            dropped: how many steps it has given up so far, by cause.
            rest: called between two batches.
        """
        start = []
        if taken and not written:  # what earlier sessions wrote from this step on is void
            start = [events.session_start(taken[0].wall_times[0], int(taken[0].steps[0]))]
        parts = [_framed(event) for event in (*start, *extras)]
        for rows in taken:
            parts.append(self._batch(rows, session, written, dropped))
            written += len(rows)
            self.last_step = int(rows.steps[-1])
            rest()
        return b"".join(parts)

    def _batch(
        self, rows: ClosedSteps, session: int, written: int, dropped: Mapping[str, int]
    ) -> bytes:
        first = {schema.STEP: rows.columns[schema.STEP]}
        first[schema.SESSION] = np.full(len(rows), float(session))
        table = self._table.stack({**first, **rows.columns})
        header = schema.RowsHeader(
            session,
            self._table.names,
            self.resumed_after,
            self.flops_before,
            self._writer,
            dropped=sum(dropped.values()),
            causes=tuple((cause, steps) for cause, steps in dropped.items() if steps),
            world_size=self._world_size,
            missing_ranks=rows.missing_ranks,
            closed_before=self.closed_before,
            made_as=None if self.made_as == session else self.made_as,
            convention=self._convention(),
        )
        layout = self._layouts.of(header, len(rows))
        event = events.rows(rows.wall_times[-1], header, layout, table, rows_before=written)
        scalars = events.scalars(rows.steps, rows.wall_times, rows.scalars)
        return _framed(event) + tfrecord.frame_all(list(scalars))


def _framed(event: Event) -> bytes:
    return tfrecord.frame(event.SerializeToString())


class Table:
    """Stacks columns into one array.

    Columns are added and rarely taken away, so a tag can keep its layout. They are taken away when
    a batch lacks most of them: otherwise a run with ever new names would write gaps without end.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()

    def stack(self, columns: Mapping[str, Floats]) -> Floats:
        """Columns, each (k,) -> (k, names), NaN where a column is missing."""
        if len(self.names) > 2 * len(columns) + _ODD_COLUMNS:
            self.names = ()
        known = set(self.names)
        self.names += tuple(name for name in columns if name not in known)
        missing = np.full(len(columns[schema.STEP]), np.nan)
        return np.column_stack([columns.get(name, missing) for name in self.names])


class Layouts:
    """Numbers the stretches of batches that share a tag.

    TensorBoard keeps the header of a tag's first batch only, so a batch with another header begins
    the next layout.
    """

    def __init__(self) -> None:
        self._layout = 0
        self._header: schema.RowsHeader | None = None
        self._batches = self._rows = 0

    def of(self, header: schema.RowsHeader, rows: int) -> int:
        """The layout of the next batch, which has this header and this many rows."""
        is_full = self._batches >= _MOST_BATCHES or self._rows >= _MOST_ROWS
        if is_full or self._header not in (None, header):
            self._layout += 1
            self._batches = self._rows = 0
        self._header = header
        self._batches += 1
        self._rows += rows
        return self._layout
