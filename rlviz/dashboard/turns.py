"""Who may work at the same time: one thread for each run, and few for what takes long."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from rlviz.dashboard.query import QueryError


class Locks:
    """A lock for each name; any thread may ask. Those that nobody holds take no memory."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._finding = threading.Lock()

    def of(self, name: str) -> threading.Lock:
        with self._finding:
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = threading.Lock()
            return lock


class Counter:
    """One is served, a few wait in line, and all others are sent away with a sentence.

    Args:
        places: how many may be in line, with the one that is served.
        what: what they want, as the beginning of a sentence.
        retry_seconds: when those that are sent away may ask again.
    """

    def __init__(self, places: int, what: str, *, retry_seconds: int) -> None:
        self._places = places
        self._line = threading.BoundedSemaphore(places)
        self._served = threading.Lock()
        self._what = what
        self._retry_seconds = retry_seconds

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn.

        Raises:
            QueryError: 503, if all places are taken.
        """
        if not self._line.acquire(blocking=False):
            raise QueryError(
                f"{self._what}, and {self._places} are waiting already. Ask again in "
                f"{self._retry_seconds} seconds.",
                503,
                retry_seconds=self._retry_seconds,
            )
        try:
            with self._served:
                yield
        finally:
            self._line.release()
