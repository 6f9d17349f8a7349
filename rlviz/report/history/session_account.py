"""Accounts for every session of a run: which rows it wrote, which stand, which are lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Gone:
    """Rows between two steps of a session that it wrote and that its files no longer hold."""

    rows: int
    after_step: int | None
    """The last step before them; None if they were its first rows."""
    before_step: int


@dataclass(frozen=True, slots=True)
class Session:
    """One start of the training script, as its rows describe it."""

    number: int
    """As in `History.session`."""
    claimed: int
    """The number that it took, as its files are named."""
    rows: int
    """How many of its rows are in the files."""
    superseded: int
    """How many of these rows later rows replaced."""
    first_step: int
    last_step: int
    """The smallest and the largest step that it wrote."""
    resumed_after: int | None
    """The step that it continued after; None if no state was loaded."""
    began: float
    ended: float
    """When its first and its last step were closed, seconds since 1970-01-01 UTC, or NaN."""
    dropped: int
    """Steps that it dropped."""
    world_size: int
    """How many ranks its rows should sum over."""
    backwards: int
    """How many steps were not greater than the step before."""
    clock_back_seconds: float
    """The largest jump back of its clock between two steps; 0 if there was none."""
    gone: tuple[Gone, ...]
    """Its lost rows, without those that a later session made void."""
    causes: tuple[tuple[str, int], ...] = ()
    """Of the dropped steps, how many for which of `rlviz.schema.CAUSES`; older runs don't say."""
    made_as: int | None = None
    """The number that it took itself for before another one began first; None if as `claimed`."""

    @property
    def known_as(self) -> int:
        """The number that it took itself for: two that began at once took the same."""
        return self.claimed if self.made_as is None else self.made_as


@dataclass(frozen=True, slots=True)
class MissingRanks:
    """A stretch of steps whose rows lack the sums of some ranks."""

    ranks: tuple[int, ...]
    first_step: int
    last_step: int
    steps: int
    """How many steps there are from first to last."""


def sessions_of(
    batches: Sequence[Batch],
    claimed: Mapping[int, int],
    columns: Mapping[str, Floats],
    keep: Indices,
    stand_until: Mapping[int, float],
) -> tuple[Session, ...]:
    """The sessions that wrote at least one step, in the order of their numbers.

    Args:
        batches: in the order of the sessions; within a session, in the order of writing.
        claimed: session -> the number that it took.
        columns: the rows of all batches, stacked.
        keep: which of the rows stand.
        stand_until: session -> the step up to which earlier sessions' rows stand.
    """
    stands = np.zeros(len(columns[schema.STEP]), dtype=bool)
    stands[keep] = True
    found = []
    begin = 0
    for number, group in groupby(batches, key=lambda batch: batch.header.session):
        mine = list(group)
        end = begin + sum(len(batch.table) for batch in mine)
        rows = begin + np.flatnonzero(np.isfinite(columns[schema.STEP][begin:end]))
        begin = end
        if len(rows):
            later = (after for other, after in stand_until.items() if other > number)
            void_after = min(later, default=np.inf)
            found.append(_session(mine, claimed[number], columns, rows, stands[rows], void_after))
    return tuple(found)


def _session(
    batches: Sequence[Batch],
    claimed: int,
    columns: Mapping[str, Floats],
    rows: Indices,
    stands: NDArray[np.bool_],
    void_after: float,
) -> Session:
    """The account of one session; those of its `rows` stand where `stands` is True."""
    headers = [batch.header for batch in batches]
    step = columns[schema.STEP][rows]
    fresh = rows[np.concatenate(list(_first_time(batches)))]
    backwards = np.diff(columns[schema.STEP][fresh]) <= 0
    wall = columns[schema.WALL_TIME][fresh] if schema.WALL_TIME in columns else np.array([])
    wall = wall[np.isfinite(wall)]
    return Session(
        number=headers[0].session,
        claimed=claimed,
        rows=len(rows),
        superseded=int((~stands).sum()),
        first_step=int(step.min()),
        last_step=int(step.max()),
        resumed_after=headers[0].goes_on_after,
        began=float(wall[0]) if len(wall) else np.nan,
        ended=float(wall[-1]) if len(wall) else np.nan,
        dropped=max(header.dropped for header in headers),
        causes=max(headers, key=lambda header: header.dropped).causes,
        world_size=max(header.world_size for header in headers),
        backwards=int(backwards.sum()),
        clock_back_seconds=float(max(0.0, -np.diff(wall).min())) if len(wall) > 1 else 0.0,
        gone=tuple(_gone(batches, void_after)),
        made_as=headers[0].made_as,
    )


def _first_time(batches: Sequence[Batch]) -> Iterator[NDArray[np.bool_]]:
    """Which of each batch's steps were not written before. A batch whose write seemed to fail is
    written again, together with newer rows."""
    have = 0
    for batch in batches:
        at = np.arange(len(batch.steps))
        if batch.written is None:
            yield at >= 0
        else:
            yield at >= have - batch.rows_before
            have = max(have, batch.written)


def _gone(batches: Sequence[Batch], void_after: float) -> Iterator[Gone]:
    """The places where the writer's own count of rows rises by more than the rows that remain."""
    have = 0
    last = None
    for batch in batches:
        steps = batch.steps
        if batch.written is None or not len(steps):
            continue
        before = batch.rows_before
        since = steps[0] - 1 - (before - have) if last is None else last
        if before > have and since < void_after:
            yield Gone(before - have, last, int(steps[0]))
        have = max(have, batch.written)
        last = int(steps[-1])


def stretches_without(
    batches: Sequence[Batch], step: Floats, keep: Indices
) -> tuple[MissingRanks, ...]:
    """The stretches of standing steps that lack ranks."""
    if not any(batch.header.missing_ranks for batch in batches):
        return ()
    batch_of = np.repeat(np.arange(len(batches)), [len(batch.table) for batch in batches])[keep]
    steps = step[keep]
    begins = np.flatnonzero(np.diff(batch_of, prepend=-1))  # where rows of another batch begin
    ends = np.append(begins[1:], len(keep))
    found = []
    for ranks, group in groupby(
        zip(begins.tolist(), ends.tolist(), strict=True),
        key=lambda part: batches[batch_of[part[0]]].header.missing_ranks,
    ):
        parts = list(group)
        begin, end = parts[0][0], parts[-1][1]
        if ranks:
            first, last = int(steps[begin]), int(steps[end - 1])
            found.append(MissingRanks(tuple(sorted(ranks)), first, last, end - begin))
    return tuple(found)
