"""Calls something as this process ends, in whatever way.

A child of multiprocessing that was forked ends without atexit.
"""

import atexit
import multiprocessing
import os
import weakref
from collections.abc import Callable
from multiprocessing.util import Finalize


class AtExit:
    """Calls a function as the process ends, if it was asked to; a forked child asks anew.

    Handlers run in the order from the last one that was registered to the first.

    Args:
        call: the function.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._is_due = False
        self._of_a_child: Finalize | None = None
        _all.add(self)

    def register(self) -> None:
        """Call it before all that has been registered so far, even if it was among that."""
        self.register_with_python()
        if multiprocessing.parent_process() is not None:
            if self._of_a_child is not None:
                self._of_a_child.cancel()
            self._of_a_child = Finalize(None, self._end, exitpriority=0)

    def register_with_python(self) -> None:
        """The same, for the end of Python alone."""
        self._is_due = True
        atexit.unregister(self._end)
        atexit.register(self._end)

    def _end(self) -> None:
        if self._is_due:  # a child that was spawned ends in both ways
            self._is_due = False
            self._call()

    def _in_forked_child(self) -> None:
        self._is_due = False
        self._of_a_child = None  # multiprocessing drops the parent's in its children


_all: "weakref.WeakSet[AtExit]" = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_all):
        each._in_forked_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
