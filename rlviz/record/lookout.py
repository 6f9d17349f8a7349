"""Where a thread waits for its sockets, until one is ready or another thread wakes it."""

import selectors
import socket
from contextlib import suppress

_ALL = 1 << 16


class Lookout:
    """The sockets that one thread waits for. Any thread may wake it, and a signal handler too.

    It holds all its descriptors from the beginning, so a thread that has one can wait.

    Raises:
        OSError: no descriptor is left. Then it holds none.
    """

    def __init__(self) -> None:
        self._woken, self._waker = socket.socketpair()
        try:
            for end in (self._woken, self._waker):
                end.setblocking(False)
            self._selector = selectors.DefaultSelector()  # which takes any descriptor
            self._selector.register(self._woken, selectors.EVENT_READ)
        except BaseException:
            self._woken.close()
            self._waker.close()
            raise
        self._is_awake = False

    def wake(self, *, even_awake: bool = False) -> None:
        """Let the thread look at what there is to do now; never waits.

        Args:
            even_awake: whether to do so although somebody has, who may have been interrupted.
        """
        if not self._is_awake or even_awake:
            self._is_awake = True
            with suppress(OSError):  # it is full, and so awake, or over
                self._waker.send(b"\0")

    def watch(self, of: socket.socket, *, to_write: bool = False) -> None:
        """Wait from now on for what comes over a socket, and for room to write if there is need."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if to_write else 0)
        known = self._selector.get_map().get(of)
        if known is None:
            self._selector.register(of, events)
        elif known.events != events:
            self._selector.modify(of, events)

    def forget(self, of: socket.socket) -> None:
        """Wait no longer for a socket that is not closed yet; nothing if it is not waited for."""
        with suppress(KeyError, ValueError, OSError):
            self._selector.unregister(of)

    def wait(self, seconds: float) -> list[tuple[socket.socket, bool, bool]]:
        """Wait until there is something to do, no longer than so many seconds.

        Returns:
            Sockets that are ready: each with whether it can be read, and whether written to. Who
            then takes what was queued has all that was queued before a wake.
        """
        ready: list[tuple[socket.socket, bool, bool]] = []
        for key, events in self._selector.select(seconds):
            of: socket.socket = key.fileobj  # type: ignore[assignment]  # `watch` takes no others
            if of is not self._woken:
                reads, writes = events & selectors.EVENT_READ, events & selectors.EVENT_WRITE
                ready.append((of, bool(reads), bool(writes)))
                continue
            with suppress(BlockingIOError):
                self._woken.recv(_ALL)
            self._is_awake = False  # last: who came before it and sent nothing has queued already
        return ready

    def close(self) -> None:
        """Let go of its own descriptors, also of those that a forked child has from its parent."""
        self._selector.close()
        self._woken.close()
        self._waker.close()
