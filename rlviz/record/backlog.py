"""What waits for the disk, in bounded memory: it drops figures first, then the oldest rows."""

from collections import deque
from collections.abc import Iterable, Sequence

from tensorboard.compat.proto.event_pb2 import Event

from rlviz.record import events
from rlviz.record.rows import ClosedSteps


class Backlog:
    """Keeps what is to be written, in order. Its owner does the locking.

    Args:
        opening: events that the session begins with.
        row_limit: rows kept while the disk refuses them.
        byte_limit: the same, in bytes.
    """

    def __init__(self, opening: Sequence[Event], *, row_limit: int, byte_limit: int) -> None:
        self._row_limit = row_limit
        self._byte_limit = byte_limit
        self._rows: deque[ClosedSteps] = deque()
        self._extras: list[Event] = list(opening)
        self.dropped = 0
        """Rows that were given up."""

    def __len__(self) -> int:
        """How many rows wait."""
        return sum(map(len, self._rows))

    @property
    def _bytes(self) -> int:
        return sum(rows.nbytes for rows in self._rows)

    @property
    def is_half_full(self) -> bool:
        """Whether rows come so fast that they should be written before their time."""
        return 2 * len(self) > self._row_limit or 2 * self._bytes > self._byte_limit

    def add(self, rows: ClosedSteps) -> None:
        if len(rows):
            self._rows.append(rows)
        while len(self._rows) > 1 and (
            len(self) > self._row_limit or self._bytes > self._byte_limit
        ):
            self._extras = [event for event in self._extras if not events.is_illustration(event)]
            self.dropped += len(self._rows.popleft())

    def add_extras(self, extras: Iterable[Event]) -> None:
        self._extras += extras

    def illustrate(self, events_of_one: Sequence[Event]) -> None:
        """Keep a figure and its summary; they replace those that the disk has not taken yet."""
        kept = [event for event in self._extras if not events.is_illustration(event)]
        self._extras = [*kept, *events_of_one]

    def take_rows(self, into: list[ClosedSteps]) -> None:
        """Move all rows into `into`, oldest first; `put_back` what could not be written.

        Rows move one by one, so that an exception thrown into the thread leaves each in one place.
        """
        while self._rows:
            into.append(self._rows.popleft())

    def take_extras(self) -> list[Event]:
        """Take all events that are not rows."""
        taken, self._extras = self._extras, []
        return taken

    def put_back(self, rows: Sequence[ClosedSteps], extras: Sequence[Event]) -> None:
        self._rows.extendleft(reversed(rows))
        self._extras[:0] = extras
