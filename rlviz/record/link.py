"""One process's way to the trainer: a thread that adds up what senders recorded, and sends it."""

import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from rlviz import wording
from rlviz.record import wire
from rlviz.record.at_exit import AtExit
from rlviz.record.error_log import ErrorLog
from rlviz.record.joining import joined
from rlviz.record.lookout import Lookout
from rlviz.record.measurement import Measurement
from rlviz.record.unsent import Unsent
from rlviz.record.wire import Place

_MOST_CALLS = 65_536
"""Calls that wait for the thread."""
_PACE = 0.1
"""Least seconds between two frames that the trainer did not ask for."""
_STALL_SECONDS = 30.0
"""A connection over which nothing goes for so long is given up for another."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_EXIT_SECONDS = 2.0
"""How long a process that ends waits for the trainer to take the last sums."""
_LAST_TRY_SECONDS = _JOIN_SECONDS = 0.5
_ENDED = "this process ended before the trainer could be reached"
_NO_THREAD = "this process has no thread or descriptor left with which to send them"


class Link:
    """Brings what one process records to the trainer, in order and once, however often it connects.

    Args:
        addresses: where the trainer may be, best first; empty for nowhere.
        port: its port.
        key: what both sides know.
    """

    def __init__(self, addresses: Sequence[str], port: int, key: bytes) -> None:
        self._addresses = list(dict.fromkeys(addresses))
        self._port = port
        self._key = key
        self._id = secrets.token_bytes(wire.ID_BYTES)
        self._name = f"the sender of pid {os.getpid()} on {socket.gethostname()}"[:120].encode()
        self._calls: deque[tuple[Place, Measurement]] = deque()
        self._put = self._dropped = 0
        self._socket: socket.socket | None = None
        self._going: deque[memoryview] = deque()
        """What is still to go over this connection."""
        self._last_went = 0.0
        self._came = bytearray()
        self._pause = 0.0
        self._next_try = self._next_frame = 0.0
        self._is_over = self._is_urgent = self._is_ending = False
        self._loses_rest = self._is_rest_lost = False
        """Whether what the end could not send is given up, and whether `end` has done so itself."""
        self._losing = threading.RLock()
        self._errors = ErrorLog(see="Sender.health")
        self._unsent = Unsent(self._errors.note)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._lookout: Lookout | None = None

    # Whoever records calls these.

    def put(self, place: Place, brought: Measurement) -> None:
        """Queue what a call brought; it never waits."""
        self._put += 1
        if self._is_over or not self._addresses:
            self._dropped += 1
            self._errors.note(RuntimeError(self._why_over()))
            return
        if len(self._calls) >= _MOST_CALLS:
            self._dropped += 1
            self._errors.note(RuntimeError("calls come faster than they are added up"))
            return
        self._calls.append((place, brought))
        self._wake()

    def refuse(self, error: Exception) -> None:
        """Count a call that could not be kept."""
        self._put += 1
        self._dropped += 1
        self._errors.note(error)

    def flush(self, timeout: float) -> bool:
        """Wait until the trainer has what was recorded so far; returns whether it has all of it.

        It never has what was dropped, and a sender to nowhere has no trainer.
        """
        until, wanted = time.monotonic() + timeout, self._put
        while self._unsent.delivered + self._dropped < wanted:
            if time.monotonic() >= until:
                return False
            self._is_urgent = True
            self._wake(even_awake=True)
            time.sleep(0.005)
        return bool(self._addresses) and not self._dropped

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Calls that were made, delivered, that wait and that were dropped."""
        put, delivered, dropped = self._put, self._unsent.delivered, self._dropped
        return put, delivered, put - delivered - dropped, dropped

    @property
    def is_cut_off(self) -> bool:
        """Whether the run is over, or the trainer could not be reached at the last try."""
        return self._is_over or (self._socket is None and self._pause > 0)

    def leave(self) -> None:
        """Let go of the sockets in a forked child, where they are the parent's."""
        if self._socket is not None:
            self._socket.close()
        if self._lookout is not None:
            self._lookout.close()

    def end(self, timeout: float) -> None:
        """Send what is left and say goodbye; say what is lost. A later call begins anew."""
        if self._is_over or (self._thread is None and not self._waiting):
            return
        is_away = self._thread is None or self.is_cut_off
        has_all = self.flush(min(timeout, _LAST_TRY_SECONDS) if is_away else timeout)
        with self._losing:
            if (thread := self._thread) is None:
                self._give_up(_NO_THREAD)
                return
            self._loses_rest, self._is_rest_lost, self._is_ending = not has_all, False, True
        self._wake(even_awake=True)
        thread.join(_JOIN_SECONDS)
        with self._losing:
            if self._loses_rest and self._thread is thread:  # it may be at a try to connect
                self._is_rest_lost = True
                self._give_up(_ENDED)

    @property
    def _waiting(self) -> int:
        _, _, waiting, _ = self.counts
        return waiting

    def _begin(self) -> None:
        if not self._start.acquire(blocking=False):
            return  # another call is at it, perhaps one that this call interrupted
        try:
            if self._thread is None:
                _ending[self] = None
                _at_exit.register()  # first: what no thread can send is lost then, and said to be
                lookout = self._lookout = self._lookout or Lookout()
                thread = threading.Thread(
                    target=self._run, args=(lookout,), name="rlviz-sender", daemon=True
                )
                thread.start()
                self._thread = thread
        finally:
            self._start.release()

    def _wake(self, *, even_awake: bool = False) -> None:
        if self._thread is None:
            try:
                self._begin()
            except Exception as error:  # no descriptor or thread is left: the next call tries again
                self._errors.note(error)
        if (lookout := self._lookout) is not None:
            lookout.wake(even_awake=even_awake)

    # Its thread does the rest.

    def _run(self, lookout: Lookout) -> None:
        while not (self._is_over or self._is_ending):
            try:
                self._turn(lookout)
            except Exception as error:  # whatever it is, the rollout and its sums go on
                self._errors.note(error)
                self._break_off()
                time.sleep(0.1)
        if self._socket is not None and not self._going:
            with suppress(OSError):
                self._socket.settimeout(_JOIN_SECONDS)
                self._socket.sendall(wire.frame(wire.BYE))
        self._break_off()
        self.leave()
        if not self._is_over:
            self._let_begin_anew()

    def _let_begin_anew(self) -> None:
        with self._losing:
            if self._is_rest_lost:  # that is counted; what waits was recorded since
                self._unsent.forget()
            elif self._loses_rest:
                self._give_up(_ENDED)
            self._loses_rest = self._is_rest_lost = self._is_ending = False
            self._lookout = self._thread = None
            if self._calls or self._unsent.has_sums or self._unsent.has_frames:
                self._wake()

    def _turn(self, lookout: Lookout) -> None:
        now = time.monotonic()
        if self._socket is None and now >= self._next_try:
            self._connect(lookout)
            if self._is_ending:  # what waits now may be for the next thread
                return
        for _, reads, _ in lookout.wait(self._rest(now)):
            if reads and self._socket is not None:
                self._hear(self._socket)
        self._add_up()
        may_send = self._socket is not None and not (self._unsent.has_frames or self._is_ending)
        is_due = self._is_urgent or time.monotonic() >= self._next_frame
        if self._unsent.has_sums and may_send and is_due:
            self._send()
        if not self._unsent.has_sums:
            self._is_urgent = False
        self._go_on(lookout)

    def _rest(self, now: float) -> float:
        """How many seconds nothing is due."""
        if self._socket is None:
            return max(0.0, self._next_try - now)
        if self._going:
            return max(0.0, self._last_went + _STALL_SECONDS - now)
        if self._unsent.has_sums and not self._unsent.has_frames:
            return 0.0 if self._is_urgent else max(0.0, self._next_frame - now)
        return 60.0

    def _go_on(self, lookout: Lookout) -> None:
        """Let go over the connection what it takes now, and never wait for it."""
        if self._socket is None:
            return
        now = time.monotonic()
        try:
            while self._going:
                first = self._going[0]
                if (went := self._socket.send(first)) < len(first):
                    self._going[0] = first[went:]
                else:
                    del self._going[0]
                self._last_went = now
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._break_off()
            return
        if self._going and now - self._last_went > _STALL_SECONDS:
            self._break_off()
            return
        lookout.watch(self._socket, to_write=bool(self._going))

    def _add_up(self) -> None:
        if calls := [self._calls.popleft() for _ in range(len(self._calls))]:
            self._dropped += self._unsent.add(calls)

    def _send(self) -> None:
        """Pack what was added up, and let it go."""
        for frame in self._unsent.pack():
            self._say(frame)
        self._next_frame = time.monotonic() + _PACE

    def _say(self, message: bytes) -> None:
        if self._socket is not None:  # else it goes with the next connection
            if not self._going:
                self._last_went = time.monotonic()
            self._going.append(memoryview(message))

    def _hear(self, source: socket.socket) -> None:
        try:
            piece = source.recv(1 << 16)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            piece = b""
        if not piece:
            self._break_off()
            return
        self._came += piece
        self._understand()

    def _understand(self) -> None:
        for kind, body in wire.frames(self._came, wire.MOST_UNKNOWN):
            if kind == wire.TAKEN:
                self._unsent.acknowledge(wire.number_of(body)[0])
            elif kind == wire.MARK:
                self._add_up()
                self._send()
                self._say(wire.frame(wire.MARKED, body))
            elif kind == wire.BYE:
                self._is_over = True
                self._give_up(self._why_over())
                return

    def _connect(self, lookout: Lookout) -> None:
        said = ""
        for address in self._addresses:
            if self._is_ending:
                return
            try:
                made, last, self._came = joined(
                    address, self._port, self._key, self._id, self._name
                )
            except (OSError, ValueError) as error:
                said = f"{address}: {error}"
                continue
            if self._is_ending:  # what it was for is given up
                made.close()
                return
            self._socket, self._pause = made, 0.0
            lookout.watch(made)
            self._unsent.acknowledge(last)
            for frame in self._unsent.frames:
                self._say(frame)
            self._understand()  # what came with the welcome, after which nothing may come for long
            return
        self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        self._next_try = time.monotonic() + self._pause
        if self._pause > 1.0:
            self._errors.note(
                ConnectionError(
                    f"the trainer can't be reached at port {self._port} ({said}): what is recorded "
                    "waits here, and is lost if this process ends before it can be"
                )
            )

    def _break_off(self) -> None:
        self._going.clear()
        if self._socket is not None:
            if self._lookout is not None:
                self._lookout.forget(self._socket)
            self._socket.close()
            self._socket = None
            self._pause, self._next_try = 0.0, time.monotonic() + _FIRST_PAUSE

    def _give_up(self, why: str) -> None:
        """Count and say what is lost."""
        with self._losing:
            if (waiting := self._waiting) <= 0:
                return
            self._dropped += waiting
            self._calls.clear()
            self._unsent.forget()
        self._errors.say_again()
        calls = wording.counted(waiting, "call")
        self._errors.note(RuntimeError(f"{calls} of Sender.record() are lost: {why}"))

    def _why_over(self) -> str:
        if not self._addresses:
            return (
                "this sender has no run: its Callback was closed, or belongs to another process or "
                "to a rank that writes nothing. What it is given is dropped. Take it from the "
                "Callback that writes, before the end"
            )
        return "the trainer has closed its run: what is recorded from now on is dropped"


def _end_all() -> None:
    until = time.monotonic() + _EXIT_SECONDS
    while _ending:
        link, _ = _ending.popitem()
        link.end(max(0.0, until - time.monotonic()))


_ending: dict[Link, None] = {}
_at_exit = AtExit(_end_all)
"""Registered anew for each link, so that all end before the run of a Callback that was made after
other runs."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ending.clear)
