"""The writer thread: takes closed steps from the queue to the event file, at a steady pace.

Only this thread touches the file. Whoever flushes or closes leaves a request and waits for it, no
longer than asked. It works in slices of a millisecond or two and rests between them, so that the
training thread, which shares the interpreter with it, never waits for longer.
"""

import math
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

from rlviz import schema, tfrecord
from rlviz.record import events, scalars
from rlviz.record.eventfile import EventFile
from rlviz.record.illustrator import Illustration, Illustrator
from rlviz.record.ranks import FirstRank, OtherRank
from rlviz.record.recorder import Item, ends_a_step
from rlviz.record.rows import RowBuilder, Rows
from rlviz.record.table import Layouts, Table
from rlviz.record.troubles import Troubles

_SLICE = 512
"""Queued items that are worked on before the writer rests."""
_SLICES = 128
"""Slices after which what was built is written."""
_REST_SECONDS = 0.0005
_LONGEST_SLEEP = 1.0
"""Seconds: the queue is emptied, and the disk made sure of, also where rows are written seldom."""
_LONGEST_PAUSE = 10.0
"""Seconds between two tries to write while the disk refuses."""


@dataclass(slots=True)
class _Request:
    """Somebody waits for everything that was logged so far to be written."""

    done: threading.Event = field(default_factory=threading.Event)
    written: bool = False


class Worker:
    """Owns the thread, the event file and what still has to be written.

    Args:
        items: what the training thread recorded.
        builder: makes rows of it.
        file: where the rows go.
        illustrator: draws the figure and the summary; None for a run without.
        opening: events of the configuration, if there is one; the session begins with them.
        flush_seconds: pace of writing.
        troubles: told of every failure.
        session: number of this start of the training script.
        ranks: what other processes of the run recorded, or the way to the one that writes.
        dropped_before: how many steps never came here, since the queue was full.
        row_limit: rows kept for a disk that does not take them; the oldest go first.
        byte_limit: the same, in bytes.
    """

    def __init__(
        self,
        items: "deque[Item]",
        builder: RowBuilder,
        file: EventFile,
        *,
        session: int,
        illustrator: Illustrator | None,
        opening: Sequence[Event],
        flush_seconds: float,
        troubles: Troubles,
        ranks: FirstRank | OtherRank,
        dropped_before: Callable[[], int] = lambda: 0,
        row_limit: int = 65_536,
        byte_limit: int = 64_000_000,
    ) -> None:
        self._queue = items
        self._builder = builder
        self._file = file
        self._session = session
        self._writer = secrets.token_hex(4)  # two callbacks that start at once share a session
        self._illustrator = illustrator
        self._pace = 0.9 * flush_seconds  # the rest is for the write itself
        self._troubles = troubles
        self._dropped_before = dropped_before
        self._row_limit = row_limit
        self._byte_limit = byte_limit
        self._table = Table()
        self._layouts = Layouts()
        # Never held while anything is written. A signal handler comes through in its own thread,
        # and finds out whether it is in the middle of a build.
        self._building = threading.RLock()
        self._in_a_build = False
        self._left = False
        self._rows: deque[Rows] = deque()
        self._ranks = ranks
        self._state = builder.state_dict()
        self._has_config = bool(opening)
        self._extras: list[Event] = list(opening)
        self._requests: deque[_Request] = deque()
        # Not an Event: a signal handler that comes while one is set could not set it again.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._deadline: float | None = None
        self._pause = 0.0
        self._next_write = 0.0
        self._closed = threading.Event()
        self._success = True
        self._all_written = False
        self.resumed_after: int | None = None
        self.flops_before = 0
        self.written = 0
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="rlviz-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def build(self, most: float = math.inf) -> bool:
        """Turn queued items into rows, `most` of them; whether any were left.

        Afterwards the builder's state is that of the last step that was taken from the queue.
        """
        with self._building, self._as_builder():
            items: list[Item] = []
            try:
                while self._queue and len(items) < most:
                    items.append(self._queue.popleft())
                closed = self._builder.close_steps(items)
            except BaseException:
                self.dropped += sum(map(ends_a_step, items))
                raise
            self.dropped += self._ranks.add(closed)
            self._keep_complete_steps()
        return bool(self._queue)

    @contextmanager
    def _as_builder(self) -> Iterator[None]:
        self._state = self._builder.state_dict()
        self._in_a_build = True
        try:
            yield
        finally:
            self._in_a_build = False

    def state(self, patience: float) -> dict[str, Any]:
        """Where the run stands after the steps closed so far.

        A signal handler that interrupts the building of rows in its own thread can't wait for its
        end, and is given the state of before.

        Args:
            patience: seconds to wait for what the other ranks recorded of these steps.
        """
        with self._building:
            if self._in_a_build:
                return self._state
        if not self._left:
            self._wake.put(None)  # a checkpoint should not be ahead of the rows for long
        self._build_all(patience)
        with self._building, self._as_builder():
            return self._state

    @property
    def last_state(self) -> dict[str, Any]:
        """The state before the latest steps were built."""
        return self._state

    def _build_all(self, patience: float) -> None:
        """Rows of all that was closed, also of steps that other ranks have not sent in time."""
        self.build()
        self._wait_for_ranks(patience)
        with self._building, self._as_builder():
            self._keep_complete_steps(now_or_never=True)

    def _keep_complete_steps(self, *, now_or_never: bool = False) -> None:
        complete = deque(self._ranks.complete(now_or_never=now_or_never))
        try:
            while complete:
                self._keep_rows(self._builder.rows(*complete[0]))
                complete.popleft()
        except BaseException:
            self.dropped += sum(len(steps) for steps, _ in complete)
            raise

    def _wait_for_ranks(self, timeout: float) -> None:
        """Wait for the other ranks' sums of the steps that were closed here."""
        deadline = time.monotonic() + timeout
        while self._ranks.waiting:
            with self._building, self._as_builder():
                self._keep_complete_steps()
            if not self._ranks.waiting or time.monotonic() > deadline:
                return
            time.sleep(0.01)

    def _keep_rows(self, rows: Rows) -> None:
        if not len(rows):
            return
        self._rows.append(rows)
        while len(self._rows) > 1 and (
            sum(map(len, self._rows)) > self._row_limit or self._bytes > self._byte_limit
        ):
            self._drop_oldest()

    @property
    def _bytes(self) -> int:
        return sum(rows.nbytes for rows in self._rows)

    def _drop_oldest(self) -> None:
        """Give up the rows that waited longest; figures go before them."""
        self._extras = [event for event in self._extras if not events.is_illustration(event)]
        self.dropped += len(self._rows.popleft())

    def in_forked_child(self) -> None:
        """The thread is the parent's, which may have held the lock; so are file and messages."""
        self._building = threading.RLock()
        if not self._in_a_build:  # else the builder was copied half-way, and its state stays
            self._ranks.leave()
        self._left = True
        self._file.leave()

    def flush(self, timeout: float) -> bool:
        """Write what was logged so far; whether that was done within `timeout` seconds."""
        request = _Request()
        self._requests.append(request)
        self._wake.put(None)
        if self._closed.is_set():  # looked at last: before that, the thread still serves
            return self._all_written
        return request.done.wait(timeout) and request.written

    def close(self, timeout: float, *, success: bool) -> bool:
        """Write everything, the last figure too, and end; whether all was done in time."""
        self._success = success
        self._deadline = time.monotonic() + timeout
        self._wake.put(None)
        in_time = self._closed.wait(timeout)
        if self._illustrator is not None:
            self._illustrator.stop()
        return in_time and self._all_written

    def _run(self) -> None:
        while self._deadline is None:
            self._survive(self._wait)
            self._survive(self._serve_requests)
            self._survive(self._illustrate)
        self._survive(self._finish)
        self._closed.set()
        self._survive(self._serve_requests)

    def _wait(self) -> None:
        with suppress(queue.Empty):
            self._wake.get(timeout=min(self._pace, _LONGEST_SLEEP))
            while True:
                self._wake.get_nowait()

    def _survive(self, part: Callable[[], None]) -> None:
        """Do a part of the work; whatever becomes of it, the thread lives on."""
        try:
            part()
        except BaseException as error:  # also one that was thrown into this thread
            self._troubles.note(error)

    def _serve_requests(self) -> None:
        requests = []
        while self._requests:
            requests.append(self._requests.popleft())
        written = self._write(at_once=bool(requests))
        for request in requests:
            request.written = written
            request.done.set()

    def _write(self, *, at_once: bool = False, last: bool = False) -> bool:
        """Build what is queued, and write what waits when its time has come; whether all was done.

        After a failure it waits longer from one try to the next, unless somebody asked for it. What
        is not about a step waits for the first one, whose number the session starts with, unless
        this is the last chance.
        """
        try:
            for _ in range(_SLICES):  # not for ever, where steps come as fast as they are taken
                if not self.build(_SLICE):
                    break
                time.sleep(_REST_SECONDS)
            else:
                self._wake.put(None)
            self.written += self._ranks.send()
            now = time.monotonic()
            due = at_once or last or now >= self._next_write
            if due or (self._is_full() and not self._pause):
                self._write_rows(last=last)
                self._pause, self._next_write = 0.0, now + self._pace
            if due or not self._pause:
                self._file.sync_if_due()
        except BaseException as error:
            self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
            self._next_write = time.monotonic() + self._pause
            self._troubles.note(error)
            return False
        return not self._rows and not self._ranks.waiting

    def _is_full(self) -> bool:
        """Whether rows come so fast that they should not wait for their time."""
        with self._building:
            return (
                2 * sum(map(len, self._rows)) > self._row_limit
                or 2 * self._bytes > self._byte_limit
            )

    def _write_rows(self, *, last: bool) -> None:
        taken: list[Rows] = []
        extras: list[Event] = []
        try:
            with self._building:  # taken out, so that `build` can't drop what is being written
                while self._rows:
                    taken.append(self._rows.popleft())
                if taken or self.written or last:
                    extras, self._extras = self._extras, []
            if taken or extras:
                self._file.append(self._encoded(taken, extras))
        except BaseException:
            with self._building:
                self._rows.extendleft(reversed(taken))
                self._extras[:0] = extras
            raise
        self.written += sum(map(len, taken))

    def _encoded(self, taken: list[Rows], extras: list[Event]) -> bytes:
        """All that is to be written now, in framed records."""
        start = []
        if taken and not self.written:  # what earlier sessions wrote from this step on is void
            start = [events.session_start(taken[0].wall_times[0], int(taken[0].steps[0]))]
        parts = [tfrecord.frame(event.SerializeToString()) for event in (*start, *extras)]
        before = self.written
        for rows in taken:
            table = self._table.stack(rows.columns)
            header = schema.RowsHeader(
                self._session,
                self._table.names,
                self.resumed_after,
                self.flops_before,
                self._writer,
                dropped=self.dropped + self._dropped_before(),
                world_size=self._ranks.world_size,
                missing_ranks=rows.missing_ranks,
            )
            event = events.rows(
                rows.wall_times[-1], header, self._layouts.of(header), table, rows_before=before
            )
            before += len(rows)
            parts.append(tfrecord.frame(event.SerializeToString()))
            parts.append(scalars.encode(rows.steps, rows.wall_times, rows.scalars))
            time.sleep(_REST_SECONDS if len(taken) > 1 else 0)
        return b"".join(parts)

    def _illustrate(self) -> None:
        """Pick up a finished figure, and ask for the next one when its time has come."""
        if self._illustrator is None:
            return
        self._keep(self._illustrator.take())
        if self.written and self._illustrator.due():
            self._illustrator.request()

    def _keep(self, illustration: Illustration | None) -> None:
        if illustration is not None:
            now, step = time.time(), illustration.step
            with self._building:  # in place of one that the disk has not taken yet
                self._extras = [
                    *(event for event in self._extras if not events.is_illustration(event)),
                    events.figure(now, step, illustration.figure_png),
                    events.text(now, step, schema.SUMMARY_TAG, illustration.summary_markdown),
                ]

    def _finish(self) -> None:
        """The end of the run: last rows, last figure, last word."""
        deadline = self._deadline or 0.0
        self._survive(lambda: self._build_all(max(0.0, 0.5 * (deadline - time.monotonic()))))
        self._write(at_once=True)
        if self._builder.unclosed and self._success:
            self._troubles.note(
                RuntimeError(
                    f"the last {self._builder.unclosed} record() calls belong to a step that was "
                    "never closed, and are lost. Call on_step_end() at the end of every step."
                )
            )
        drawn = True
        if self._illustrator is not None and self.written:
            drawn = self._last_illustration(self._illustrator, deadline)
            if self._illustrator.busy:  # a figure that failed has been said already
                self._troubles.note(
                    TimeoutError(
                        "the last figure and summary were not ready in time. Draw them with "
                        "`rlviz plot` and `rlviz summary`, or wait longer: close(timeout=60)."
                    )
                )
        if self._has_config:
            self._extras.append(events.config_end(time.time(), success=self._success))
        all_written = self._write(last=True)
        try:
            self._file.close()
        except OSError as error:
            self._troubles.note(error)
            return
        self._all_written = all_written and drawn

    def _last_illustration(self, illustrator: Illustrator, deadline: float) -> bool:
        if illustrator.busy:  # a live one is under way: it shows less than all
            illustrator.take(max(0.001, deadline - time.monotonic()))
        if illustrator.busy:
            return False
        illustrator.request()
        illustration = illustrator.take(max(0.001, deadline - time.monotonic()))
        self._keep(illustration)
        return illustration is not None
