"""The figure process as the training process sees it, which asks now and then and never waits.

A figure costs about a quarter of a second of CPU. A thread of the training process would hold the
GIL for as long, so a helper process draws it and reads the run directory like any reader. The
helper starts as a module, because multiprocessing's spawn would run a training script without a
`__main__` guard a second time.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import rlviz

FIGURE_PROCESS = (sys.executable, "-m", "rlviz.report.figure_process")
_MAX_SHARE = 0.01
"""From the second one on, live figures may cost this fraction of the run's wall time."""
_MAX_FAILURES = 3
_MAX_SECONDS = 120.0
"""Seconds after which a figure counts as hung."""


@dataclass(frozen=True, slots=True)
class Illustration:
    """What the helper made of the run as it was then."""

    figure_png: bytes
    summary_markdown: str
    step: int


class FigureClient:
    """Asks a helper process for the figure and the summary of a run.

    Args:
        logdir: the run directory.
        figure_seconds: least time between two live figures.
        on_error: told in words when a figure could not be drawn.
        command: starts the process that draws, as `rlviz.report.figure_process` describes it.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        logdir: Path,
        *,
        figure_seconds: float,
        on_error: Callable[[Exception], None],
        command: Sequence[str] = FIGURE_PROCESS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logdir = logdir
        self._figure_seconds = figure_seconds
        self._on_error = on_error
        self._command = command
        self._clock = clock
        self._started = self._last = clock()
        self._cost = 0.0
        self._busy = False
        self._failures = 0
        self._requests: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Illustration | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def due(self) -> bool:
        """Whether it is time for another live figure; also ends a helper that hangs."""
        now = self._clock()
        if self._busy and now - self._last > _MAX_SECONDS and self._process is not None:
            self._process.kill()  # the waiting thread then reads an end of file
        return (
            not self._busy
            and self._failures < _MAX_FAILURES
            and now - self._last >= self._figure_seconds
            and self._cost <= _MAX_SHARE * (now - self._started)
        )

    def request(self) -> None:
        """Ask for an illustration of what is on disk now; returns at once."""
        self._busy = True
        self._last = self._clock()
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="rlviz-figure", daemon=True)
            self._thread.start()
        self._requests.put(True)

    @property
    def busy(self) -> bool:
        """Whether an answer is outstanding."""
        return self._busy

    def take(self, timeout: float = 0.0) -> Illustration | None:
        """The answer; None while it is outstanding, or when drawing failed."""
        if not self._busy:
            return None
        try:
            answer = self._answers.get(timeout=timeout) if timeout else self._answers.get_nowait()
        except queue.Empty:
            return None
        self._busy = False
        return answer

    def stop(self) -> None:
        """End the helper process, even in the middle of a figure."""
        self._failures = _MAX_FAILURES
        self._requests.put(False)
        process = self._process
        if process is not None:
            process.kill()

    def _serve(self) -> None:
        """Wait for the helper, in a separate thread, so that nobody else has to."""
        while self._requests.get():
            answer = None
            try:
                answer = self._ask()
                self._failures = 0
            except Exception as error:
                if self._failures < _MAX_FAILURES:  # stopping on purpose is no failure
                    self._failures += 1
                    self._on_error(error)
                self._end_process()
            self._answers.put(answer)
        self._end_process()

    def _ask(self) -> Illustration | None:
        if self._process is None:
            self._process = self._start()
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"run": str(self._logdir)}).encode() + b"\n")
        stdin.flush()
        header = stdout.readline()
        if not header:
            raise RuntimeError("the process that draws the figures ended by itself")
        reply = json.loads(header)
        figure = stdout.read(reply["figure_bytes"])
        summary = stdout.read(reply["summary_bytes"])
        self._cost += float(reply["cpu_seconds"])
        if reply["error"]:
            raise RuntimeError(f"the figure could not be drawn: {reply['error']}")
        return Illustration(figure, summary.decode(), reply["step"]) if figure else None

    def _start(self) -> "subprocess.Popen[bytes]":
        package_root = str(Path(rlviz.__file__).resolve().parent.parent)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [package_root, os.getenv("PYTHONPATH")])),
            "PYTHONSAFEPATH": "1",  # a script's folder may hold its own statistics.py
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
        process, self._process = self._process, None
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
