"""A mark that threads wait for, and that an interrupt leaves whole."""

import queue
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


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
                take(self._wake, timeout)
                self._wake.put(None)  # for who else waits
        return self._is_set


def take(items: "queue.SimpleQueue[T]", timeout: float) -> T:
    """The first item of a queue, waited for no longer than `timeout` seconds; may be negative.

    `SimpleQueue.get(timeout=…)` of Python 3.10 waits for ever where its time is over before it
    waits, which a busy machine makes of any timeout. It does not where a look found nothing before.

    Raises:
        queue.Empty: none came in time.
    """
    with suppress(queue.Empty):
        return items.get_nowait()
    if timeout <= 0:
        raise queue.Empty
    return items.get(timeout=timeout)
