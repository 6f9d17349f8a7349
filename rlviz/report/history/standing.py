"""Which rows of a run stand: those of later sessions, and of one session the last of each step."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.columns import Offsets, RowStretch
from rlviz.report.history.counts import largest

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


class StandingRows:
    """The rows that stand, one for each step, as sessions are added in their order.

    Args:
        offsets: what the counts of FLOPs of each added session lack.
    """

    def __init__(self, offsets: Offsets) -> None:
        self._offsets = offsets
        self.stretches: list[RowStretch] = []
        """In the order of their steps."""
        self._most: dict[str, list[int]] = {}
        """Phase -> the largest count up to and including each of the first stretches."""

    @property
    def last(self) -> RowStretch | None:
        return self.stretches[-1] if self.stretches else None

    def cut(self, after: float) -> None:
        """Leave out the rows of steps greater than `after`."""
        while self.stretches and self.stretches[-1].first > after:
            self.stretches.pop()
        if self.stretches and self.stretches[-1].last > after:
            whole = self.stretches.pop()
            self.stretches.append(_cut(whole, _rows_until(whole, after)))
        for most in self._most.values():
            del most[max(len(self.stretches) - 1, 0) :]

    def add(self, batches: Sequence[Batch]) -> None:
        """Add the rows of a session, in the order of writing."""
        last = -np.inf if self.last is None else self.last.last
        for number, batch in enumerate(batches):
            span = batch.span
            if not span.count:
                continue
            if span.backwards or span.first <= last or span.count < len(batch.table):
                self._sort_in(batches[number:])
                return
            last = span.last
            self.stretches.append(RowStretch(batch, 0, len(batch.table), span.first, span.last))

    def _sort_in(self, batches: Sequence[Batch]) -> None:
        """Add rows whose steps don't grow; of equal steps the one that was written last stands."""
        least = min(batch.span.least for batch in batches)
        kept = len(self.stretches)
        while kept and self.stretches[kept - 1].last >= least:
            kept -= 1
        olds = self.stretches[kept:]
        news = [RowStretch(batch, 0, len(batch.table), 0.0, 0.0) for batch in batches]
        del self.stretches[kept:]
        for most in self._most.values():
            del most[kept:]
        self.stretches += _sorted([*olds, *news])

    def latest_steps(self, count: int) -> Floats:
        """The last steps, in order."""
        parts: list[Floats] = []
        for stretch in reversed(self.stretches):
            begin = max(len(stretch) - count, 0)
            parts.insert(
                0, stretch.block(begin, len(stretch))[:, stretch.batch.places[schema.STEP]]
            )
            count -= len(stretch) - begin
            if not count:
                break
        return np.concatenate([np.empty(0), *parts])

    def row_until(self, step: float) -> RowStretch:
        """The last row with a step up to `step`, or else the first; there must be one."""
        number = bisect_right(self.stretches, step, key=lambda stretch: stretch.first)
        stretch = self.stretches[max(number - 1, 0)]
        row = max(_rows_until(stretch, step) - 1, 0)
        at = float(stretch.block(row, row + 1)[0, stretch.batch.places[schema.STEP]])
        return replace(stretch.part(row, row + 1), first=at, last=at)

    def most(self, phase: str) -> int:
        """The largest exact count of FLOPs among the rows; 0 if none is known."""
        known = self._most.setdefault(phase, [])
        for stretch in self.stretches[len(known) :]:
            own = most_of(stretch, phase, self._offsets)
            known.append(max(own, known[-1] if known else 0))
        return known[-1] if known else 0


def _rows_until(stretch: RowStretch, after: float) -> int:
    """How many of its rows have steps up to `after`."""
    low, high = 0, len(stretch)
    place = stretch.batch.places[schema.STEP]
    while low < high:
        middle = (low + high) // 2
        if stretch.block(middle, middle + 1)[0, place] <= after:
            low = middle + 1
        else:
            high = middle
    return low


def _cut(stretch: RowStretch, rows: int) -> RowStretch:
    last = float(stretch.block(rows - 1, rows)[0, stretch.batch.places[schema.STEP]])
    if stretch.rows is None:
        end = stretch.begin + rows
        return RowStretch(stretch.batch, stretch.begin, end, stretch.first, last)
    return RowStretch(stretch.batch, 0, 0, stretch.first, last, stretch.rows[:rows])


def steps_of(stretch: RowStretch) -> Floats:
    """The steps of its rows."""
    place = stretch.batch.places[schema.STEP]
    parts = [block[:, place] for block in stretch.blocks()]
    return np.concatenate(parts) if parts else np.empty(0)


def _sorted(stretches: Sequence[RowStretch]) -> list[RowStretch]:
    """The rows of stretches as stretches of growing steps; of equal steps the later row stands."""
    steps = np.concatenate([steps_of(stretch) for stretch in stretches])
    of = np.repeat(np.arange(len(stretches)), [len(stretch) for stretch in stretches])
    row = np.concatenate([stretch.row_numbers() for stretch in stretches])
    valid = np.flatnonzero(np.isfinite(steps))
    _, from_behind = np.unique(steps[valid][::-1], return_index=True)
    kept = valid[len(valid) - 1 - from_behind]
    steps, of, row = steps[kept], of[kept], row[kept]
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    ends = np.append(begins[1:], len(kept))
    jumps = np.cumsum(np.diff(row, prepend=0) != 1)  # of equal number: one behind the other
    follow = jumps[begins] == jumps[ends - 1]
    found = []
    ends_of_each = (begins, ends, of[begins], steps[begins], steps[ends - 1], follow)
    for begin, end, of_one, first, last, is_block in zip(
        *(part.tolist() for part in ends_of_each), strict=True
    ):
        batch = stretches[of_one].batch
        if is_block:
            at = int(row[begin])
            found.append(RowStretch(batch, at, at + end - begin, first, last))
        else:
            found.append(RowStretch(batch, 0, 0, first, last, row[begin:end]))
    return found


def most_of(stretch: RowStretch, phase: str, offsets: Offsets) -> int:
    """The largest exact count of FLOPs of a stretch; 0 if none is known."""
    places = stretch.batch.places
    if schema.flops_column(phase) not in places:
        return 0
    both = [places[schema.flops_column(phase)], places[schema.flops_remainder_column(phase)]]
    found = (largest(*block[:, both].T) for block in stretch.blocks())
    known = [count for count in found if count is not None]
    return max(known) + offsets.get(stretch.session, {}).get(phase, 0) if known else 0


def first_steps(batches: Sequence[Batch], count: int) -> Floats:
    """The steps of the first rows, in the order of writing; NaN for a row without one."""
    parts: list[Floats] = []
    for batch in batches:
        rows = min(len(batch.table), count)
        parts.append(batch.block(0, rows)[:, batch.places[schema.STEP]])
        count -= rows
        if not count:
            break
    return np.concatenate([np.empty(0), *parts])


def whole(batch: Batch) -> RowStretch:
    """All rows of a batch."""
    return RowStretch(batch, 0, len(batch.table), batch.span.least, batch.span.most)
