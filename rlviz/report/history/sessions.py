"""Merges the sessions of a run: which rows stand, and what compute they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import Columns, Offsets, RowStretch
from rlviz.report.history.order import told_apart
from rlviz.report.history.session_account import (
    MissingRanks,
    Session,
    sessions_of,
    stretches_without,
)
from rlviz.report.history.standing import StandingRows, first_steps, most_of, whole


@dataclass(frozen=True, slots=True)
class MergedSessions:
    """One row for each step, steps strictly increasing."""

    columns: Columns
    superseded: int
    """How many rows a later row replaced."""
    lost_flops: dict[int, int]
    """Session -> RL FLOPs spent before it that its cumulative count lacks."""
    missing: tuple[tuple[int, int], ...]
    """First and last step of each stretch without rows that a later session begins after."""
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


def merge(batches: Sequence[Batch]) -> MergedSessions:
    """Order all batches and keep for every step the row that stands.

    A later session voids what earlier sessions recorded after the step that it continues from: the
    weights of those steps are gone. A session that loaded no state counts its FLOPs from 0; the
    count of the rows that stand before it is added. Its own states lack this offset, so a session
    that continues from one of them gets the same offset. A state may be older than the step that
    the session goes on after, where the disk was slow: the rows between, which came to it later,
    stand, and their FLOPs are added too.
    """
    batches, claimed = told_apart(batches)
    names = tuple(dict.fromkeys(name for batch in batches for name in batch.header.columns))
    starts = _starts(batches)
    offsets: dict[int, dict[str, int]] = {}
    lost: dict[int, int] = {}
    missing: list[tuple[int, int]] = []
    standing = StandingRows(offsets)
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
        missing = _still_missing(missing, start, standing, mine)
        standing.add(mine)
        before = mine
    stretches = tuple(standing.stretches)
    stand_until = {number: start.after for number, start in starts.items()}
    sessions = sessions_of(batches, claimed, stretches, stand_until)
    return MergedSessions(
        Columns(names, stretches, offsets),
        sum(session.superseded for session in sessions),
        lost,
        tuple(missing),
        sessions,
        stretches_without(stretches),
        tuple(batches),
    )


@dataclass(frozen=True, slots=True)
class _Start:
    """How a session began."""

    after: float
    """Rows of earlier sessions stand up to this step."""
    resumed_after: int | None
    """The step of the state that it loaded; None if it loaded none."""
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
        if header.goes_on_after is not None:
            after = min(after, header.goes_on_after)
        starts[header.session] = _Start(
            after,
            header.resumed_after,
            0 if header.resumed_after is None else header.flops_before,
        )
    return starts


_RECENT = 1000
"""How many rows before a restart tell how far apart the steps of a loop are."""


def _still_missing(
    missing: list[tuple[int, int]], start: _Start, standing: StandingRows, mine: Sequence[Batch]
) -> list[tuple[int, int]]:
    """The stretches without rows once a session has begun.

    Args:
        missing: the stretches before.
        start: how the session begins.
        standing: the rows that stand before it.
        mine: its own rows, in the order of writing.
    """
    last = 0 if standing.last is None else int(standing.last.last)
    end = last
    if start.resumed_after is not None:  # the weights were saved, the rows before them were not
        end = int(start.after)
    elif standing.last is not None and np.inf > start.after > last + _reach(standing, mine) - 1:
        end = int(start.after)  # it may go on from weights without a state
    if end > last:
        return [*(gap for gap in missing if gap[0] <= last), (last + 1, end)]
    return [(first, int(min(end, start.after))) for first, end in missing if first <= start.after]


def _reach(standing: StandingRows, mine: Sequence[Batch]) -> float:
    """The farthest that a step may be from the one before while none between them is missing."""
    found = [np.inf]
    for steps in (standing.latest_steps(_RECENT), first_steps(mine, _RECENT)):
        strides = np.diff(steps)
        strides = strides[strides > 0]  # nor NaN
        if len(strides):
            usual = float(np.median(strides))
            found.append(usual if np.mean(strides == usual) >= 0.75 else float(strides.max()))
    return max(found[1:] or found)


def _offsets(
    names: Sequence[str], start: _Start, standing: StandingRows, offsets: Offsets
) -> dict[str, int]:
    """Phase -> FLOPs missing from a session's own count, given the rows that stand before it."""
    if standing.last is None:
        return {}
    prefix = schema.flops_column("")
    phases = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    if start.resumed_after is None:
        return {phase: standing.most(phase) for phase in phases}
    # The state comes from the session that wrote the step that it is of.
    of_state, last = standing.row_until(start.resumed_after), standing.row_until(np.inf)
    shift = offsets.get(of_state.session, {})
    if of_state.first != start.resumed_after or of_state.first == last.first:
        return dict(shift)
    spent = {phase: _between(phase, of_state, last, offsets) for phase in phases}
    return {phase: shift.get(phase, 0) + max(spent[phase], 0) for phase in phases}


def _between(phase: str, first: RowStretch, last: RowStretch, offsets: Offsets) -> int:
    """FLOPs spent from one row to another."""
    return most_of(last, phase, offsets) - most_of(first, phase, offsets)
