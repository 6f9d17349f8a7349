"""Names that are remembered in bounded memory; those are forgotten that were put longest ago."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

_BYTES = 300
"""About what a name takes beside its letters."""


class Names(Generic[T]):
    """What is known by a name.

    Args:
        byte_limit: what they may take; beyond it those are forgotten that were put longest ago.

    Example:
        >>> names = Names(1_000)
        >>> for name in ("a", "b", "c", "d"):
        ...     names.put(name, 1)
        >>> "a" in names, names.get("d"), names.nbytes
        (False, 1, 903)
    """

    def __init__(self, byte_limit: int) -> None:
        self._limit = byte_limit
        self._known: OrderedDict[str, T] = OrderedDict()
        self.nbytes = 0

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def get(self, name: str) -> T | None:
        """What is known by a name; None if it is not remembered."""
        return self._known.get(name)

    def put(self, name: str, value: T) -> None:
        """Remember something by a name, or something else than before."""
        if name not in self._known:
            self.nbytes += _BYTES + len(name)
        self._known[name] = value
        self._known.move_to_end(name)
        while self.nbytes > self._limit:
            oldest, _ = self._known.popitem(last=False)
            self.nbytes -= _BYTES + len(oldest)
