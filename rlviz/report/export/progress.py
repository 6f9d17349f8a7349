"""The progress of a long piece of work: an optional bar in the terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TextIO

Progress = Callable[[int, int], None]
"""Called with the number of rows done and the number of all rows."""


@contextmanager
def bar(
    label: str,
    *,
    stream: TextIO | None = None,
    after_seconds: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Show a bar in the terminal while something takes longer than a moment.

    Args:
        label: what is being done.
        stream: where to show it, if it is a terminal, else nothing is shown; by default
            `sys.stderr`.
        after_seconds: how long the work must have taken before a bar is shown.
        clock: tells the time in seconds.

    Yields:
        A function to call with the number of rows done and the number of all rows.
    """
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield _unseen
        return
    begin = clock()
    with ExitStack() as shown:
        show: Progress | None = None

        def tell(done: int, rows: int) -> None:
            nonlocal show
            if show is None and done < rows and clock() - begin >= after_seconds:
                show = _rich_bar(label, stream, shown)
            if show is not None:
                show(done, rows)

        yield tell


def _unseen(done: int, rows: int) -> None:
    """Nobody looks."""


def _rich_bar(label: str, stream: TextIO, shown: ExitStack) -> Progress:
    from rich import progress
    from rich.console import Console

    display = shown.enter_context(
        progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            console=Console(file=stream),
            transient=True,
        )
    )
    task = display.add_task(label)
    return lambda done, rows: display.update(task, completed=done, total=rows)
