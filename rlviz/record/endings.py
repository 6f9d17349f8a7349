"""How runs end: closed by their script, left open at exit, or in the memory of a forked child."""

import os
import sys
import time
import weakref
from collections.abc import Sequence

from rlviz import wording
from rlviz.record.account import Account
from rlviz.record.at_exit import AtExit
from rlviz.record.compute import Watched
from rlviz.record.deliveries import Deliveries
from rlviz.record.error_log import ErrorLog
from rlviz.record.recorder import Recorder
from rlviz.record.worker import Worker

_EXIT_SECONDS = 5.0
"""How long a script that ended without closing waits for its runs."""
_FIGURE_SECONDS = 1.0
"""How much longer for each further figure: one process draws them all in turn."""


class Ending:
    """The end of what one callback records.

    Args:
        recorder, worker, deliveries: what takes steps, what writes them, and what takes them on.
        account: the counts of steps.
        watched: the modules whose FLOPs are counted.
        error_log: told of calls that come too late.
        strict: whether failures are raised.

    Attributes:
        is_odd: whether a call has something to say or to raise; in the usual case it has not.
        is_forked: whether this is a forked child's copy, and the run is the parent's.
    """

    def __init__(
        self,
        recorder: Recorder,
        worker: Worker,
        deliveries: Deliveries,
        account: Account,
        watched: Sequence[Watched],
        error_log: ErrorLog,
        *,
        strict: bool,
    ) -> None:
        self._recorder = recorder
        self._worker = worker
        self._deliveries = deliveries
        self._account = account
        self._watched = watched
        self._error_log = error_log
        self._strict = strict
        self._closed: bool | None = None
        self._is_closing = self._said_late = self._success = False
        self.is_forked = False
        self.is_odd = strict

    def expect(self) -> None:
        """Close the run at exit if nobody does so before, and give it up in forked children."""
        _living.add(self)
        if not _open:  # anew: its place is before the handlers that were there earlier
            _at_exit.register()
        _open[self] = None

    def close_before_others(self) -> None:
        """At exit, close before whatever was begun since: a tracker ends its own runs then."""
        if self in _open:
            _at_exit.register_with_python()

    def close(self, timeout: float, *, success: bool) -> bool:
        """Write what is left; returns whether that took no more than `timeout` seconds.

        Calling it again does nothing and gives the same answer.
        """
        if self._closed is None and self.is_forked:
            self._closed = False  # the run is the parent's
        if self._closed is None:
            until = time.monotonic() + timeout
            self._begin_closing(timeout, success=success)
            self._end_closing(self._worker.await_close(timeout), until)
            self.raise_if_strict()
        return self._closed is True

    @property
    def is_closing(self) -> bool:
        """Whether the run is over, or about to be."""
        return self._is_closing

    def say_what_is_odd(self) -> None:
        """Say once what the user hardly means: going on after the end, or in a forked child. In the
        usual case nobody calls it, so it costs nothing."""
        if self.is_forked:
            self._say_once(
                "record() or on_step_end() came in a forked child: it is dropped, for the run is "
                "the parent's. Record by its sender: sender = viz.sender() before the fork."
            )
        elif self._is_closing:
            self._say_once(
                "record() or on_step_end() came after close(): it is dropped. Close at the end."
            )
        self.is_odd = self._strict or self.is_forked or self._is_closing
        self.raise_if_strict()

    def raise_if_strict(self) -> None:
        if self._strict and self._error_log.first is not None:
            raise self._error_log.first

    def _in_forked_child(self) -> None:
        """A child has the parent's memory but no writer thread: it drops what it is given."""
        self.is_forked = self.is_odd = True
        self._said_late = False
        self._recorder.in_forked_child()
        self._worker.in_forked_child()
        self._error_log.say_again()

    def _begin_closing(self, timeout: float, *, success: bool) -> None:
        """Let the writer end the run; after an interrupt it may be called again."""
        self._is_closing = self.is_odd = True
        self._success = success
        self._recorder.close()
        for watched in self._watched:
            watched.close()
        self._worker.begin_close(timeout, success=success)

    def _end_closing(self, all_written: bool, until: float) -> None:
        self._deliveries.begin_close(success=self._success)
        self._deliveries.await_close(max(0.0, until - time.monotonic()))
        self._closed = all_written
        _open.pop(self, None)
        _, _, _, queued = self._account.counts
        if queued and not all_written:
            late = wording.counted(queued, "step")
            self._error_log.say_again()
            self._error_log.note(
                TimeoutError(
                    f"close() ended while {late} still waited: the disk, or another rank, has not "
                    "answered in time. It waits longer as close(timeout=60)"
                )
            )

    def _say_once(self, words: str) -> None:
        if not self._said_late:
            self._said_late = True
            self._error_log.note(RuntimeError(words))


_living: "weakref.WeakSet[Ending]" = weakref.WeakSet()
_open: dict[Ending, None] = {}
"""Runs to be closed at exit, also those whose callback nobody holds."""


def _close_all() -> None:
    """Close what a script left open, side by side; a printed traceback means that it failed.

    Ctrl-C gives up the figures that are not drawn yet, and no row.
    """
    endings = [ending for ending in _open if not ending.is_forked]
    success = not hasattr(sys, "last_value")
    rows_until = time.monotonic() + _EXIT_SECONDS
    figures_until = rows_until + _FIGURE_SECONDS * (len(endings) - 1)
    interrupt: KeyboardInterrupt | None = None
    while endings:
        try:
            for ending in endings:
                ending._begin_closing(figures_until - time.monotonic(), success=success)
            for ending in endings:
                worker = ending._worker
                worker.await_close(max(0.0, rows_until - time.monotonic()))
                if worker.waits_for_figure:
                    worker.await_close(max(0.0, figures_until - time.monotonic()))
            for ending in endings:
                ending._deliveries.begin_close(success=success)
            for ending in endings:
                ending._deliveries.await_close(max(0.0, figures_until - time.monotonic()))
            break
        except KeyboardInterrupt as error:
            interrupt, figures_until = error, time.monotonic()
            for ending in endings:
                ending._worker.give_up_figure()
    for ending in endings:
        ending._end_closing(ending._worker.await_close(0.0), until=0.0)
    if interrupt is not None:
        raise interrupt
    for ending in endings:
        ending.raise_if_strict()


_at_exit = AtExit(_close_all)


def _after_fork() -> None:
    _open.clear()
    for ending in list(_living):
        ending._in_forked_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
