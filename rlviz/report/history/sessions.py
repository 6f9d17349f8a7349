"""Merges the sessions of a run: which rows stand, and what compute they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import Columns, Offsets
from rlviz.report.history.session_account import (
    MissingRanks,
    Session,
    sessions_of,
    stretches_without,
)
from rlviz.report.history.standing import Standing, most_of, whole


@dataclass(frozen=True, slots=True)
class Merged:
    """One row for each step, steps strictly increasing."""

    columns: Columns
    superseded: int
    """How many rows a later row replaced."""
    lost_flops: dict[int, int]
    """Session -> RL FLOPs spent before it that its cumulative count lacks."""
    missing: tuple[tuple[int, int], ...]
    """First and last step of each stretch without rows that a session continued after."""
    sessions: tuple[Session, ...]
    missing_ranks: tuple[MissingRanks, ...]
    batches: tuple[Batch, ...]
    """All batches, earlier sessions first; within a session, in the order of writing."""

    def places(self) -> NDArray[np.int64]:
        """The position of each row among all recorded rows, in the order of `batches`."""
        ends = np.cumsum([0, *(len(batch.table) for batch in self.batches)])
        begins = {id(batch): at for batch, at in zip(self.batches, ends.tolist(), strict=False)}
        parts = [begins[id(s.batch)] + s.row_numbers() for s in self.columns.stretches]
        return np.concatenate([np.empty(0, np.int64), *parts])


def merge(batches: Sequence[Batch]) -> Merged:
    """Order all batches and keep for every step the row that stands.

    A later session voids what earlier sessions recorded after the step that it continues from: the
    weights of those steps are gone. A session that loaded no state counts its FLOPs from 0; the
    count of the rows that stand before it is added. Its own states lack this offset, so a session
    that continues from one of them gets the same offset.
    """
    batches, claimed = _told_apart(batches)
    names = tuple(dict.fromkeys(name for batch in batches for name in batch.header.columns))
    starts = _starts(batches)
    offsets: dict[int, dict[str, int]] = {}
    lost: dict[int, int] = {}
    missing: list[tuple[int, int]] = []
    standing = Standing(offsets)
    spent = counted = 0
    before: Sequence[Batch] = ()
    for number, group in groupby(batches, key=lambda batch: batch.header.session):
        start, mine = starts[number], list(group)
        standing.cut(start.after)
        offsets[number] = _offsets(names, start, standing, offsets)
        # Of the last session nobody asks for the most, so a run of one session need not be decoded.
        most = max((most_of(whole(b), schema.TOTAL, offsets) for b in before), default=0)
        spent = counted + max(spent, most)
        begins_with = start.flops + offsets[number].get(schema.TOTAL, 0)
        lost[number] = counted = max(spent - begins_with, 0)
        spent = begins_with
        missing = _still_missing(missing, start, 0 if standing.last is None else standing.last.last)
        standing.add(mine)
        before = mine
    stretches = tuple(standing.stretches)
    stand_until = {number: start.after for number, start in starts.items()}
    sessions = sessions_of(batches, claimed, stretches, stand_until)
    return Merged(
        Columns(names, stretches, offsets),
        sum(session.superseded for session in sessions),
        lost,
        tuple(missing),
        sessions,
        stretches_without(stretches),
        tuple(batches),
    )


def _told_apart(batches: Sequence[Batch]) -> tuple[list[Batch], dict[int, int]]:
    """The batches in the order of writing with one session number per writer, and the number that
    each writer took: two that began at the same time took the same."""
    writers = dict.fromkeys((batch.header.session, batch.header.writer) for batch in batches)
    numbers: dict[tuple[int, str], int] = {}
    following = 0
    for session, writer in sorted(writers, key=lambda known: known[0]):  # ties: in order of files
        numbers[session, writer] = max(session, following)
        following = numbers[session, writer] + 1
    renumbered = [_renumbered(b, numbers[b.header.session, b.header.writer]) for b in batches]
    # File names follow the clock, which may be set back; the writer's own count is never set back.
    renumbered.sort(key=lambda b: (b.header.session, b.rows_before, b.written or 0))
    return renumbered, {number: session for (session, _), number in numbers.items()}


def _renumbered(batch: Batch, number: int) -> Batch:
    if batch.header.session == number:
        return batch
    return replace(batch, header=replace(batch.header, session=number), known_span=batch.span)


@dataclass(frozen=True, slots=True)
class _Start:
    """How a session began."""

    after: float
    """Rows of earlier sessions stand up to this step."""
    has_state: bool
    flops: int
    """Cumulative FLOPs in that state, as the callback counted them."""


def _starts(batches: Sequence[Batch]) -> dict[int, _Start]:
    """Session number -> its start, in the order of the numbers."""
    starts: dict[int, _Start] = {}
    for batch in batches:  # in the order of their sessions
        header = batch.header
        known = starts.get(header.session)
        if known is not None and known.after < np.inf:
            continue
        # Its first step, not its smallest: a loop may go back to steps long done.
        after = batch.span.first - 1 if batch.span.count else np.inf
        if header.resumed_after is not None:
            after = min(after, header.resumed_after)
        starts[header.session] = _Start(
            float(after),
            header.resumed_after is not None,
            0 if header.resumed_after is None else header.flops_before,
        )
    return starts


def _still_missing(
    missing: list[tuple[int, int]], start: _Start, last: float
) -> list[tuple[int, int]]:
    """The stretches without rows once a session has begun; `last` is the last step before it that
    has a row."""
    if start.has_state and start.after > last:  # its state was saved, the rows before it were not
        return [*(gap for gap in missing if gap[0] <= last), (int(last) + 1, int(start.after))]
    return [(first, int(min(end, start.after))) for first, end in missing if first <= start.after]


def _offsets(
    names: Sequence[str], start: _Start, standing: Standing, offsets: Offsets
) -> dict[str, int]:
    """Phase -> FLOPs missing from a session's own count, given the rows that stand before it."""
    if standing.last is None:
        return {}
    if start.has_state:
        # The state comes from the session that wrote the step that this session continues after.
        return dict(offsets.get(standing.last.session, {}))
    prefix = schema.flops_column("")
    phases = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return {phase: standing.most(phase) for phase in phases}
