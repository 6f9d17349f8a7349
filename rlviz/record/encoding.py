"""Rows as bytes for the event file: what a session says of itself, its rows, and their scalars."""

import secrets
import time
from collections.abc import Sequence

from tensorboard.compat.proto.event_pb2 import Event

from rlviz import schema, tfrecord
from rlviz.record import events, scalars
from rlviz.record.rows import Rows
from rlviz.record.table import Layouts, Table

_REST_SECONDS = 0.0005


class Encoder:
    """Makes records of rows; knows what stands in the header of each batch.

    Args:
        session: number of this start of the training script.
        world_size: ranks that the rows are to sum over.
    """

    def __init__(self, session: int, world_size: int) -> None:
        self._session = session
        self._world_size = world_size
        self._writer = secrets.token_hex(4)  # two callbacks that start at once share a session
        self._table = Table()
        self._layouts = Layouts()
        self.resumed_after: int | None = None
        self.flops_before = 0
        self.last_step = 0
        """The last step that was encoded."""

    def encode(
        self, taken: Sequence[Rows], extras: Sequence[Event], *, written: int, dropped: int
    ) -> bytes:
        """Framed records of all that is to be written now.

        Args:
            taken: rows, the oldest first.
            extras: events that are not about a step; they come first.
            written: how many rows the session has written before.
            dropped: how many steps it has given up so far.
        """
        start = []
        if taken and not written:  # what earlier sessions wrote from this step on is void
            start = [events.session_start(taken[0].wall_times[0], int(taken[0].steps[0]))]
        parts = [tfrecord.frame(event.SerializeToString()) for event in (*start, *extras)]
        for rows in taken:
            parts += self._batch(rows, written, dropped)
            written += len(rows)
            self.last_step = int(rows.steps[-1])
            time.sleep(_REST_SECONDS if len(taken) > 1 else 0)
        return b"".join(parts)

    def _batch(self, rows: Rows, written: int, dropped: int) -> tuple[bytes, bytes]:
        table = self._table.stack(rows.columns)
        header = schema.RowsHeader(
            self._session,
            self._table.names,
            self.resumed_after,
            self.flops_before,
            self._writer,
            dropped=dropped,
            world_size=self._world_size,
            missing_ranks=rows.missing_ranks,
        )
        layout = self._layouts.of(header, len(rows))
        event = events.rows(rows.wall_times[-1], header, layout, table, rows_before=written)
        framed = tfrecord.frame(event.SerializeToString())
        return framed, scalars.encode(rows.steps, rows.wall_times, rows.scalars)
