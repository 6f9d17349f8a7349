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
"""The pause lasts this many times the shorter of the last two looks, so looking takes a tenth of
the time: after new rows, all known rows are merged again. A single slow look is the first one or a
burst.
"""


def follow(
    logdir: str | os.PathLike[str],
    stream: BinaryIO,
    *,
    poll_seconds: float = 0.25,
    until_idle: float | None = None,
    warn: Callable[[str], None] | None = None,
) -> int:
    """Write the steps of a run as JSON Lines: first the existing ones, then each new one as it
    comes.

    The lines are those of `rlviz.report.export.export`, except that each has only the columns that
    were known when its step was written. A line is never taken back, so read them as follows. First
    come the steps that stand now, each once, in order. New steps follow in the order in which they
    were recorded. A step that comes again voids its earlier line. Where a session goes back to a
    checkpoint, its lines have a higher "session", and they void all lines of lower sessions at or
    beyond its first step. Rows of an earlier session that are already void when they appear are not
    written.

    It ends at a KeyboardInterrupt or after `until_idle`: a run does not say that it has ended (a
    killed one can't).

    Args:
        logdir: a run directory; it need not hold any step yet.
        stream: binary and buffered; flushed after each look.
        poll_seconds: seconds between two looks, > 0; longer if a run is so long that looking would
            take over a tenth of a processor. Each look reads only what was appended.
        until_idle: end after this many seconds without a new step; None: never.
        warn: called with a sentence about anything that can't be read.

    Returns:
        The number of lines.

    Raises:
        FileNotFoundError: there is no such directory.
        ValueError: a time is out of range.
        OSError: the stream fails; a BrokenPipeError if nobody reads it anymore.

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
    """The lines of a run that were not handed out before; see `follow`.

    Args:
        logdir: a run directory.

    Raises:
        FileNotFoundError: there is no such directory.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        self._reader = RunReader(logdir, yet=" (yet)")
        self._seen: Contents | None = None
        self._told: dict[str, Floats] = {schema.STEP: np.empty(0)}
        """The rows as the reader of the lines has them, one for each step, in order."""
        self._warned: set[tuple[str, int, str]] = set()

    def new_lines(self, warn: Callable[[str], None] | None = None) -> Iterator[bytes]:
        """JSON Lines of the steps that are new or changed since the last call, in parts."""
        contents = self._reader.look()
        if contents is self._seen:
            return
        self._seen = contents
        if warn is not None:
            for damage in self._news(contents):
                warn(_sentence(damage))
        if contents.batches:
            merged = merge(contents.batches)
            yield from self._lines(dict(merged.columns), np.argsort(merged.places()))

    def _news(self, contents: Contents) -> Iterator[FileDamage]:
        """The damage not told yet, except damage that may be a record being written now."""
        sizes = {file.name: file.size for file in contents.files}
        for damage in contents.damage:
            key = damage.file, damage.offset, damage.kind
            is_awaited = damage.kind in (CUT, DAMAGED) and damage.end == sizes[damage.file]
            if not is_awaited and key not in self._warned:
                self._warned.add(key)
                yield damage

    def _lines(self, rows: dict[str, Floats], recorded: NDArray[np.int64]) -> Iterator[bytes]:
        """The lines that turn what was told into what stands.

        Args:
            rows: the rows that stand, one for each step, in order.
            recorded: indices of the rows in the order in which they were recorded.
        """
        if not len(self._told[schema.STEP]):
            self._told = rows
            yield from _json_lines(rows)
            return
        # At most twice: a session whose loop goes back voids rows that stand, so they come again.
        while len(news := recorded[_are_new(rows, self._told)[recorded]]):
            lines = {name: values[news] for name, values in rows.items()}
            yield from _json_lines(lines)
            for number in np.unique(lines[schema.SESSION]):
                self._tell(_rows(lines, lines[schema.SESSION] == number), number)

    def _tell(self, lines: dict[str, Floats], session: float) -> None:
        """Apply some lines of a session as a reader does."""
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
    """Which rows were not told, or were told differently; both tables have one row for each step,
    in order."""
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
    for part in History(rows).parts(formats.TEXT_ROWS):
        yield formats.json_lines(part)


def _sentence(damage: FileDamage) -> str:
    if damage.kind in (NEWER, UNREADABLE):
        return f"{damage.file}: {damage.reason}"
    return (
        f"{damage.file}: {damage.length} bytes from byte {damage.offset} on can't be read "
        f"({damage.reason}). Steps may be missing here; see `rlviz doctor`."
    )
