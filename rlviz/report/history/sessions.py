"""Merges the sessions of a run: which rows stand, and what compute they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.order import told_apart
from rlviz.report.history.session_account import (
    MissingRanks,
    Session,
    sessions_of,
    stretches_without,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Merged:
    """One row for each step, steps strictly increasing."""

    columns: dict[str, Floats]
    place: NDArray[np.int64]
    """The position of each row among all recorded rows, earlier sessions first."""
    superseded: int
    """How many rows a later row replaced."""
    lost_flops: dict[int, int]
    """Session -> RL FLOPs spent before it that its cumulative count lacks."""
    missing: tuple[tuple[int, int], ...]
    """First and last step of each stretch without rows that a later session begins after."""
    sessions: tuple[Session, ...]
    missing_ranks: tuple[MissingRanks, ...]


def merge(batches: Sequence[Batch]) -> Merged:
    """Stack all batches and keep for every step the row that stands.

    A later session voids what earlier sessions recorded after the step that it continues from: the
    weights of those steps are gone. A session that loaded no state counts its FLOPs from 0; the
    count of the rows that stand before it is added. Its own states lack this offset, so a session
    that continues from one of them gets the same offset. A state may be older than the step that
    the session goes on after, where the disk was slow: the rows between, which came to it later,
    stand, and their FLOPs are added too.
    """
    batches, claimed = told_apart(batches)
    names = tuple(dict.fromkeys(name for batch in batches for name in batch.header.columns))
    columns = {name: _stacked(batches, name) for name in names}
    starts = _starts(batches)
    offsets: dict[int, dict[str, int]] = {}
    lost: dict[int, int] = {}
    missing: list[tuple[int, int]] = []
    spent = 0
    for number, start in starts.items():
        before = _standing(columns, starts, until=number)
        offsets[number] = _offsets(columns, start, before, offsets)
        mine = np.flatnonzero(columns[schema.SESSION] == number)
        _shift(columns, mine, offsets[number])
        begins_with = start.flops + offsets[number].get(schema.TOTAL, 0)
        lost[number] = max(spent - begins_with, 0)
        spent = lost[number] + max(begins_with, most_flops(columns, mine))
        missing = _still_missing(missing, start, columns[schema.STEP], before, mine)
    keep = _standing(columns, starts)
    everything = np.array_equal(keep, np.arange(len(columns[schema.STEP])))
    standing = columns if everything else {name: col[keep] for name, col in columns.items()}
    superseded = int(np.isfinite(columns[schema.STEP]).sum()) - len(keep)
    stand_until = {number: start.after for number, start in starts.items()}
    return Merged(
        standing,
        keep,
        superseded,
        lost,
        tuple(missing),
        sessions_of(batches, claimed, columns, keep, stand_until),
        stretches_without(batches, columns[schema.STEP], keep),
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
        after = float(next(iter(batch.steps), np.inf)) - 1
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
    missing: list[tuple[int, int]],
    start: _Start,
    step: Floats,
    before: NDArray[np.int64],
    mine: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """The stretches without rows once a session has begun.

    Args:
        missing: the stretches before.
        start: how the session begins.
        step: of all rows.
        before: which rows stand before it, in the order of their steps.
        mine: its own rows, in the order of writing.
    """
    last = int(step[before[-1]]) if len(before) else 0
    end = last
    if start.resumed_after is not None:  # the weights were saved, the rows before them were not
        end = int(start.after)
    elif len(before) and np.inf > start.after > last + _reach(step, before, mine) - 1:
        end = int(start.after)  # it may go on from weights without a state
    if end > last:
        return [*(gap for gap in missing if gap[0] <= last), (last + 1, end)]
    return [(first, int(min(end, start.after))) for first, end in missing if first <= start.after]


def _reach(step: Floats, before: NDArray[np.int64], mine: NDArray[np.int64]) -> float:
    """The farthest that a step may be from the one before while none between them is missing."""
    found = [np.inf]
    for rows in (before[-_RECENT:], mine[:_RECENT]):
        strides = np.diff(step[rows])
        strides = strides[strides > 0]  # nor NaN
        if len(strides):
            usual = float(np.median(strides))
            found.append(usual if np.mean(strides == usual) >= 0.75 else float(strides.max()))
    return max(found[1:] or found)


def _stacked(batches: Sequence[Batch], name: str) -> Floats:
    """One column of all batches; NaN for a batch without it."""
    parts = []
    for batch in batches:
        names = batch.header.columns
        if name in names:
            parts.append(batch.table[:, names.index(name)])
        else:
            parts.append(np.full(len(batch.table), np.nan))
    return np.concatenate(parts)


def _standing(
    columns: dict[str, Floats], starts: dict[int, _Start], *, until: float = np.inf
) -> NDArray[np.int64]:
    """Which rows stand, in the order of their steps; only rows of sessions before `until`, up to
    the step that session `until` continues after."""
    step, session = columns[schema.STEP], columns[schema.SESSION]
    valid = np.isfinite(step) & (session < until)
    for number, start in starts.items():
        if number <= until:
            valid &= ~((session < number) & (step > start.after))
    at = np.flatnonzero(valid)
    at = at[np.argsort(session[at], kind="stable")]  # by session, then in the order of writing
    # Of equal steps the one written last stands: take the first from behind.
    _, from_behind = np.unique(step[at][::-1], return_index=True)
    return np.asarray(at[len(at) - 1 - from_behind])


def _offsets(
    columns: dict[str, Floats],
    start: _Start,
    before: NDArray[np.int64],
    offsets: dict[int, dict[str, int]],
) -> dict[str, int]:
    """Phase -> FLOPs missing from a session's own count, given the rows that stand before it."""
    if start.resumed_after is not None:
        if not len(before):
            return {}
        # The state comes from the session that wrote the step that it is of.
        step = columns[schema.STEP]
        until = int(np.searchsorted(step[before], start.resumed_after, side="right"))
        of_state = before[max(until - 1, 0)]
        shift = offsets.get(int(columns[schema.SESSION][of_state]), {})
        if step[of_state] != start.resumed_after or of_state == before[-1]:
            return shift
        return {
            phase: shift.get(phase, 0) + max(_between(columns, phase, of_state, before[-1]), 0)
            for phase in _phases(columns)
        }
    return {phase: most_flops(columns, before, phase) for phase in _phases(columns)}


def _phases(columns: dict[str, Floats]) -> list[str]:
    prefix = schema.flops_column("")
    return [name.removeprefix(prefix) for name in columns if name.startswith(prefix)]


def _between(columns: dict[str, Floats], phase: str, first: np.int64, last: np.int64) -> int:
    """FLOPs spent from one row to another."""
    before, after = (most_flops(columns, np.array([row]), phase) for row in (first, last))
    return after - before


def _shift(columns: dict[str, Floats], mine: NDArray[np.int64], offsets: dict[str, int]) -> None:
    """Add its offsets to a session's FLOPs, exactly."""
    for phase, offset in offsets.items():
        if not offset:
            continue
        nearest = columns[schema.flops_column(phase)]
        remainders = columns[schema.flops_remainder_column(phase)]
        for row in mine[np.isfinite(nearest[mine])]:
            count = schema.join_count(nearest[row], remainders[row]) + offset
            nearest[row], remainders[row] = schema.split_count(count)


def most_flops(
    columns: dict[str, Floats], rows: NDArray[np.int64], phase: str = schema.TOTAL
) -> int:
    """The largest exact cumulative FLOPs of any row; 0 if no row has a count."""
    name = schema.flops_column(phase)
    if name not in columns:
        return 0
    known = rows[np.isfinite(columns[name][rows])]
    if not len(known):
        return 0
    most = columns[name][known].max()
    same = known[columns[name][known] == most]  # float64 can't tell these apart
    remainders = columns.get(schema.flops_remainder_column(phase))
    if remainders is None:  # a run that was put together by hand
        return schema.join_count(most, 0.0)
    return schema.join_count(most, float(np.nan_to_num(remainders[same]).max()))
