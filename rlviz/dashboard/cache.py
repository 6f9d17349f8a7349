"""Keeps what was computed last, up to a number of bytes; from any thread."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Cache(Generic[Kept]):
    """The values used last, whose sizes add up to a budget; a larger one stays alone.

    Args:
        budget_bytes: what all values may take.
        size: of a value, in bytes.
    """

    def __init__(self, budget_bytes: int, size: Callable[[Kept], int]) -> None:
        self._budget = budget_bytes
        self._size = size
        self._values: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.nbytes = 0
        """What they take now."""

    def get(self, key: Hashable) -> Kept | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Kept) -> None:
        size = self._size(value)
        with self._lock:
            self._remove(key)
            self._values[key] = value, size
            self.nbytes += size
            while self.nbytes > self._budget and len(self._values) > 1:
                self._remove(next(iter(self._values)))

    def remove(self, key: Hashable) -> None:
        with self._lock:
            self._remove(key)

    def computed(self, key: Hashable, compute: Callable[[], Kept]) -> Kept:
        """The value of a key, computed where it is not there. Two threads may both compute it."""
        found = self.get(key)
        if found is None:
            found = compute()
            self.put(key, found)
        return found

    def _remove(self, key: Hashable) -> None:
        _, size = self._values.pop(key, (None, 0))
        self.nbytes -= size
