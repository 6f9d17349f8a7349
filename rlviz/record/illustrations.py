"""The figures and summaries of a run, from the process that draws them to the rows' file."""

import time
from collections.abc import Callable

from rlviz import schema
from rlviz.record import events
from rlviz.record.account import Account
from rlviz.record.assembly import Assembly
from rlviz.record.figure_client import FigureClient, Illustration


class Illustrations:
    """Asks for figures as steps are written, and hands them on to be written themselves.

    Only the writer thread uses it, but for `is_drawing_last`, `give_up` and `stop`.

    Args:
        client: has them drawn.
        assembly: takes them.
        account: tells how many steps were written.
        on_error: told of a last figure that is not ready in time.
        show: given each figure.
    """

    def __init__(
        self,
        client: FigureClient,
        assembly: Assembly,
        account: Account,
        *,
        on_error: Callable[[Exception], None],
        show: Callable[[Illustration], None] = lambda illustration: None,
    ) -> None:
        self._client = client
        self._assembly = assembly
        self._account = account
        self._on_error = on_error
        self._show = show
        self._asked_of = self._drawn = 0
        """How many steps were written when the last figure was asked for; those that it shows."""
        self.is_drawing_last = False
        """Whether the last figure is all that the run waits for."""

    def look(self) -> None:
        """Pick up a finished figure, and ask for the next one when it is due."""
        self._keep(self._client.take())
        if self._written > self._asked_of and self._client.due():
            self._ask()

    def draw_last(self, deadline: float) -> bool:
        """Have all steps drawn that were written; returns whether that is done by a time."""
        self.is_drawing_last = True
        is_drawn = self._await_last(deadline)
        if self._client.busy:  # a failed figure has been logged already
            self._on_error(
                TimeoutError(
                    "the last figure and summary were not ready in time. Draw them with "
                    "`rlviz plot` and `rlviz summary`, or wait longer: close(timeout=60)."
                )
            )
        return is_drawn

    def give_up(self) -> None:
        """Go on without the figure that is waited for; from another thread."""
        self._client.give_up()

    def stop(self) -> None:
        """Ask for no more figures, and wait for none."""
        self._client.stop()

    @property
    def _written(self) -> int:
        return self._account.passed.written

    def _ask(self) -> None:
        self._asked_of = self._written
        self._client.request()

    def _keep(self, illustration: Illustration | None) -> None:
        if illustration is not None:
            self._drawn = self._asked_of
            now, step = time.time(), illustration.step
            told = [
                events.figure(now, step, illustration.figure_png),
                events.text(now, step, schema.SUMMARY_TAG, illustration.summary_markdown),
            ]
            self._assembly.illustrate(told)
            self._show(illustration)

    def _await_last(self, deadline: float) -> bool:
        if self._client.busy:  # a live one is under way, which may lack the last steps
            self._keep(self._client.take(max(0.001, deadline - time.monotonic())))
        if self._client.busy:
            return False
        if self._drawn == self._written:
            return True
        self._ask()
        illustration = self._client.take(max(0.001, deadline - time.monotonic()))
        self._keep(illustration)
        return illustration is not None
