"""A mark that threads wait for, and that an interrupt leaves whole."""

import queue
from contextlib import suppress


class Mark:
    """An event that a thread may wait for although it is interrupted.

    An interrupt within `threading.Event.wait` can leave its lock taken, and then `set` waits for
    ever: the writer would hang. A `SimpleQueue` takes no lock that an interrupt can leave taken.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        return self._is_set

    def set(self) -> None:
        self._is_set = True
        self._wake.put(None)

    def wait(self, timeout: float) -> bool:
        """Wait for `set`, in any number of threads; returns whether it came in time."""
        if not self._is_set:
            with suppress(queue.Empty):
                self._wake.get(timeout=max(0.0, timeout))
                self._wake.put(None)  # for who else waits
        return self._is_set
