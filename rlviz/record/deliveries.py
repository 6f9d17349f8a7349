"""All sinks of a run: who they are, and what they are given."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rlviz import wording
from rlviz.record.delivery import Delivery
from rlviz.record.figure_client import Illustration
from rlviz.record.rows import ClosedSteps
from rlviz.record.sink import Sink, SinkFigure, SinkRun

_VERBS = ("open", "rows", "figure", "close")


def check(also: Iterable[Sink]) -> tuple[Sink, ...]:
    """The sinks that a user gives.

    Raises:
        TypeError: one is no sink.
    """
    if isinstance(also, (str, bytes)) or not isinstance(also, Iterable):
        raise TypeError(
            f"also must be a list of sinks, got {wording.shown(also)}. For one: also=[sink]."
        )
    sinks = tuple(also)
    for sink in sinks:
        lacks = [verb for verb in _VERBS if not callable(getattr(sink, verb, None))]
        if lacks or isinstance(sink, type):
            has = "is a class; make an object of it" if isinstance(sink, type) else ""
            has = has or f"has no {wording.joined(lacks)}"
            raise TypeError(
                f"also must hold sinks, such as rlviz.sinks.WandB(), but {wording.shown(sink)} "
                f"{has}. A sink of your own has the methods of rlviz.sinks.Sink."
            )
    return sinks


class Deliveries:
    """The ways of a run to its sinks; each has a thread of its own, so none waits for another.

    Args:
        sinks: where the run goes.
        run: what they are told of it.
        say, count, opened: as in `Delivery`.
    """

    def __init__(
        self,
        sinks: Iterable[Sink],
        run: SinkRun,
        *,
        say: Callable[[str], None],
        count: Callable[[BaseException], None],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._all: list[Delivery] = []
        names: set[str] = set()
        for sink in sinks:
            base = type(sink).__name__
            name = next(n for k in range(1, 1000) if (n := base + f" {k}" * (k > 1)) not in names)
            names.add(name)
            self._all.append(Delivery(name, sink, run, say=say, count=count, opened=opened))

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def lost(self) -> int:
        """Rows that sinks did not take, counted for each sink."""
        return sum(way.lost for way in self._all)

    def offer(self, parts: Iterable[ClosedSteps]) -> None:
        """Let written rows be delivered; never waits."""
        for rows in parts:
            for way in self._all:
                way.offer(rows)

    def show(self, drawn: Illustration) -> None:
        """Let a figure be delivered; never waits."""
        figure = SinkFigure(drawn.step, drawn.figure_png, drawn.summary_markdown, drawn.curves)
        for way in self._all:
            way.show(figure)

    def state_dict(self) -> dict[str, str]:
        """By what each sink finds the run again, as far as that is known."""
        return {way.name: way.id for way in self._all if way.id is not None}

    def load_state_dict(self, state: Any) -> None:
        """Go on with the runs that a state tells of; what is no state of sinks is left alone."""
        found = state if isinstance(state, Mapping) else {}
        for way in self._all:
            if isinstance(found_by := found.get(way.name), str):
                way.resume(found_by)

    def begin_close(self, *, success: bool) -> None:
        """Let all sinks take what waits, and end; again, it changes nothing."""
        for way in self._all:
            way.begin_close(success=success)

    def await_close(self, timeout: float) -> None:
        """Wait for the end of all, no longer than `timeout` seconds."""
        until = time.monotonic() + timeout
        for way in self._all:
            way.await_close(max(0.0, until - time.monotonic()))
