"""Merges the sessions of a run: which rows stand, and what compute they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as one flush wrote them."""

    header: schema.RowsHeader
    table: Floats
    """(rows, columns of the header)"""


@dataclass(frozen=True, slots=True)
class Merged:
    """One row for each step, steps strictly increasing."""

    columns: dict[str, Floats]
    superseded: int
    """Rows that a later session replaced."""
    lost_flops: dict[int, int]
    """Session -> RL FLOPs that were spent before it and are not in its cumulative count."""


def merge(batches: Sequence[Batch]) -> Merged:
    """Stack all batches and keep for every step the row that stands.

    A later session makes void what earlier ones recorded after the step that it goes on from: the
    weights of those steps are gone. Where a session was given no state to go on from, it counts
    its FLOPs from 0; they are put on top of those of the rows that stand before it.
    """
    names = tuple(dict.fromkeys(name for batch in batches for name in batch.header.columns))
    rows = np.concatenate([_widened(batch, names) for batch in batches])
    columns = {
        name: np.ascontiguousarray(column) for name, column in zip(names, rows.T, strict=True)
    }
    starts = _starts(batches)
    lost: dict[int, int] = {}
    spent = 0
    for number, start in starts.items():
        before = _standing(columns, starts, until=number)
        if not start.has_state:
            _rebase(columns, number, before)
        begins_with = start.flops if start.has_state else _flops_at(columns, before[-1:])
        lost[number] = max(spent - begins_with, 0)
        spent = lost[number] + _most_flops(columns, number)
    keep = _standing(columns, starts)
    standing = {name: column[keep] for name, column in columns.items()}
    return Merged(standing, len(rows) - len(keep), lost)


@dataclass(frozen=True, slots=True)
class _Start:
    """How a session began."""

    after: float
    """Rows of earlier sessions stand up to this step."""
    has_state: bool
    flops: int
    """Cumulative FLOPs in that state."""


def _starts(batches: Sequence[Batch]) -> dict[int, _Start]:
    """Session number -> its start, in the order of the numbers."""
    starts: dict[int, _Start] = {}
    for batch in sorted(batches, key=lambda batch: batch.header.session):
        header = batch.header
        steps = batch.table[:, header.columns.index(schema.STEP)]
        after = float(np.min(steps, initial=np.inf)) - 1
        if header.resumed_after is not None:
            after = min(after, float(header.resumed_after))
        known = starts.get(header.session)
        starts[header.session] = _Start(
            after if known is None else min(after, known.after),
            header.resumed_after is not None,
            header.flops_before,
        )
    return starts


def _widened(batch: Batch, names: tuple[str, ...]) -> Floats:
    if batch.header.columns == names:
        return batch.table
    at = {name: i for i, name in enumerate(names)}
    wide = np.full((len(batch.table), len(names)), np.nan)
    wide[:, [at[name] for name in batch.header.columns]] = batch.table
    return wide


def _standing(
    columns: dict[str, Floats], starts: dict[int, _Start], *, until: float = np.inf
) -> NDArray[np.int64]:
    """Which rows stand, in the order of their steps; those of sessions before `until` only, and
    up to the step after which that one goes on."""
    step, session = columns[schema.STEP], columns[schema.SESSION]
    valid = np.isfinite(step) & (session < until)
    for number, start in starts.items():
        if number <= until:
            valid &= ~((session < number) & (step > start.after))
    at = np.flatnonzero(valid)
    at = at[np.argsort(session[at], kind="stable")]  # by session, within one as written
    # Of equal steps the last one written stands: look for the first from behind.
    _, from_behind = np.unique(step[at][::-1], return_index=True)
    return np.asarray(at[len(at) - 1 - from_behind])


def _rebase(columns: dict[str, Floats], number: int, before: NDArray[np.int64]) -> None:
    """Put a session's FLOPs on top of those of the rows before it, exactly, for every phase."""
    mine = np.flatnonzero(columns[schema.SESSION] == number)
    for name in columns:
        kind, _, phase = name.partition("/")
        offset = _flops_at(columns, before[-1:], phase) if kind == "flops" else 0
        if not offset:
            continue
        remainders = columns[schema.flops_remainder_column(phase)]
        for row in mine[np.isfinite(columns[name][mine])]:
            count = schema.join_count(columns[name][row], remainders[row]) + offset
            columns[name][row], remainders[row] = schema.split_count(count)


def _flops_at(columns: dict[str, Floats], row: NDArray[np.int64], phase: str = schema.TOTAL) -> int:
    """Exact cumulative FLOPs at a row; 0 where there is none, or none were known."""
    name = schema.flops_column(phase)
    if name not in columns or not len(row) or not np.isfinite(columns[name][row[0]]):
        return 0
    remainder = columns[schema.flops_remainder_column(phase)][row[0]]
    return schema.join_count(columns[name][row[0]], remainder)


def _most_flops(columns: dict[str, Floats], number: int) -> int:
    """Cumulative FLOPs at the end of a session."""
    name = schema.flops_column()
    if name not in columns:
        return 0
    mine = np.flatnonzero((columns[schema.SESSION] == number) & np.isfinite(columns[name]))
    if not len(mine):
        return 0
    return _flops_at(columns, mine[[np.argmax(columns[name][mine])]])
