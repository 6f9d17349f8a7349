"""The writer thread: takes closed steps from the queue to the event file, at a steady pace.

Only this thread touches the file. Whoever flushes or closes leaves a request and waits for it, no
longer than asked.
"""

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rlviz import schema
from rlviz.record import events
from rlviz.record.eventfile import EventFile, Serializable
from rlviz.record.illustrator import Illustration, Illustrator
from rlviz.record.recorder import Measurement, StepEnd
from rlviz.record.rows import ClosedStep, RowBuilder, Table

logger = logging.getLogger("rlviz")

_WARN_SECONDS = 60.0


@dataclass(slots=True)
class _Request:
    """Somebody waits for everything that was logged so far to be written."""

    done: threading.Event = field(default_factory=threading.Event)
    written: bool = False


class Troubles:
    """Counts what went wrong in the background and says it, at most once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: float | None = None
        self.errors = 0
        self.first: Exception | None = None

    def note(self, error: Exception) -> None:
        self.errors += 1
        self.first = self.first or error
        now = self._clock()
        if self._said is None or now - self._said >= _WARN_SECONDS:
            self._said = now
            logger.warning(
                "rlviz: %s: %s (training goes on; %d such so far, see Callback.health)",
                type(error).__name__,
                error,
                self.errors,
            )


class Worker:
    """Owns the thread, the event file and what still has to be written.

    Args:
        queue: what the training thread recorded.
        builder: makes rows of it.
        file: where the rows go.
        illustrator: draws the figure and the summary; None for a run without.
        opening: events of the configuration, if there is one; the session begins with them.
        flush_seconds: pace of writing.
        troubles: told of every failure.
        row_limit: rows kept for a disk that does not take them; the oldest go first.
    """

    def __init__(
        self,
        queue: "deque[Measurement | StepEnd]",
        builder: RowBuilder,
        file: EventFile,
        *,
        session: int,
        illustrator: Illustrator | None,
        opening: Sequence[Serializable],
        flush_seconds: float,
        troubles: Troubles,
        row_limit: int = 65_536,
    ) -> None:
        self._queue = queue
        self._builder = builder
        self._file = file
        self._session = session
        self._writer = secrets.token_hex(4)  # two callbacks that start at once share a session
        self._illustrator = illustrator
        self._flush_seconds = flush_seconds
        self._troubles = troubles
        self._row_limit = row_limit
        self._table = Table()
        self._building = threading.Lock()  # never held while anything is written
        self._steps: deque[ClosedStep] = deque()
        self._has_config = bool(opening)
        self._extras: list[Serializable] = list(opening)
        self._requests: deque[_Request] = deque()
        self._wake = threading.Event()
        self._deadline: float | None = None
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

    def build(self) -> None:
        """Turn everything queued into rows; afterwards the builder's state is that of now."""
        with self._building:
            items = []
            while self._queue:
                items.append(self._queue.popleft())
            self._steps.extend(self._builder.feed(items))
            while len(self._steps) > self._row_limit:
                self._steps.popleft()
                self.dropped += 1

    def wake(self) -> None:
        """Write soon, without anybody waiting for it."""
        self._wake.set()

    def flush(self, timeout: float | None) -> bool:
        """Write what was logged so far; whether that was done within `timeout` seconds."""
        if self._closed.is_set():
            return self._all_written
        request = _Request()
        self._requests.append(request)
        self._wake.set()
        return request.done.wait(_limited(timeout)) and request.written

    def close(self, timeout: float | None, *, success: bool) -> bool:
        """Write everything, the last figure too, and end; whether all was done in time."""
        timeout = _limited(timeout)
        self._success = success
        self._deadline = time.monotonic() + timeout
        self._wake.set()
        in_time = self._closed.wait(timeout)
        if self._illustrator is not None:
            self._illustrator.stop()
        return in_time and self._all_written

    def _run(self) -> None:
        while self._deadline is None:
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            self._serve_requests()
            self._illustrate()
        self._all_written = self._finish(self._deadline)
        self._closed.set()
        self._serve_requests()

    def _serve_requests(self) -> None:
        requests = []
        while self._requests:
            requests.append(self._requests.popleft())
        written = self._write()
        for request in requests:
            request.written = written
            request.done.set()

    def _write(self, *, last: bool = False) -> bool:
        """Write all that waits; whether nothing is left.

        What is not about a step waits for the first one, whose number the session starts with,
        unless this is the last chance.
        """
        steps: list[ClosedStep] = []
        try:
            self.build()
            while self._steps:  # taken out, so that `build` can't drop what is being written
                steps.append(self._steps.popleft())
            extras = self._extras if steps or self.written or last else []
            if steps or extras:
                self._file.append([*self._start_of(steps), *extras, *self._events(steps)])
                extras.clear()
        except Exception as error:
            self._steps.extendleft(reversed(steps))
            self._troubles.note(error)
            return False
        self.written += len(steps)
        return True

    def _start_of(self, steps: list[ClosedStep]) -> list[Serializable]:
        """What a session says first: what earlier ones wrote from this step on is void."""
        if self.written or not steps:
            return []
        return [events.session_start(steps[0].wall_time, steps[0].step)]

    def _events(self, steps: list[ClosedStep]) -> list[Serializable]:
        if not steps:
            return []
        table = self._table.stack([step.row for step in steps])
        header = schema.RowsHeader(
            self._session, self._table.columns, self.resumed_after, self.flops_before, self._writer
        )
        batch: list[Serializable] = [
            events.rows(
                steps[-1].wall_time, header, self._table.layout, table, rows_before=self.written
            )
        ]
        batch.extend(events.scalars(step.wall_time, step.step, step.scalars) for step in steps)
        return batch

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
            self._extras += [
                events.figure(now, step, illustration.figure_png),
                events.text(now, step, schema.SUMMARY_TAG, illustration.summary_markdown),
            ]

    def _finish(self, deadline: float) -> bool:
        """The end of the run: last rows, last figure, last word."""
        self._write()
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
            return False
        return all_written and drawn

    def _last_illustration(self, illustrator: Illustrator, deadline: float) -> bool:
        if illustrator.busy:  # a live one is under way: it shows less than all
            illustrator.take(max(0.001, deadline - time.monotonic()))
        if illustrator.busy:
            return False
        illustrator.request()
        illustration = illustrator.take(max(0.001, deadline - time.monotonic()))
        self._keep(illustration)
        return illustration is not None


def _limited(timeout: float | None) -> float:
    """No limit and infinity, as the system can wait for them."""
    return min(threading.TIMEOUT_MAX if timeout is None else timeout, threading.TIMEOUT_MAX)
