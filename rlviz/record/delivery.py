"""Takes what is written to one sink, in a thread of its own that nobody waits for but `close`."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from rlviz import wording
from rlviz.record.mark import Mark
from rlviz.record.rows import ClosedSteps
from rlviz.record.sink import Sink, SinkFigure, SinkRow, SinkRun

ROW_LIMIT, BYTE_LIMIT = 16_384, 16_000_000
"""What may wait for a sink."""
_AT_ONCE = 256
"""Rows that a sink is given in one call."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries to open a sink."""

_Item: TypeAlias = "ClosedSteps | None"
"""Rows; None for whatever else there is to do: a figure, or the end."""


class Delivery:
    """The way of a run to one sink.

    The writer thread offers; the sink's own thread, which starts with the first rows, delivers.
    Where too much waits, the newest rows are not taken.

    Args:
        name: how messages and states call the sink.
        sink: takes rows and figures.
        run: what it is told when it is opened.
        say: logs a sentence.
        count: told of each failure: what the sink threw, and what it was too slow for.
        opened: called in the sink's thread once the sink is open.
        row_limit, byte_limit: the most that may wait.
        first_pause: seconds before the second try to open it; doubled after each, up to 60.
    """

    def __init__(
        self,
        name: str,
        sink: Sink,
        run: SinkRun,
        *,
        say: Callable[[str], None],
        count: Callable[[BaseException], None] = lambda error: None,
        opened: Callable[[], None] = lambda: None,
        row_limit: int = ROW_LIMIT,
        byte_limit: int = BYTE_LIMIT,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self.name = name
        self._sink = sink
        self._run = run
        self._say = say
        self._count = count
        self._opened = opened
        self._row_limit, self._byte_limit = row_limit, byte_limit
        self._first_pause = first_pause
        self.id: str | None = None
        """By what the sink finds the run again, as far as it is known."""
        self._queue: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._figures: deque[SinkFigure] = deque(maxlen=1)
        self._thread: threading.Thread | None = None
        # The writer thread changes these four:
        self._offered = self._refused = self._put = self._put_bytes = 0
        # And the sink's thread these:
        self._taken = self._taken_bytes = self._delivered = self._failed = 0
        self._is_open = self._has_said = self._has_said_full = False
        self._is_ending = Mark()
        self._success = True
        self._is_over = Mark()
        self._gave_up = False

    def resume(self, found_by: str) -> None:
        """Go on with the run that an earlier session opened; before the first rows."""
        self.id = found_by
        self._run = replace(self._run, resumed=found_by)

    @property
    def lost(self) -> int:
        """Rows that the sink did not take, and will not."""
        is_end = self._gave_up or self._is_over.is_set()
        return self._offered - self._delivered if is_end else self._refused + self._failed

    def offer(self, rows: ClosedSteps) -> None:
        """Let rows be delivered if there is room for them; never waits, never raises."""
        many, size = len(rows), rows.nbytes
        self._offered += many
        waiting, waiting_bytes = self._put - self._taken, self._put_bytes - self._taken_bytes
        is_full = waiting and (
            waiting + many > self._row_limit or waiting_bytes + size > self._byte_limit
        )
        if is_full or self._is_ending.is_set() or not self._is_running():
            self._refused += many
            if is_full and not self._has_said_full:
                self._has_said_full = True
                self._complain(
                    f"{self.name} is slow or does not answer: {wording.counted(waiting, 'step')} "
                    "wait for it, and what there is no room for it will lack. The run itself is "
                    "complete; Callback.health.unsent counts them"
                )
            return
        self._put += many
        self._put_bytes += size
        self._queue.put(rows)

    def show(self, figure: SinkFigure) -> None:
        """Let a figure be delivered; it replaces one that still waits."""
        if self._thread is not None:
            self._figures.append(figure)
            self._queue.put(None)

    def begin_close(self, *, success: bool) -> None:
        """Let the sink's thread deliver what waits, close the sink, and end."""
        if self._is_ending.is_set():
            return
        self._success = success
        self._is_ending.set()
        self._queue.put(None)

    def await_close(self, timeout: float) -> None:
        """Wait for the end that was begun; what is not delivered in time counts as lost."""
        if self._thread is None or self._is_over.wait(timeout) or self._gave_up:
            return
        self._gave_up = True
        if late := self.lost:
            many = wording.counted(late, "step")
            self._complain(
                f"{self.name} had not taken {many} when close() ended. The run itself is complete. "
                "It waits longer as close(timeout=60)"
            )
        else:
            self._say(f"{self.name} had not ended its run when close() ended; it has all steps")

    def _complain(self, words: str) -> None:
        """Say what the sink lacks since it was slow, and count that as a failure."""
        self._count(TimeoutError(words))
        self._say(words)

    def _is_running(self) -> bool:
        """Whether the thread runs; it starts with the first rows."""
        if self._thread is None:
            thread = threading.Thread(target=self._deliver, name=f"rlviz-{self.name}", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no thread left, or Python ends
                self._note(error)
                return False
            self._thread = thread
        return True

    def _deliver(self) -> None:
        try:
            while self._open() and self._next():
                pass
            if self._is_open:
                self._sink.close(self._success)
        except BaseException as error:  # whatever a tracker throws
            self._note(error)
        finally:
            self._is_over.set()

    def _open(self) -> bool:
        """Open the sink unless it is; returns whether it is open."""
        pause = self._first_pause
        while not self._is_open:
            try:
                self.id = self._sink.open(self._run) or self.id
                self._is_open = True
                self._opened()
            except BaseException as error:
                self._note(error)
                if self._is_ending.is_set():
                    break
                self._is_ending.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        return self._is_open

    def _next(self) -> bool:
        """Take what came next; returns whether more may come."""
        try:
            rows = self._queue.get_nowait()
        except queue.Empty:
            if self._is_ending.is_set():
                return False
            rows = self._queue.get()
        if rows is None:
            self._show()
        else:
            for part in _parts(rows):
                self._give(part)
            self._taken += len(rows)
            self._taken_bytes += rows.nbytes
        return True

    def _give(self, rows: list[SinkRow]) -> None:
        many = len(rows)  # the sink may do with them what it likes
        try:
            self._sink.rows(rows)
            self._delivered += many
        except BaseException as error:
            self._failed += many
            self._note(error)

    def _show(self) -> None:
        try:
            if self._figures:
                self._sink.figure(self._figures.popleft())
        except BaseException as error:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        """Count a failure, and log the first one."""
        self._count(error)
        if not self._has_said:
            self._has_said = True
            self._say(
                f"{self.name} failed: {type(error).__name__}: {_message(error)} (said once; "
                "training and the run itself go on, and Callback.health.unsent counts the steps "
                "that it lacks)"
            )


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # whatever a tracker throws
        return "its message can't be shown"


def _parts(rows: ClosedSteps) -> Iterator[list[SinkRow]]:
    """Rows as a sink takes them, a part at a time."""
    columns = [
        (tag, values.tolist(), brought.tolist()) for tag, (values, brought) in rows.scalars.items()
    ]
    steps, times = rows.steps.tolist(), rows.wall_times.tolist()
    for begin in range(0, len(steps), _AT_ONCE):
        yield [
            SinkRow(
                steps[at],
                times[at],
                {tag: values[at] for tag, values, brought in columns if brought[at]},
            )
            for at in range(begin, min(begin + _AT_ONCE, len(steps)))
        ]
        time.sleep(0)  # let the training thread go on
