"""What went wrong while recording: counted, and said without flooding the log."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

logger = logging.getLogger("rlviz")

_WARN_SECONDS = 60.0


class ErrorLog:
    """Counts what went wrong in the background and says it, at most once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: float | None = None
        self.errors = 0
        self.first: BaseException | None = None

    def say_again(self) -> None:
        """Say the next one however short ago the last one was."""
        self._said = None

    def note(self, error: BaseException) -> None:
        self.errors += 1
        self.first = self.first or error
        now = self._clock()
        if self._said is None or now - self._said >= _WARN_SECONDS:
            self._said = now
            with suppress(Exception):  # a handler or filter of the user's
                logger.warning(
                    "rlviz: %s: %s (training goes on; %d such so far, see Callback.health)",
                    type(error).__name__,
                    error,
                    self.errors,
                )
