"""What waits for the disk, in bounded memory: it drops figures first, then the oldest rows."""

from collections import deque
from collections.abc import Iterable, Sequence

from tensorboard.compat.proto.event_pb2 import Event

from rlviz.record import events
from rlviz.record.rows import ClosedSteps


class Backlog:
    """Keeps what is to be written, in order; only the writer thread uses it.

    What is `taken` is counted until its owner clears it or puts it back.

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
        self._many = self._bytes = 0
        self.taken: tuple[ClosedSteps, ...] = ()
        """Rows that are being written."""
        self.taken_extras: tuple[Event, ...] = ()
        """Other events that are being written."""
        self.dropped = 0
        """Rows that were given up."""

    def __len__(self) -> int:
        """How many rows wait or are being written."""
        return self._many + sum(map(len, self.taken))

    @property
    def nbytes(self) -> int:
        """About how many bytes they take in memory."""
        return self._bytes + sum(rows.nbytes for rows in self.taken)

    @property
    def is_empty(self) -> bool:
        """Whether no rows wait."""
        return not self._rows

    def add(self, rows: ClosedSteps) -> None:
        if len(rows):
            self._put(rows)
        while len(self._rows) > 1 and (
            self._many > self._row_limit or self._bytes > self._byte_limit
        ):
            self._extras = [event for event in self._extras if not events.is_illustration(event)]
            oldest = self._rows[0]
            many, size = len(oldest), oldest.nbytes
            self._drop_first(many, size)
            self.dropped += many

    # A row is in one place at every call and at every end of a loop, where exceptions may come.

    def _put(self, rows: ClosedSteps) -> None:
        many, size, append = len(rows), rows.nbytes, self._rows.append
        self._many += many
        self._bytes += size
        append(rows)

    def _drop_first(self, many: int, size: int) -> None:
        self._many -= many
        self._bytes -= size
        del self._rows[0]

    def add_extras(self, extras: Iterable[Event]) -> None:
        self._extras += extras

    def illustrate(self, events_of_one: Sequence[Event]) -> None:
        """Keep a figure and its summary; they replace those that the disk has not taken yet."""
        kept = [event for event in self._extras if not events.is_illustration(event)]
        self._extras = [*kept, *events_of_one]

    def take(self, most_bytes: int) -> None:
        """Move the oldest rows into `taken`: about as many as `most_bytes` on disk hold, one step
        at least. Where no rows wait, it moves the other events into `taken_extras`."""
        size = 0
        while self._rows and (room := most_bytes - size) > 0:
            first = self._rows[0]
            size += (on_disk := first.encoded_bytes)
            fits = len(first) if on_disk <= room else len(first) * room // on_disk
            if fits < len(first):
                if not fits and self.taken:
                    return
                self._cut_first(max(fits, 1))
                first, size = self._rows[0], most_bytes
            many, memory = len(first), first.nbytes
            self._many -= many
            self._bytes -= memory
            self.taken = (*self.taken, first)
            del self._rows[0]
        if not self.taken:
            self.taken_extras, self._extras = (*self.taken_extras, *self._extras), []

    def _cut_first(self, at: int) -> None:
        """Cut the oldest rows in two."""
        rows = self._rows[0]
        if at >= len(rows):
            return
        first, others = rows.split(at)
        grown = first.nbytes + others.nbytes - rows.nbytes
        cut = deque([first, others, *list(self._rows)[1:]])
        self._bytes += grown
        self._rows = cut

    def put_back(self) -> None:
        """Let what was taken wait again, as the oldest."""
        rows, extras = self.taken, self.taken_extras
        many, size = sum(map(len, rows)), sum(part.nbytes for part in rows)
        again, events_again = deque([*rows, *self._rows]), [*extras, *self._extras]
        self._many += many
        self._bytes += size
        self._rows, self._extras = again, events_again
        self.taken, self.taken_extras = (), ()
