"""Streams a running run as JSON Lines: each step as soon as it is on disk."""

import os
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.export import formats
from rlviz.report.history.batches import CUT, DAMAGED, NEWER, UNREADABLE, FileDamage
from rlviz.report.history.files import Contents, RunReader
from rlviz.report.history.history import History
from rlviz.report.history.sessions import merge

Floats = NDArray[np.float64]

_REST = 9.0
"""Times as long as each of the last two looks took, so that looking takes a tenth of the time: with
something new, all that is known is merged anew. One alone that takes long is the first, or a burst.
"""


def follow(
    logdir: str | os.PathLike[str],
    stream: BinaryIO,
    *,
    poll_seconds: float = 0.25,
    until_idle: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> int:
    """Write the steps of a run as JSON Lines, first those that are there, then each as it comes.

    The lines are those of `rlviz.report.export.export`, but that each has only the columns that
    were known when its step was written. A line is never taken back, so this is what to make of
    them: first come the steps that stand now, each once, in order. New steps follow in the order in
    which they were recorded. A step that comes again makes its earlier line void: where a session
    goes back to a checkpoint, its lines have a higher "session", and all lines of lower ones at or
    beyond its first step are void. Rows of an earlier session that are void when they appear are
    not written.

    Ends at a KeyboardInterrupt. A run does not say that it has ended (a killed one can't), so the
    other end is `until_idle`.

    Args:
        logdir: a run directory; it need not hold any step yet.
        stream: binary and buffered; flushed after each look.
        poll_seconds: between two looks, > 0; more of a run so long that it would take over a tenth
            of a processor. Each reads what was appended, and no more.
        until_idle: end when this many seconds brought no new step; None: never.
        warn: told, in a sentence, of what can't be read.

    Returns:
        The number of lines.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: a time is out of range.
        OSError: the stream does not take it; a BrokenPipeError where nobody reads it any more.

    Example:
        >>> import io, tempfile, rlviz
        >>> logdir = tempfile.mkdtemp()
        >>> with rlviz.Callback(logdir, figure_seconds=None) as viz:
        ...     viz.on_step_end(1, metrics={"loss": 0.5})
        >>> lines = io.BytesIO()
        >>> follow(logdir, lines, until_idle=0)
        1
    """
    if not 0 < poll_seconds < float("inf"):
        raise ValueError(f"poll_seconds must be above 0, got {poll_seconds}. Usual: 0.25.")
    if until_idle is not None and not until_idle >= 0:
        raise ValueError(f"until_idle must be at least 0 seconds, got {until_idle}.")
    follower = Follower(logdir)
    written = 0
    cost = 0.0
    last = time.monotonic()
    try:
        while True:
            before, begin = cost, time.process_time()
            for lines in follower.new_lines(warn):
                stream.write(lines)
                written += lines.count(b"\n")
                last = time.monotonic()
            stream.flush()
            cost = time.process_time() - begin
            if until_idle is not None and time.monotonic() - last >= until_idle:
                return written
            time.sleep(max(poll_seconds, _REST * min(before, cost)))
    except KeyboardInterrupt:
        return written


class Follower:
    """The lines of a run, without what was handed out before; see `follow`.

    Args:
        logdir: a run directory.

    Raises:
        FileNotFoundError: there is no such directory.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        self._reader = RunReader(logdir, yet=" (yet)")
        self._seen: Contents | None = None
        self._told: dict[str, Floats] = {schema.STEP: np.empty(0)}
        """The rows as who reads the lines has them, one for each step, in their order."""
        self._warned: set[tuple[str, int, str]] = set()

    def new_lines(self, warn: Callable[[str], None] | None = None) -> Iterator[bytes]:
        """JSON Lines of the steps that came or changed since the last call, some at a time."""
        contents = self._reader.look()
        if contents is self._seen:
            return
        self._seen = contents
        if warn is not None:
            for damage in self._news(contents):
                warn(_sentence(damage))
        if contents.batches:
            merged = merge(contents.batches)
            yield from self._lines(merged.columns, np.argsort(merged.place))

    def _news(self, contents: Contents) -> Iterator[FileDamage]:
        """The damage that was not told yet, but for what is perhaps being written now."""
        sizes = {file.name: file.size for file in contents.files}
        for damage in contents.damage:
            key = damage.file, damage.offset, damage.kind
            is_awaited = damage.kind in (CUT, DAMAGED) and damage.end == sizes[damage.file]
            if not is_awaited and key not in self._warned:
                self._warned.add(key)
                yield damage

    def _lines(self, rows: dict[str, Floats], recorded: NDArray[np.int64]) -> Iterator[bytes]:
        """The lines that make what stands of what was told.

        Args:
            rows: those that stand, one for each step, in their order.
            recorded: which is the first that was recorded, and so on.
        """
        if not len(self._told[schema.STEP]):
            self._told = rows
            yield from _json_lines(rows)
            return
        # Twice at most: a session whose loop goes back voids rows that stand, which come again.
        while len(news := recorded[_are_new(rows, self._told)[recorded]]):
            lines = {name: values[news] for name, values in rows.items()}
            yield from _json_lines(lines)
            for number in np.unique(lines[schema.SESSION]):
                self._tell(_rows(lines, lines[schema.SESSION] == number), number)

    def _tell(self, lines: dict[str, Floats], session: float) -> None:
        """Make of some lines of a session what who reads them does."""
        told = self._told
        if session > told[schema.SESSION].max():
            told = _rows(told, told[schema.STEP] < lines[schema.STEP][0])
        both = {
            name: np.concatenate([_column(told, name), _column(lines, name)])
            for name in dict.fromkeys((*told, *lines))
        }
        _, from_behind = np.unique(both[schema.STEP][::-1], return_index=True)
        latest = len(both[schema.STEP]) - 1 - from_behind
        self._told = {name: values[latest] for name, values in both.items()}


def _are_new(rows: dict[str, Floats], told: dict[str, Floats]) -> NDArray[np.bool_]:
    """Which rows were not told, or not as they are; both have one for each step, in order."""
    at = np.minimum(
        np.searchsorted(told[schema.STEP], rows[schema.STEP]), len(told[schema.STEP]) - 1
    )
    same = np.ones(len(at), dtype=bool)
    for name, values in rows.items():
        before = _column(told, name)[at]
        same &= (values == before) | (np.isnan(values) & np.isnan(before))
    return ~same


def _column(rows: dict[str, Floats], name: str) -> Floats:
    return rows[name] if name in rows else np.full(len(rows[schema.STEP]), np.nan)


def _rows(rows: dict[str, Floats], which: NDArray[np.bool_]) -> dict[str, Floats]:
    return {name: values[which] for name, values in rows.items()}


def _json_lines(rows: dict[str, Floats]) -> Iterator[bytes]:
    for part in formats.blocks(History(rows), formats.TEXT_ROWS):
        yield formats.json_lines(part)


def _sentence(damage: FileDamage) -> str:
    if damage.kind in (NEWER, UNREADABLE):
        return f"{damage.file}: {damage.reason}"
    return (
        f"{damage.file}: {damage.length} bytes from byte {damage.offset} on can't be read "
        f"({damage.reason}). Steps may be missing here; see `rlviz doctor`."
    )
