"""Measurements' values as they are read from their devices: in one copy for many of them."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from rlviz.record.device import Deferred, fetch
from rlviz.record.measurement import Measurement

T = TypeVar("T")


class Readings:
    """What some measurements brought on devices, on the host.

    Args:
        on_error: told of a value that turned out wrong when it was read.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._fetched: dict[int, Any] = {}

    def fetch(self, items: Iterable[Any]) -> None:
        """Bring what is on a device to the host, in one copy per device; it waits for them."""
        waiting = [v for item in items if isinstance(item, Measurement) for v in item.deferred()]
        if not waiting:
            return
        try:
            self._fetched = dict(zip(map(id, waiting), fetch(waiting), strict=True))
        except Exception:
            for value in waiting:  # one by one: a bad value costs no good one
                try:
                    (self._fetched[id(value)],) = fetch([value])
                except Exception as error:
                    self._on_error(error)

    def read(self, value: T | Deferred[T]) -> T | None:
        """A value on the host; None if it could not be read."""
        if not isinstance(value, Deferred):
            return value
        if id(value) not in self._fetched:
            return None
        try:
            return value.read(self._fetched[id(value)])
        except Exception as error:
            self._on_error(error)
            return None

    def clear(self) -> None:
        self._fetched.clear()
