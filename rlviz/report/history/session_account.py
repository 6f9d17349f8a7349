"""Accounts for every session of a run: which rows it wrote, which stand, which are lost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import RowStretch
from rlviz.report.history.step_span import StepSpan


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
    """How many steps were not greater than the step before. A last row that was completed does
    not count."""
    clock_back_seconds: float
    """The largest jump back of its clock between two steps; 0 if there was none."""
    gone: tuple[Gone, ...]
    """Its lost rows, without those that a later session made void."""
    causes: tuple[tuple[str, int], ...] = ()
    """Of the dropped steps, how many for which of `rlviz.schema.CAUSES`; older runs don't say."""
    made_as: int | None = None
    """The number that it took itself for before another one began first; None if as `claimed`."""
    convention: str | None = None
    """By which of `rlviz.conventions` it counted FLOPs; "" if it does not say so, None if it
    counted none."""
    is_completed: bool = False
    """Whether it wrote its last row once more at its end, with what came for no later step."""

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
    standing: Sequence[RowStretch],
    stand_until: Mapping[int, float],
) -> tuple[Session, ...]:
    """The sessions that wrote at least one step, in the order of their numbers.

    Args:
        batches: in the order of the sessions; within a session, in the order of writing.
        claimed: session -> the number that it took.
        standing: the rows that stand.
        stand_until: session -> the step up to which earlier sessions' rows stand.
    """
    stand: dict[int, int] = defaultdict(int)
    for stretch in standing:
        stand[stretch.session] += len(stretch)
    void_after = _void_after(stand_until)
    found = []
    for number, group in groupby(batches, key=lambda batch: batch.header.session):
        mine = list(group)
        if any(batch.span.count for batch in mine):
            found.append(_session(mine, claimed[number], stand[number], void_after[number]))
    return tuple(found)


def _void_after(stand_until: Mapping[int, float]) -> dict[int, float]:
    """Session -> the step after which later sessions made its rows void."""
    found = {}
    least = np.inf
    for number in sorted(stand_until, reverse=True):
        found[number] = least
        least = min(least, stand_until[number])
    return found


def _session(batches: Sequence[Batch], claimed: int, stand: int, void_after: float) -> Session:
    """The account of one session, of whose rows `stand` stand."""
    headers = [batch.header for batch in batches]
    everything = sum(batch.span.count for batch in batches)
    fresh = StepSpan()
    for span in _first_time(batches):
        fresh = fresh.then(span)
    return Session(
        number=headers[0].session,
        claimed=claimed,
        rows=everything,
        superseded=everything - stand,
        first_step=int(min(batch.span.least for batch in batches)),
        last_step=int(max(batch.span.most for batch in batches)),
        resumed_after=headers[0].goes_on_after,
        began=fresh.began,
        ended=fresh.ended,
        dropped=max(header.dropped for header in headers),
        causes=max(headers, key=lambda header: header.dropped).causes,
        world_size=max(header.world_size for header in headers),
        backwards=fresh.backwards - fresh.is_completed,
        clock_back_seconds=fresh.clock_back,
        gone=tuple(_gone(batches, void_after)),
        made_as=headers[0].made_as,
        convention=_convention(headers),
        is_completed=fresh.is_completed,
    )


def _convention(headers: Sequence[schema.RowsHeader]) -> str | None:
    """What the last rows with FLOPs say: a count that others added to has none anymore."""
    counted = [header for header in headers if schema.flops_column() in header.columns]
    return counted[-1].convention if counted else None


def _first_time(batches: Sequence[Batch]) -> Iterator[StepSpan]:
    """The span of each batch's rows that were not written before. A batch whose write seemed to
    fail is written again, together with newer rows."""
    have = 0
    for batch in batches:
        again = 0 if batch.written is None else min(have - batch.rows_before, len(batch.table))
        yield (batch.span if again <= 0 else batch.span_of(batch.block(again, len(batch.table))))
        have = max(have, batch.written or 0)


def _gone(batches: Sequence[Batch], void_after: float) -> Iterator[Gone]:
    """The places where the writer's own count of rows rises by more than the rows that remain."""
    have = 0
    last = None
    for batch in batches:
        if batch.written is None or not batch.span.count:
            continue
        before, first = batch.rows_before, int(batch.span.first)
        since = first - 1 - (before - have) if last is None else last
        if before > have and since < void_after:
            yield Gone(before - have, last, first)
        have = max(have, batch.written)
        last = int(batch.span.last)


def stretches_without(standing: Sequence[RowStretch]) -> tuple[MissingRanks, ...]:
    """The stretches of standing steps that lack ranks."""
    found = []
    for ranks, group in groupby(standing, key=lambda part: part.batch.header.missing_ranks):
        parts = list(group)
        if ranks:
            first, last = int(parts[0].first), int(parts[-1].last)
            steps = sum(len(part) for part in parts)
            found.append(MissingRanks(tuple(sorted(ranks)), first, last, steps))
    return tuple(found)
