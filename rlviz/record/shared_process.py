"""The helper process that draws for all callbacks of a process, there only while it is needed.

It starts with the first request, draws one figure after the other, and ends when nobody has asked
for a while, when the last callback has left, and with this process, however that dies. A
figure costs about a quarter of a second of CPU, and the start a whole one: so a figure that nobody
waits for any more is drawn to its end, for the next one would come later still if the helper had to
start again. A thread of the training process would hold the GIL for as long. The helper starts as a
module, because multiprocessing's spawn would run a training script without a `__main__` guard a
second time.
"""

import json
import os
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rlviz
from rlviz.own_process import command_of
from rlviz.record.mark import take
from rlviz.record.sink import SinkCurve

FIGURE_PROCESS = command_of("rlviz.report.figure_process")
_IDLE_SECONDS = 120.0
"""The helper ends when nobody has asked for so long: it takes some 150 MB."""
_HUNG_SECONDS = 20.0
"""A figure that nobody waits for any more and that takes longer is given up with its helper."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the helper made of a run."""

    figure_png: bytes
    summary_markdown: str
    step: int
    cpu_seconds: float
    error: str
    """In words, what went wrong; empty if nothing did."""
    curves: Mapping[str, SinkCurve] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Request:
    """A figure that somebody waits for."""

    user: object
    logdir: Path
    answer: "Callable[[Answer | Exception], None]"
    with_curves: bool = False
    is_drawn: bool = False
    """Whether the helper works on it now."""
    is_cancelled: bool = False


class SharedProcess:
    """Serves requests of any number of users in turn, with one helper process.

    Args:
        command: starts the helper, as `rlviz.report.figure_process` describes it.
        idle_seconds: the helper ends after so long without a request.
        hung_seconds: how long a figure may still be drawn once it is cancelled.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        idle_seconds: float = _IDLE_SECONDS,
        hung_seconds: float = _HUNG_SECONDS,
    ) -> None:
        self._command = command
        self._idle_seconds = idle_seconds
        self._hung_seconds = hung_seconds
        self._lock = threading.RLock()  # held only to look and to change, never while waiting
        self._users: set[object] = set()
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.process: subprocess.Popen[bytes] | None = None
        """The helper while there is one."""

    def enter(self, user: object) -> None:
        """Count somebody who may ask, until it leaves; the helper starts with the first request."""
        with self._lock:
            self._users.add(user)

    def ask(
        self,
        user: object,
        logdir: Path,
        answer: "Callable[[Answer | Exception], None]",
        *,
        with_curves: bool = False,
    ) -> Request:
        """Ask for a figure of what is on disk then; returns at once.

        Args:
            user: who asks.
            logdir: the run directory.
            answer: called in another thread with what came of it, unless the request is cancelled.
            with_curves: whether the numbers of the curves are wanted too.

        Raises:
            RuntimeError: no thread is left. Nothing was asked for; a later call tries again.
        """
        request = Request(user, logdir, answer, with_curves)
        with self._lock:
            self._users.add(user)
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="rlviz-figure", daemon=True)
                thread.start()  # it waits for the lock, and finds the request
                self._thread = thread
            self._waiting.append(request)
        self._wake.put(None)
        return request

    def cancel(self, request: Request, *, is_hung: bool = False) -> None:
        """Tell nobody of it, and draw it no more; what is drawn already has some time to end.

        Args:
            request: what `ask` returned.
            is_hung: whether it has had that time.
        """
        with self._lock:
            request.is_cancelled = True
            is_drawn = request is self._current
        if not is_drawn:
            return
        if is_hung or not self._hung_seconds:
            self._end_hung(request)
            return
        later = threading.Timer(self._hung_seconds, self._end_hung, [request])
        later.daemon = True
        try:
            later.start()
        except RuntimeError:  # the interpreter ends, and starts no thread any more
            self._end_hung(request)

    def _end_hung(self, request: Request) -> None:
        with self._lock:
            if request is self._current and self.process is not None:
                self.process.kill()  # the thread that waits for it then reads an end of file

    def leave(self, user: object) -> None:
        """Ask no more; the helper ends with its last user."""
        with self._lock:
            self._users.discard(user)
        self._wake.put(None)

    def _serve(self) -> None:
        """Wait for the helper, in a separate thread, so that nobody else has to."""
        while (request := self._next()) is not None:
            try:
                answer: Answer | Exception = self._draw(request)
            except Exception as error:
                answer = error
                self._end_process()
            with self._lock:
                self._current, request.is_drawn = None, False
            if not request.is_cancelled:
                request.answer(answer)

    def _next(self) -> Request | None:
        """The next request; None when it is time to end."""
        is_idle = False
        while True:
            with self._lock:
                while self._waiting:
                    self._current = self._waiting.popleft()
                    if not self._current.is_cancelled:
                        self._current.is_drawn = True
                        return self._current
                self._current = None
                if is_idle or not self._users:
                    self._thread = None  # whoever asks from now on starts another
                    process, self.process = self.process, None
                    break
            try:
                take(self._wake, self._idle_seconds)
            except queue.Empty:
                is_idle = True
        _end(process)
        return None

    def _draw(self, request: Request) -> Answer:
        process = self.process or self._start()
        with self._lock:
            self.process = process
            if request.is_cancelled:
                raise RuntimeError("nobody waits for this figure any more")
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        asked: dict[str, object] = {"run": str(request.logdir), "parent": os.getpid()}
        if request.with_curves:
            asked["curves"] = True
        stdin.write(json.dumps(asked).encode() + b"\n")
        stdin.flush()
        header = stdout.readline()
        if not header:
            raise RuntimeError("the process that draws the figures ended by itself")
        reply = json.loads(header)
        figure = stdout.read(reply["figure_bytes"])
        summary = stdout.read(reply["summary_bytes"]).decode()
        curves = {name: SinkCurve(**curve) for name, curve in reply.get("curves", {}).items()}
        return Answer(
            figure, summary, reply["step"], float(reply["cpu_seconds"]), reply["error"], curves
        )

    def _start(self) -> "subprocess.Popen[bytes]":
        package_root = str(Path(rlviz.__file__).resolve().parent.parent)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [package_root, os.getenv("PYTHONPATH")])),
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "agg",
        }
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the training script
        )

    def _end_process(self) -> None:
        with self._lock:
            process, self.process = self.process, None
        _end(process)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None:
        return
    for pipe in (process.stdin, process.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except OSError:
            pass  # a dead helper needs no buffered bytes
    process.kill()
    process.wait()


_shared: dict[tuple[str, ...], SharedProcess] = {}
_of_the_parent: list[SharedProcess] = []
"""In a forked child, what it must not touch: dropping it would close pipes and reap nobody."""


def shared(command: Sequence[str]) -> SharedProcess:
    """The one of this process that works by this command."""
    return _shared.setdefault(tuple(command), SharedProcess(command))


def _after_fork() -> None:
    _of_the_parent.extend(_shared.values())
    _shared.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
