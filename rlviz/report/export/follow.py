"""Streams a running run as JSON Lines: each step as soon as it is on disk."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.export import descriptions, formats
from rlviz.report.history.files import NEWER, UNREADABLE, Batch, Contents, Damage
from rlviz.report.history.history import History, merged
from rlviz.report.history.session_account import Session
from rlviz.report.history.tail import Tail

Floats = NDArray[np.float64]


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
        poll_seconds: between two looks, > 0. Each reads what was appended, and no more.
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
    last = time.monotonic()
    try:
        while True:
            for lines in follower.new_lines(warn):
                stream.write(lines)
                written += lines.count(b"\n")
                last = time.monotonic()
            stream.flush()
            if until_idle is not None and time.monotonic() - last >= until_idle:
                return written
            time.sleep(poll_seconds)
    except KeyboardInterrupt:
        return written


@dataclass(slots=True)
class _Session:
    """What has to be known of a session to read on."""

    number: int
    """As in `History.session`."""
    after: float
    """The step after which it goes on."""
    offsets: dict[str, int]
    """Column of cumulative FLOPs -> what has to be put on top of it."""
    have: list[tuple[int, int]] = field(default_factory=list)
    """The rows that were read, by the writer's own count, from (with) and to (without)."""


class Follower:
    """The lines of a run, without what was handed out before; see `follow`.

    Args:
        logdir: a run directory.

    Raises:
        FileNotFoundError: there is no such directory.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        self._tail = Tail(logdir)
        self._sessions: dict[tuple[int, str], _Session] = {}

    def new_lines(self, warn: Callable[[str], None] | None = None) -> Iterator[bytes]:
        """JSON Lines of the steps that were written since the last call, some at a time."""
        batches = []
        for item in self._tail.poll():
            if isinstance(item, Batch):
                if len(item.steps):
                    batches.append(item)
            elif warn is not None:
                warn(_sentence(item))
        known = [batch for batch in batches if _key(batch) in self._sessions]
        known.sort(key=lambda batch: (self._sessions[_key(batch)].number, batch.written or 0))
        for key, mine in groupby(known, key=_key):
            yield from _lines(self._go_on(self._sessions[key], mine))
        if len(known) < len(batches):
            yield from _lines(self._begin())

    def _go_on(self, session: _Session, batches: Iterable[Batch]) -> History | None:
        """The new rows of a session that is known, those of them that stand."""
        new = [fresh for batch in batches if len((fresh := _without(batch, session.have)).steps)]
        if not new:
            return None
        rows = self._run_of(new)
        for name, offset in session.offsets.items():
            _raise(rows.columns, name, offset)
        rows.columns[schema.SESSION][:] = session.number
        later = (s.after for s in self._sessions.values() if s.number > session.number)
        return _only(rows, rows.columns[schema.STEP] <= min(later, default=np.inf))

    def _begin(self) -> History:
        """The rows that stand of sessions that were not known before.

        What their FLOPs are counted from depends on all rows before them, so these are read again.
        """
        batches = [batch for batch in self._tail.read_again() if len(batch.steps)]
        run = self._run_of(batches)
        of_key: dict[tuple[int, str], list[Batch]] = {}
        for batch in batches:
            of_key.setdefault(_key(batch), []).append(batch)
        keys = sorted(of_key, key=lambda key: key[0])  # as `run.sessions` are
        new = []
        for key, account in zip(keys, run.sessions, strict=True):
            if key not in self._sessions:
                new.append(account.number)
                self._sessions[key] = self._known(run, account, of_key[key])
        return _only(run, np.isin(run.session, new))

    def _known(self, run: History, account: Session, batches: list[Batch]) -> _Session:
        first = min(batches, key=lambda batch: batch.written or 0)
        after = first.steps[0] - 1
        if account.resumed_after is not None:
            after = min(after, account.resumed_after)
        offsets = _offsets(run, account.number, self._run_of(batches))
        session = _Session(account.number, float(after), offsets)
        for batch in batches:
            _without(batch, session.have)
        return session

    def _run_of(self, batches: Iterable[Batch]) -> History:
        return merged(Contents(self._tail.path, tuple(batches), (), ()))


def _key(batch: Batch) -> tuple[int, str]:
    """Tells sessions apart, also two that took the same number."""
    return batch.header.session, batch.header.writer


def _lines(rows: History | None) -> Iterator[bytes]:
    if rows is not None:
        for part in formats.blocks(rows, formats.TEXT_ROWS):
            yield formats.json_lines(part)


def _only(run: History, rows: NDArray[np.bool_]) -> History:
    return replace(run, columns={name: values[rows] for name, values in run.columns.items()})


def _without(batch: Batch, have: list[tuple[int, int]]) -> Batch:
    """The batch without the rows that were read before, for a writer repeats what it isn't sure
    to have written; notes that they are read now."""
    if batch.written is None:
        return batch
    first = batch.written - len(batch.table)
    is_new = np.ones(len(batch.table), dtype=bool)
    for begin, end in have:
        is_new[max(begin - first, 0) : max(end - first, 0)] = False
    joined = (first, batch.written)
    apart = []
    for begin, end in have:
        if end < joined[0] or joined[1] < begin:
            apart.append((begin, end))
        else:
            joined = min(begin, joined[0]), max(end, joined[1])
    have[:] = sorted([*apart, joined])
    return replace(batch, table=batch.table[is_new])


def _offsets(run: History, number: int, alone: History) -> dict[str, int]:
    """What a session's FLOPs were raised by in the run, as against the session alone."""
    found = {}
    for name in filter(descriptions.is_count, alone.columns):
        at = np.flatnonzero((run.session == number) & np.isfinite(run.columns[name]))
        if len(at):
            same_step = int(np.searchsorted(alone.step, run.step[at[-1]]))
            found[name] = _count(run, name, int(at[-1])) - _count(alone, name, same_step)
    return {name: offset for name, offset in found.items() if offset}


def _count(run: History, name: str, row: int) -> int:
    remainders = run.columns[descriptions.remainder_of(name)]
    return schema.join_count(run.columns[name][row], remainders[row])


def _raise(table: dict[str, Floats], name: str, offset: int) -> None:
    """Put something on top of cumulative FLOPs, exactly."""
    nearest, remainders = table.get(name), table.get(descriptions.remainder_of(name))
    if nearest is None or remainders is None:
        return
    for row in np.flatnonzero(np.isfinite(nearest)):
        count = schema.join_count(nearest[row], remainders[row]) + offset
        nearest[row], remainders[row] = schema.split_count(count)


def _sentence(damage: Damage) -> str:
    if damage.kind in (NEWER, UNREADABLE):
        return f"{damage.file}: {damage.reason}"
    return (
        f"{damage.file}: {damage.length} bytes from byte {damage.offset} on can't be read "
        f"({damage.reason}). Steps may be missing here; see `rlviz doctor`."
    )
