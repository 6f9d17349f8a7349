"""The writer thread: takes closed steps from the queue to the event file, at a steady pace.

Only this thread touches the file. A caller that flushes or closes leaves a request and waits for
it, no longer than asked. The writer works in slices of a millisecond or two and rests between them,
so that the training thread, which shares the interpreter, never waits longer than a slice. Only
where steps come faster than they are written it does not rest.
"""

import copy
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rlviz import schema
from rlviz.record import events
from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.encoding import Encoder
from rlviz.record.error_log import ErrorLog
from rlviz.record.eventfile import EventFile
from rlviz.record.figure_client import FigureClient, Illustration
from rlviz.record.illustrations import Illustrations
from rlviz.record.mark import Mark, take
from rlviz.record.pieces import Pieces

_SLICE = 512
"""Queued items that the writer works on before it rests."""
_LONGEST_SLEEP = 1.0
"""Seconds between two rounds that empty the queue and sync the file, however rare the writes."""
_END_SECONDS = 0.4
"""Time for the thread to end once all is done; `close` may take half a second longer than asked."""
_LONGEST_PAUSE = 10.0
"""Seconds between two tries to write while the disk refuses."""
_LAST_WRITE_SECONDS, _LAST_WRITE_SHARE = 0.25, 0.1
"""What is left of the time of `close`, at most, for the write that follows the last figure."""
_LAST_LOOK_SECONDS = 1.0
"""How long the end waits for what other ranks have sent, if nothing waits for it."""
_LONGEST_HAND_OVER = 60.0
"""How long the end waits for rank 0 to take what was sent, at most; it looks every second."""
_RETRY_SECONDS = 0.2
"""Between two tries of the end to reach rank 0."""
_SHARE_OF_RANKS = 0.75
"""The part of its time that a state waits for other ranks; the rest is for the disk."""


@dataclass(slots=True)
class _Request:
    """Somebody waits until everything logged so far is written."""

    now_or_never: bool = False
    """Whether steps are to be written without what other ranks have not sent."""
    done: Mark = field(default_factory=Mark)
    written: bool = False


class Worker:
    """Owns the thread, the event file and what still has to be written.

    Args:
        assembly: turns what was recorded into rows, and keeps them.
        file: where the rows go.
        account: counts the steps; it learns here how the disk does.
        figure_client: draws the figure and the summary; None for a run without.
        has_config: whether the session begins with a configuration, which needs an end event.
        flush_seconds: pace of writing.
        error_log: told of every failure.
        convention: tells by which convention the FLOPs are counted, "" where nobody said it.
        show: given each figure that was drawn.
    """

    def __init__(
        self,
        assembly: Assembly,
        file: EventFile,
        account: Account,
        *,
        figure_client: FigureClient | None,
        has_config: bool,
        flush_seconds: float,
        error_log: ErrorLog,
        convention: Callable[[], str] = str,
        show: Callable[[Illustration], None] = lambda illustration: None,
    ) -> None:
        self._assembly = assembly
        self._file = file
        self._account = account
        account.sends = not assembly.ranks.writes
        self._encoder = Encoder(assembly.ranks.world_size, convention)
        self._pieces = Pieces(assembly, file, self._encoder, account, begin=self._begin)
        self._encoder.made_as = file.made_as
        self._illustrations = (
            None
            if figure_client is None
            else Illustrations(figure_client, assembly, account, on_error=error_log.note, show=show)
        )
        self._pace = 0.9 * flush_seconds  # the rest is for the write itself
        self._error_log = error_log
        self._has_config = has_config
        self._has_begun = False
        self._on_disk, self._stated = assembly.state, 0
        self._unanswered: _Request | None = None
        self._requests: deque[_Request] = deque()
        # Not an Event: a signal handler that interrupts `Event.set` could not set it again.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._deadline: float | None = None
        self._figure_until = 0.0
        self._pause = 0.0
        self._next_write = 0.0
        self._closed = Mark()
        self._success = True
        self._all_written = False
        self._thread = threading.Thread(target=self._run, name="rlviz-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Let the writer look at the queue now."""
        self._wake.put(None)

    @property
    def written(self) -> int:
        """How many steps were written."""
        return self._account.passed.written

    def resume(self, step: int, flops: int, closed: int) -> None:
        """Let the session continue from a state.

        Args:
            step: the one that the state is of.
            flops: its cumulative FLOPs.
            closed: the last step that was closed when it was taken.
        """
        self._encoder.resumed_after = step
        self._encoder.flops_before = min(flops, schema.MAX_COUNT - 1)
        self._encoder.closed_before = None if closed == step else closed
        self._on_disk = self._assembly.state

    def state(self, patience: float) -> dict[str, Any]:
        """Where the run stands after the last step that is on the disk.

        It first lets the steps closed so far be written. Where the writer did not answer the call
        before and still stands in the same place, it does not wait a second time.

        Args:
            patience: seconds to wait for the disk and for what other ranks recorded.
        """
        is_stuck = self._unanswered is not None and not self._unanswered.done.is_set()
        if self._thread.is_alive():  # else this is a forked child, or all is over
            if self._assembly.ranks.writes and not is_stuck:
                self._drain(patience)
            self._wake.put(None)  # other ranks send what rank 0 may be waiting for
        return copy.deepcopy(self._on_disk)

    def _drain(self, patience: float) -> None:
        """Wait until the steps closed so far are on the disk."""
        now = time.monotonic()
        deadline, without_ranks = now + patience, now + _SHARE_OF_RANKS * patience
        while True:
            request = _Request(now_or_never=now >= without_ranks)
            self._ask(request, deadline - now)
            self._unanswered = None if request.done.is_set() else request
            now = time.monotonic()
            if request.now_or_never or now >= deadline or self._pause:
                return
            if not self._assembly.waits_for_others:
                return
            time.sleep(0.01)

    def in_forked_child(self) -> None:
        """Let go of the file, which is the parent's; the thread is not in the child."""
        self._file.leave()

    def flush(self, timeout: float) -> bool:
        """Write what was logged so far; returns whether `timeout` seconds were enough."""
        until = time.monotonic() + timeout
        while True:
            if self._ask(_Request(), until - time.monotonic()):
                return True
            is_over = self._pause or self._closed.is_set() or time.monotonic() >= until
            if is_over or not self._assembly.waits_briefly:
                return False
            time.sleep(0.01)

    def _ask(self, request: _Request, timeout: float) -> bool:
        self._requests.append(request)
        self._wake.put(None)
        if self._closed.is_set():  # checked last: until then the thread still serves
            return self._all_written
        return request.done.wait(timeout) and request.written

    def begin_close(self, timeout: float, *, success: bool) -> None:
        """Let the thread write everything, with the last figure, and end; again, it does nothing.

        Args:
            timeout: how many seconds the figure may take.
            success: whether the run ended well.
        """
        if self._deadline is None:
            self._success = success
            self._deadline = time.monotonic() + timeout
            last_write = min(_LAST_WRITE_SECONDS, _LAST_WRITE_SHARE * timeout)
            self._figure_until = self._deadline - last_write
        self._wake.put(None)

    def await_close(self, timeout: float) -> bool:
        """Wait for the end that was begun; returns whether everything was written in time."""
        in_time = self._closed.wait(timeout)
        if in_time:  # a thread inside torch's store as the interpreter ends aborts the process
            self._thread.join(_END_SECONDS)
        if self._illustrations is not None and (in_time or time.monotonic() >= self._end):
            self._illustrations.stop()
        return in_time and self._all_written

    @property
    def _end(self) -> float:
        return self._deadline or 0.0

    @property
    def waits_for_figure(self) -> bool:
        """Whether all rows are written, and only the last figure is missing."""
        is_drawing = self._illustrations is not None and self._illustrations.is_drawing_last
        return is_drawing and not self._closed.is_set()

    def give_up_figure(self) -> None:
        """End without the last figure."""
        if self._illustrations is not None:
            self._illustrations.give_up()

    def _run(self) -> None:
        thrown: BaseException | None = None
        while not self._closed.is_set():
            try:
                if thrown is not None:
                    error, thrown = thrown, None
                    self._error_log.note(error)
                self._work()
            except BaseException as error:  # even one thrown into this thread, between two parts
                thrown = error
        self._survive(self._serve_requests)

    def _work(self) -> None:
        """Take all rounds, and the end; what is done of it is not done again."""
        self._survive(self._sync_left)
        while self._deadline is None:
            self._survive(self._wait)
            self._survive(self._serve_requests)
            self._survive(self._illustrate)
        self._survive(self._finish)
        self._closed.set()

    def _sync_left(self) -> None:
        if self._assembly.ranks.writes:
            with suppress(OSError):  # who writes there will say so
                self._pieces.sync_left()

    def _wait(self) -> None:
        with suppress(queue.Empty):
            take(self._wake, min(self._pace, _LONGEST_SLEEP))
            while True:
                self._wake.get_nowait()

    def _survive(self, part: Callable[[], None]) -> None:
        """Do a part of the work; the thread survives any failure."""
        try:
            part()
        except BaseException as error:  # even one thrown into this thread
            self._error_log.note(error)

    def _serve_requests(self) -> None:
        requests = [*self._requests]
        if any(request.now_or_never for request in requests):
            self._survive(self._give_up_on_ranks)
        written = self._write(at_once=bool(requests))
        for request in requests:  # one is taken from the others when it is answered
            request.written = written
            request.done.set()
            if self._requests and self._requests[0] is request:
                del self._requests[0]

    def _give_up_on_ranks(self) -> None:
        """Build rows of every closed step, even of those that other ranks did not send in time."""
        self._build(even_open=self._deadline is not None)
        self._assembly.keep_complete_steps(now_or_never=True)

    def _write(self, *, at_once: bool = False, last: bool = False) -> bool:
        """Build what is queued, and write what is due; returns whether all was done.

        After a failure it waits longer between tries, unless somebody asked for the write. Events
        that are not about a step wait for the first step, whose number the session starts with,
        unless this is the last chance.
        """
        entered = self._account.entered
        try:
            self._build()
            self._assembly.send()
            now = time.monotonic()
            due = at_once or last or now >= self._next_write
            if due or (self._is_hurried and not self._pause):
                self._write_rows(last=last)
                self._pause, self._next_write = 0.0, now + self._pace
            if due or not self._pause:
                self._pieces.sync_if_due()
            if self._is_hurried:
                self.wake()
        except BaseException as error:
            self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
            self._next_write = time.monotonic() + self._pause
            self._account.disk_fails = isinstance(error, OSError) and self._assembly.ranks.writes
            self._error_log.note(error)
            return False
        return not self._assembly.waiting and self._account.passed.taken >= entered

    def _build(self, *, even_open: bool = False) -> None:
        """Build rows of what was queued by now; not without end, for more may come meanwhile."""
        entered = self._account.entered
        while self._assembly.build(_SLICE, even_open=even_open):
            if not even_open and self._account.passed.taken >= entered:
                self.wake()
                return
            if self._assembly.has_many_rows and not self._pause:
                self._pieces.write_all(extras_alone=False)
            self._pieces.rest()

    @property
    def _is_hurried(self) -> bool:
        is_full = self._account.is_half_full and self._assembly.has_work
        return is_full or self._assembly.has_many_rows

    def _write_rows(self, *, last: bool) -> None:
        self._pieces.write_all(extras_alone=bool(self.written or last))
        self._account.disk_fails = False
        if self.written > self._stated and not self._assembly.unwritten:
            self._on_disk, self._stated = self._assembly.state, self.written

    def _begin(self, session: int) -> None:
        """Say once what the user hardly means: to go over an older run."""
        if session and self._encoder.resumed_after is None and not self._has_begun:
            self._error_log.say(
                f"{self._file.logdir} already holds a run, and no state of it was loaded: its "
                "steps from the first one of this session on are left out from now on. To go on "
                "with it, use load_state_dict(); for another run, another logdir."
            )
        self._has_begun = True

    def _illustrate(self) -> None:
        if self._illustrations is not None:
            self._illustrations.look()

    def _finish(self) -> None:
        """End the run: write the last rows, the last figure, the end event."""
        half = max(0.0, 0.5 * (self._end - time.monotonic()))
        self._survive(lambda: self._wait_for_others(half))
        self._survive(lambda: self._assembly.ranks.catch_up(min(half, _LAST_LOOK_SECONDS)))
        self._survive(self._give_up_on_ranks)
        self._error_log.say_again()  # what comes now explains the last row
        self._survive(self._assembly.end_arrivals)
        if not self._assembly.ranks.writes:
            self._survive(lambda: self._wait_while_others_are_awaited(self._end))
        handed_over = self._hand_over()
        self._survive(self._assembly.ranks.close)
        self._write(at_once=True)
        unclosed = self._assembly.unclosed
        if unclosed and self._success:
            self._error_log.say_again()
            self._error_log.note(
                RuntimeError(
                    f"the last {unclosed} record() calls belong to a step that was "
                    "never closed, and are lost. Call on_step_end() at the end of every step."
                )
            )
        drawn = True
        if self._illustrations is not None and self.written:
            self._error_log.say_again()  # what comes now explains what `close` returns
            drawn = self._illustrations.draw_last(self._figure_until)
        if self._has_config:
            self._assembly.add_extras([events.config_end(time.time(), success=self._success)])
        if self._assembly.ranks.writes and self.written:
            self._assembly.add_extras([events.session_stop(time.time(), self._encoder.last_step)])
        all_written = self._write(last=True)
        try:
            self._file.close()
        except OSError as error:
            self._error_log.note(error)
            return
        self._all_written = all_written and drawn and handed_over

    def _hand_over(self) -> bool:
        left = self._figure_until - time.monotonic()
        try:
            self._assembly.ranks.hand_over(min(left, _LONGEST_HAND_OVER))
        except BaseException as error:  # even one thrown into this thread
            self._error_log.say_again()  # it explains what `close` returns
            self._error_log.note(error)
            return False
        return True

    def _wait_for_others(self, patience: float) -> None:
        """Wait for what other ranks and senders recorded of the steps that were closed here."""
        until = time.monotonic() + patience
        self._build()
        if self._assembly.arrivals is not None:
            self._assembly.arrivals.begin_end()
        self._wait_while_others_are_awaited(until)

    def _wait_while_others_are_awaited(self, until: float) -> None:
        while self._assembly.waits_for_others and time.monotonic() < until:
            time.sleep(0.01)
            try:
                self._assembly.keep_complete_steps()
                self._assembly.send()
            except OSError as error:  # rank 0 may be reached again before the time is over
                self._error_log.note(error)
                time.sleep(min(_RETRY_SECONDS, max(0.0, until - time.monotonic())))
