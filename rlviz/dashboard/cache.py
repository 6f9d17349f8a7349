"""Keeps the latest computed values, up to a number of bytes; any thread may use it."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Cache(Generic[Kept]):
    """The last used values whose sizes fit into a budget; a larger value stays alone.

    Args:
        budget_bytes: the bytes that all values may take together.
        size: gives the size of a value, in bytes.
    """

    def __init__(self, budget_bytes: int, size: Callable[[Kept], int]) -> None:
        self._budget = budget_bytes
        self._size = size
        self._values: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()
        self._lock = threading.Lock()
        self.nbytes = 0
        """Bytes that the values take now."""

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
        """The value of a key, computed if it is missing. Two threads may both compute it."""
        found = self.get(key)
        if found is None:
            found = compute()
            self.put(key, found)
        return found

    def _remove(self, key: Hashable) -> None:
        _, size = self._values.pop(key, (None, 0))
        self.nbytes -= size
