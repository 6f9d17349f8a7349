"""When a run's figures are drawn: asked for now and then, and never waited for.

Who draws is `rlviz.record.shared_process`.
"""

import queue
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rlviz.record.mark import take
from rlviz.record.shared_process import Answer, Request, SharedProcess
from rlviz.record.sink import SinkCurve

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
    curves: Mapping[str, SinkCurve] = field(default_factory=dict)
    """By the name of the metric; none unless the client asks for them."""


class FigureClient:
    """Asks a helper process for the figure and the summary of a run.

    Args:
        logdir: the run directory.
        figure_seconds: least time between two live figures.
        on_error: told in words when a figure could not be drawn.
        process: draws them.
        with_curves: whether to ask for the numbers of the curves too.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        logdir: Path,
        *,
        figure_seconds: float,
        on_error: Callable[[Exception], None],
        process: SharedProcess,
        with_curves: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logdir = logdir
        self._figure_seconds = figure_seconds
        self._on_error = on_error
        self._process = process
        self._with_curves = with_curves
        process.enter(self)
        self._clock = clock
        self._started = self._last = clock()
        self._cost = 0.0
        self._request: Request | None = None
        self._drawn_since: float | None = None
        self._failures = 0
        self._answers: queue.SimpleQueue[Answer | Exception | None] = queue.SimpleQueue()

    def due(self) -> bool:
        """Whether it is time for another live figure; also ends a helper that hangs."""
        now = self._clock()
        if self._request is not None:
            self._end_if_hung(self._request, now)
        return (
            self._request is None
            and self._failures < _MAX_FAILURES
            and now - self._last >= self._figure_seconds
            and self._cost <= _MAX_SHARE * (now - self._started)
        )

    def _end_if_hung(self, request: Request, now: float) -> None:
        if not request.is_drawn:  # it waits for its turn
            return
        if self._drawn_since is None:
            self._drawn_since = now
        if now - self._drawn_since > _MAX_SECONDS:
            self._process.cancel(request, is_hung=True)
            self._answers.put(TimeoutError(f"no figure was drawn within {_MAX_SECONDS:.0f} s"))

    def request(self) -> None:
        """Ask for an illustration of what is on disk now; returns at once."""
        self._last = self._clock()
        self._drawn_since = None
        self._request = self._process.ask(
            self, self._logdir, self._answers.put, with_curves=self._with_curves
        )

    @property
    def busy(self) -> bool:
        """Whether an answer is outstanding."""
        return self._request is not None

    def take(self, timeout: float = 0.0) -> Illustration | None:
        """The answer; None while it is outstanding, or when drawing failed."""
        if self._request is None:
            return None
        try:
            answer = take(self._answers, timeout)
        except queue.Empty:
            return None
        if answer is None:  # it was given up
            return None
        self._request = None
        if isinstance(answer, Answer):
            self._cost += answer.cpu_seconds
            if not answer.error:
                self._failures = 0
                return Illustration(
                    answer.figure_png, answer.summary_markdown, answer.step, answer.curves
                )
            answer = RuntimeError(f"the figure could not be drawn: {answer.error}")
        self._failures += 1
        self._on_error(answer)
        return None

    def give_up(self) -> None:
        """Let whoever waits for an answer go on without it; from another thread."""
        self._failures = _MAX_FAILURES
        self._answers.put(None)

    def stop(self) -> None:
        """Ask for no more figures, and wait for none."""
        self._failures = _MAX_FAILURES
        if self._request is not None:
            self._process.cancel(self._request)
        self._process.leave(self)
