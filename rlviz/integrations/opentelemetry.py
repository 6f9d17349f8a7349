"""OpenTelemetry: a span processor that records each trace as an episode when it is over.

What is recorded: the parallelism of each episode and, with `model`, the FLOPs of its model calls as
the phases `rollout` and `rollout_subagents`; what spans say by the conventions that
`rlviz.parallelism.read_spans` knows.

What can't be known: training steps and grades, which the trainer records itself; and that traces
are turns of one session, which `read_spans` tells of finished spans.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from rlviz.flops.language_model import LanguageModel
from rlviz.given import flag
from rlviz.parallelism.spans.episode import episodes
from rlviz.record.sender import Sender
from rlviz.requirement import needed

with needed("opentelemetry-sdk", "1.20", module=__name__, extra="opentelemetry"):
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

_log = logging.getLogger("rlviz")
_SHUTDOWN_SECONDS = 30.0
"""How long a shutdown waits for episodes that are being read."""
_SENDER_SECONDS = 2.0
"""And then for the trainer to take the last of them."""


class Recorder(Protocol):
    """A `Callback`, or what `Callback.sender` gives for other processes."""

    def record(self, **record: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class SpanHealth:
    """What became of the traces that a processor saw.

    Args:
        recorded: episodes that were recorded.
        without_flops: those of them whose FLOPs could not be told; the log says why.
        dropped: traces that were given up: too many spans were waiting for the end of theirs, or
            the processor was shut down before it.
        errors: traces that could not be read or recorded; the log says why.
    """

    recorded: int = 0
    without_flops: int = 0
    dropped: int = 0
    errors: int = 0


class RLVizSpanProcessor(SpanProcessor):  # type: ignore[misc, unused-ignore]  # it may be missing
    """Records episodes as they end: `provider.add_span_processor(RLVizSpanProcessor(viz))`.

    An episode is a trace, and over when none of its spans is running. It is read and recorded on a
    thread of the processor's own; what fails there is logged and counted, and never reaches the
    agents.

    Args:
        recorder: the run's `Callback`, or a sender of it where the agents run in another process.
        model: what the agents call, of `rlviz.flops.from_config`; None counts no FLOPs.
        subagents: models of frozen sub-agents by the name under which they are called, as of
            `RecordedEpisode.flops`.
        by_episode: pass `episode=` with the trace id, for a sender: the trainer then says in which
            step it counts, by `record(episodes=[…])`.
        max_spans: how many finished spans may wait for the end of their traces; beyond it the
            oldest trace is given up.

    Raises:
        ValueError: `max_spans` is less than 1.
        TypeError: `recorder` has no `record`.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        model: LanguageModel | None = None,
        subagents: Mapping[str, LanguageModel] | None = None,
        by_episode: bool = False,
        max_spans: int = 100_000,
    ) -> None:
        if not callable(getattr(recorder, "record", None)):
            raise TypeError(
                f"recorder must have record(), got {type(recorder).__name__}. Pass the run's "
                "Callback, or its viz.sender() to another process."
            )
        if max_spans < 1:
            raise ValueError(f"max_spans must be at least 1, got {max_spans}.")
        self._recorder = recorder
        self._model = model
        self._subagents = subagents
        self._by_episode = flag("by_episode", by_episode)
        self._max_spans = max_spans
        self._counts = dict.fromkeys(("recorded", "without_flops", "dropped", "errors"), 0)
        self._told: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        """What belongs to one process: a fork starts anew, for its parent records the rest."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._running: dict[int, int] = {}  # trace id -> spans that have not ended
        self._waiting: dict[int, list[ReadableSpan]] = {}  # oldest trace first
        self._given_up: set[int] = set()  # of those that run
        self._held = 0
        self._over: SimpleQueue[list[ReadableSpan] | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def health(self) -> SpanHealth:
        """What became of the traces so far."""
        return SpanHealth(**self._counts)

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Note that a span of a trace is running."""
        if self._process != os.getpid():
            self._begin()
        trace = span.context.trace_id
        with self._lock:
            self._running[trace] = self._running.get(trace, 0) + 1

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a finished span; the last of its trace ends the episode."""
        if self._process != os.getpid() or span.context is None:
            return  # it began before the fork, so the parent has it
        trace = span.context.trace_id
        with self._lock:
            if trace not in self._running:
                return  # it began before the processor was there
            self._running[trace] -= 1
            over = not self._running[trace]
            if trace not in self._given_up:
                self._waiting.setdefault(trace, []).append(span)
                self._held += 1
            if over:
                del self._running[trace]
                self._given_up.discard(trace)
                if spans := self._take(trace):
                    self._over.put(spans)
                    self._ensure_thread()
            while self._held > self._max_spans:
                self._give_up(next(iter(self._waiting)))

    def _take(self, trace: int) -> list[ReadableSpan]:
        spans = self._waiting.pop(trace, [])
        self._held -= len(spans)
        return spans

    def _give_up(self, trace: int) -> None:
        self._take(trace)
        self._given_up.add(trace)
        self._counts["dropped"] += 1
        self._tell(
            "a trace was given up: it was not over at the end, or when too many spans waited"
        )

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until all episodes that are over are recorded, and by a sender until the trainer has
        them; returns whether that is so."""
        until = time.monotonic() + timeout_millis / 1000
        if not self._is_all_recorded(timeout_millis / 1000):
            return False
        if isinstance(self._recorder, Sender) and self._counts["recorded"]:
            return self._recorder.flush(until - time.monotonic())
        return True

    def _is_all_recorded(self, seconds: float) -> bool:
        if self._process != os.getpid():
            return True
        with self._lock:
            if not self._ensure_thread():
                return self._over.empty()
        reached = threading.Event()
        self._over.put(reached)
        return reached.wait(seconds)

    def shutdown(self) -> None:
        """Record what is over, give up what is not. The run stays open: it is the trainer's."""
        self._is_all_recorded(_SHUTDOWN_SECONDS)
        with self._lock:
            for trace in list(self._waiting):
                self._give_up(trace)
            while self._thread is None and not self._over.empty():
                self._over.get()
                self._counts["dropped"] += 1
                self._tell("a trace was given up: there was no thread to read it, to the end")
        if isinstance(self._recorder, Sender):  # whose own end may have come before this one
            self._recorder.end_here(_SENDER_SECONDS)

    def _ensure_thread(self) -> bool:
        """Start the thread that records what is over, if there is need; returns whether it runs.
        Where no thread is left, the next call tries again."""
        if self._thread is None and not self._over.empty():
            thread = threading.Thread(target=self._work, name="rlviz-spans", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._tell(f"traces wait, for no thread can be started: {error}")
            else:
                self._thread = thread
        return self._thread is not None

    def _work(self) -> None:
        while True:
            spans = self._over.get()
            if isinstance(spans, threading.Event):
                spans.set()
                continue
            try:
                self._record(spans)
            except Exception as error:
                self._counts["errors"] += 1
                self._tell(f"a trace was not recorded: {error}")

    def _record(self, spans: list[ReadableSpan]) -> None:
        for episode in episodes(spans):
            record: dict[str, Any] = {"parallelism": episode}
            if self._model is not None:
                try:
                    record["flops"] = episode.flops(self._model, subagents=self._subagents)
                except ValueError as error:
                    self._counts["without_flops"] += 1
                    self._tell(f"FLOPs of an episode are not recorded: {error}")
            if self._by_episode:
                record["episode"] = episode.id
            self._recorder.record(**record)
            self._counts["recorded"] += 1

    def _tell(self, what: str) -> None:
        kind = what.partition(":")[0]
        if kind not in self._told:
            self._told.add(kind)
            _log.warning("%s (said once)", what)
