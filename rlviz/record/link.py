"""One process's way to the trainer: a thread that adds up what senders recorded, and sends it."""

import atexit
import hmac
import multiprocessing
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.util import Finalize

from rlviz import wording
from rlviz.record import wire
from rlviz.record.error_log import ErrorLog
from rlviz.record.measurement import Measurement
from rlviz.record.readings import Readings
from rlviz.record.step_sums import StepSums
from rlviz.record.wire import Place

_MOST_CALLS = 65_536
"""Calls that wait for the thread."""
_MOST_SUM_BYTES = 64_000_000
"""About what the sums of steps and episodes may take while the trainer can't be reached."""
_MOST_PLACES = 4_096
"""In one frame."""
_PACE = 0.1
"""Least seconds between two frames that the trainer did not ask for."""
_CONNECT_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_EXIT_SECONDS = 2.0
"""How long a process that ends waits for the trainer to take the last sums."""


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
        self._put = self._taken_off = self._delivered = self._dropped = 0
        self._sums: dict[Place, tuple[StepSums, int]] = {}
        """What is not sent yet, and of how many calls."""
        self._sum_bytes = 0
        self._unacknowledged: deque[tuple[int, bytes, int]] = deque()
        """Frames that were sent: number, bytes, calls."""
        self._number = 0
        self._socket: socket.socket | None = None
        self._came = bytearray()
        self._pause = 0.0
        self._next_try = self._next_frame = 0.0
        self._is_awake = self._is_over = self._is_urgent = self._is_ending = False
        self._errors = ErrorLog(see="Sender.health")
        self._readings = Readings(self._errors.note)
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._woken: socket.socket
        self._waker: socket.socket | None = None

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
        if self._thread is None:
            try:
                self._begin()
            except Exception as error:  # no descriptor or thread is left: the next call tries again
                self._errors.note(error)
        self._wake()

    def refuse(self, error: Exception) -> None:
        """Count a call that could not be kept."""
        self._put += 1
        self._dropped += 1
        self._errors.note(error)

    def flush(self, timeout: float) -> bool:
        """Wait until the trainer has what was recorded so far; returns whether it has."""
        until, dropped = time.monotonic() + timeout, self._dropped
        wanted = self._put - dropped
        while self._delivered < wanted and self._dropped == dropped:
            if time.monotonic() >= until:
                return False
            self._is_urgent = True
            self._wake()
            time.sleep(0.005)
        return self._dropped == dropped

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Calls that were made, delivered, that wait and that were dropped."""
        put, delivered, dropped = self._put, self._delivered, self._dropped
        return put, delivered, put - delivered - dropped, dropped

    def leave(self) -> None:
        """Let go of the sockets in a forked child, where they are the parent's."""
        if self._waker is not None:
            for owned in (self._socket, self._woken, self._waker):
                if owned is not None:
                    owned.close()

    def end(self, timeout: float) -> None:
        """Send what is left and say goodbye; say what is lost."""
        if self._thread is None or self._is_over:
            return
        if not self.flush(timeout if self._socket is not None else min(timeout, 0.5)):
            self._give_up("this process ended before the trainer could be reached")
        self._is_ending = True
        self._wake(even_awake=True)
        self._thread.join(_EXIT_SECONDS)

    def _begin(self) -> None:
        if not self._start.acquire(blocking=False):
            return  # another call is at it, perhaps one that this call interrupted
        try:
            if self._thread is None:
                if self._waker is None:
                    woken, waker = socket.socketpair()
                    woken.setblocking(False)
                    waker.setblocking(False)
                    self._woken, self._waker = woken, waker
                    self._is_awake = False  # whoever woke it before this woke nobody
                thread = threading.Thread(target=self._run, name="rlviz-sender", daemon=True)
                thread.start()
                self._thread = thread
                _end_at_exit(self)
        finally:
            self._start.release()

    def _wake(self, *, even_awake: bool = False) -> None:
        if not self._is_awake or even_awake:
            self._is_awake = True
            if self._waker is not None:
                with suppress(OSError):  # it is full, and so awake, or over
                    self._waker.send(b"\0")

    # Its thread does the rest.

    def _run(self) -> None:
        while not (self._is_over or self._is_ending):
            try:
                self._turn()
            except Exception as error:  # whatever it is, the rollout and its sums go on
                self._errors.note(error)
                self._break_off()
                time.sleep(0.1)
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendall(wire.frame(wire.BYE))
        self.leave()
        self._socket = None

    def _turn(self) -> None:
        now = time.monotonic()
        if self._socket is None and now >= self._next_try:
            self._connect()
        reading: list[socket.socket] = [self._woken]
        if self._socket is not None:
            reading.append(self._socket)
        ready = wait(reading, self._rest(now))  # which takes any descriptor, as select does not
        if self._woken in ready:
            self._is_awake = False  # before the queue is emptied: what comes then wakes again
            with suppress(BlockingIOError):
                self._woken.recv(4096)
        self._add_up()
        if self._socket is not None and self._socket in ready:
            self._hear(self._socket)
        may_send = self._socket is not None and not self._unacknowledged
        if self._sums and may_send and (self._is_urgent or time.monotonic() >= self._next_frame):
            self._send()
        if not self._sums:
            self._is_urgent = False

    def _rest(self, now: float) -> float:
        """How many seconds nothing is due."""
        if self._socket is None:
            return max(0.0, self._next_try - now)
        if self._sums and not self._unacknowledged:
            return 0.0 if self._is_urgent else max(0.0, self._next_frame - now)
        return 60.0

    def _add_up(self) -> None:
        calls = [self._calls.popleft() for _ in range(len(self._calls))]
        if not calls:
            return
        self._readings.fetch([brought for _, brought in calls])
        for place, brought in calls:
            sums, many = self._sums.get(place) or (StepSums(), 0)
            # Places that are known may take as much again, for what is added there grows little.
            if self._sum_bytes > (2 if many else 1) * _MOST_SUM_BYTES:
                self._dropped += 1
                self._errors.note(MemoryError("the trainer can't be reached, and memory is full"))
                continue
            before = sums.nbytes if many else 0
            try:
                sums.add(brought, self._readings.read)
            except Exception as error:  # the sums overflow a float
                self._errors.note(error)
            self._sum_bytes += sums.nbytes - before
            self._sums[place] = sums, many + 1
        self._readings.clear()

    def _send(self) -> None:
        """Send what was added up, in as many frames as it takes."""
        while self._sums:
            places = list(self._sums)[:_MOST_PLACES]
            part = [(place, *self._sums[place]) for place in places]
            message = wire.pack([(place, sums) for place, sums, _ in part])
            while len(message) + 16 > wire.MOST_BYTES and len(part) > 1:
                part = part[: len(part) // 2]
                message = wire.pack([(place, sums) for place, sums, _ in part])
            self._number += 1
            sent = wire.frame(wire.SUMS, wire.numbered(self._number, message))
            self._unacknowledged.append((self._number, sent, sum(many for *_, many in part)))
            for place, sums, _ in part:
                self._sum_bytes -= sums.nbytes
                del self._sums[place]
            self._say(sent)
        self._next_frame = time.monotonic() + _PACE

    def _say(self, message: bytes) -> None:
        if self._socket is None:
            return  # it goes with the next connection
        try:
            self._socket.sendall(message)
        except OSError:
            self._break_off()

    def _hear(self, source: socket.socket) -> None:
        try:
            piece = source.recv(1 << 16)
        except OSError:
            piece = b""
        if not piece:
            self._break_off()
            return
        self._came += piece
        for kind, body in wire.frames(self._came, wire.MOST_UNKNOWN):
            if kind == wire.TAKEN:
                self._acknowledge(wire.number_of(body)[0])
            elif kind == wire.MARK:
                self._add_up()
                self._send()
                self._say(wire.frame(wire.MARKED, body))
            elif kind == wire.BYE:
                self._is_over = True
                self._give_up(self._why_over())
                return

    def _acknowledge(self, number: int) -> None:
        while self._unacknowledged and self._unacknowledged[0][0] <= number:
            self._delivered += self._unacknowledged.popleft()[2]

    def _break_off(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._pause, self._next_try = 0.0, time.monotonic() + _FIRST_PAUSE

    def _give_up(self, why: str) -> None:
        """Count and say what is lost."""
        _, _, waiting, _ = self.counts
        if waiting > 0:
            self._dropped += waiting
            self._sums, self._sum_bytes = {}, 0
            self._calls.clear()
            self._unacknowledged.clear()
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

    # Connecting.

    def _connect(self) -> None:
        said = ""
        for address in self._addresses:
            try:
                self._socket = self._met(address)
            except (OSError, ValueError) as error:
                said = f"{address}: {error}"
                continue
            self._pause = 0.0
            for _, message, _ in list(self._unacknowledged):
                self._say(message)
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

    def _met(self, address: str) -> socket.socket:
        """A connection to the trainer, after both have proved that they hold the key.

        Raises:
            OSError, ValueError: there is none at this address.
        """
        made = socket.create_connection((address, self._port), timeout=_CONNECT_SECONDS)
        try:
            with suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._came = bytearray()
            theirs = self._next_of(made, wire.HELLO)
            own = secrets.token_bytes(wire.NONCE_BYTES)
            given = wire.proof(self._key, b"sender", theirs, own, self._id, self._name)
            made.sendall(wire.frame(wire.PROOF, own + self._id + given + self._name))
            body = self._next_of(made, wire.WELCOME)
            proof, rest = body[: wire.PROOF_BYTES], body[wire.PROOF_BYTES :]
            if not hmac.compare_digest(proof, wire.proof(self._key, b"trainer", own, theirs)):
                raise ValueError("what answers there is not the trainer")
            self._acknowledge(wire.number_of(rest)[0])
        except BaseException:
            made.close()
            raise
        return made

    def _next_of(self, source: socket.socket, expected: int) -> bytes:
        while True:
            for kind, body in wire.frames(self._came, wire.MOST_UNKNOWN):
                if kind != expected:
                    raise ValueError("what answers there is not the trainer")
                return body
            if not (piece := source.recv(4096)):
                raise ConnectionError("it hung up")
            self._came += piece


_ending: dict[Link, None] = {}
_finalizers: list[Finalize] = []


def _end_at_exit(link: Link) -> None:
    if not _ending:
        atexit.register(_end_all)
    if multiprocessing.parent_process() is not None and not _finalizers:  # it ends without atexit
        _finalizers.append(Finalize(None, _end_all, exitpriority=0))
    _ending[link] = None


def _end_all() -> None:
    until = time.monotonic() + _EXIT_SECONDS
    while _ending:
        link, _ = _ending.popitem()
        link.end(max(0.0, until - time.monotonic()))


def _after_fork() -> None:
    _ending.clear()
    _finalizers.clear()  # multiprocessing drops the parent's in its children


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
