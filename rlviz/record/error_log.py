"""Counts what went wrong while recording, and logs it without flooding the log."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

logger = logging.getLogger("rlviz")

_WARN_SECONDS = 60.0


class ErrorLog:
    """Counts what went wrong in the background and logs it, at most once a minute.

    Args:
        clock: monotonic seconds.
        see: where the counts are.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, see: str = "Callback.health"
    ) -> None:
        self._see = see
        self._clock = clock
        self._said: float | None = None
        self.errors = 0
        self.first: BaseException | None = None

    def say_again(self) -> None:
        """Log the next error, however recent the last one is."""
        self._said = None

    def say(self, words: str) -> None:
        """Log what is odd but no error."""
        with suppress(Exception):  # the user's handler or filter may raise
            logger.warning("rlviz: %s", words)

    def count(self, error: BaseException) -> None:
        """Count a failure that somebody else tells of."""
        self.errors += 1
        self.first = self.first or error

    def note(self, error: BaseException) -> None:
        """Count a failure, and log it unless another one was logged within a minute."""
        self.count(error)
        now = self._clock()
        if self._said is None or now - self._said >= _WARN_SECONDS:
            self._said = now
            with suppress(Exception):  # the user's handler or filter may raise
                logger.warning(
                    "rlviz: %s: %s (training goes on; %d such so far, see %s)",
                    type(error).__name__,
                    error,
                    self.errors,
                    self._see,
                )
