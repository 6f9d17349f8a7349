"""Interval form of the parallelism: what the system achieved, from when each agent ran."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlviz.parallelism.segments import check_offsets, segment_max, segment_min, segment_sum
from rlviz.parallelism.sums import Parallelism, ParallelismBatch, ParallelismSums
from rlviz.schema import WorkUnit

Missing: TypeAlias = Literal["clip", "drop"]
Times: TypeAlias = NDArray[Any]  # integers or floats
FloatArray: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How busy one episode was, from half-open intervals [start, end).

    Args:
        busy: work / union, the mean number at work while any was; >= 1, NaN when none was.
        wall: work / makespan, the mean number at work over the whole episode; NaN for 0/0.
        peak: the largest number at work at once.
        unfinished: intervals without an end, clipped or dropped.
        work: sum of the durations, in the unit of the times.
        union: time during which at least one was at work.
        makespan: from the first start to the last end, or to the episode's end.
        unit: what work and union count; None if it is not said.

    Example:
        >>> both = concurrency([("a", 0, 4), ("b", 2, 6)])
        >>> both.work, both.union, both.peak
        (8.0, 6.0, 2)
    """

    busy: float
    wall: float
    peak: int
    unfinished: int
    work: float
    union: float
    makespan: float
    unit: WorkUnit | None = field(default=None, kw_only=True, compare=False, repr=False)

    def sums(self) -> ParallelismSums:
        """The episode as sums that merge with those of others: `busy` is its average."""
        return replace(
            Parallelism(self.work, self.union, unit=self.unit).sums(),
            peak=self.peak,
            unfinished=self.unfinished,
        )


@dataclass(frozen=True, slots=True, eq=False)
class ConcurrencyBatch:
    """`Concurrency` of many episodes: each field is an array with one entry per episode.

    Example:
        >>> batch = concurrency_batch([0, 2, 0], [4, 6, 5], episode_offsets=[0, 2, 3])
        >>> batch.wall.round(3).tolist(), batch.peak.tolist()
        ([1.333, 1.0], [2, 1])
    """

    busy: NDArray[np.float64]
    wall: NDArray[np.float64]
    peak: NDArray[np.int64]
    unfinished: NDArray[np.int64]
    work: NDArray[np.float64]
    union: NDArray[np.float64]
    makespan: NDArray[np.float64]
    unit: WorkUnit | None = field(default=None, kw_only=True)

    def sums(self) -> ParallelismSums:
        """The batch as sums that merge with those of other batches: `busy` is the average."""
        return replace(
            ParallelismBatch(self.work, self.union, unit=self.unit).sums(),
            peak=int(self.peak.max(initial=0)),
            unfinished=int(self.unfinished.sum()),
        )


def concurrency(
    intervals: Iterable[tuple[str, float, float | None]],
    *,
    episode_end: float | None = None,
    missing: Missing = "clip",
    unit: WorkUnit | None = "seconds",
) -> Concurrency:
    """Measure one episode from `(name, start, end)` intervals, half-open [start, end).

    An interval that ends when another starts does not overlap it, and one of length zero is empty:
    it adds nothing, neither to the peak nor to the makespan.

    Args:
        intervals: `(name, start, end)` in any one unit; an end of None means that it never ended.
        episode_end: when the episode ended; without it, the latest time among the intervals.
        missing: what an interval without an end becomes: `"clip"` ends it with the episode,
            `"drop"` leaves it out. Both count it in `unfinished`.
        unit: what the times count, as of `Parallelism`: "seconds" also stands for parts of them.

    Raises:
        ValueError: an interval starts after its end or ends after the episode, or a time is not
            finite.

    Example:
        >>> result = concurrency([("main", 0, 10), ("searcher", 2, None)], episode_end=12)
        >>> result.work, result.wall, result.unfinished
        (20.0, 1.6666666666666667, 1)
    """
    rows = [_interval(index, row) for index, row in enumerate(intervals)]
    names = [name for name, _, _ in rows]
    start = np.asarray([first for _, first, _ in rows])
    open_ = np.asarray([last is None for _, _, last in rows], dtype=bool)
    end = np.asarray([first if last is None else last for _, first, last in rows])
    finish = None if episode_end is None else np.asarray([episode_end])
    offsets = np.asarray([0, len(rows)])
    batch = _measure(start, end, open_, offsets, finish, missing, names)
    return Concurrency(
        busy=batch.busy[0].item(),
        wall=batch.wall[0].item(),
        peak=batch.peak[0].item(),
        unfinished=batch.unfinished[0].item(),
        work=batch.work[0].item(),
        union=batch.union[0].item(),
        makespan=batch.makespan[0].item(),
        unit=unit,
    )


def concurrency_batch(
    start: ArrayLike,
    end: ArrayLike,
    *,
    episode_offsets: ArrayLike,
    episode_end: ArrayLike | None = None,
    missing: Missing = "clip",
    unit: WorkUnit | None = "seconds",
) -> ConcurrencyBatch:
    """`concurrency` of many episodes at once, from flat arrays.

    Args:
        start: `(intervals,)`, grouped by episode; whole numbers (nanoseconds) stay exact.
        end: `(intervals,)`; NaN means that the interval never ended.
        episode_offsets: `(episodes + 1,)`: episode e owns the intervals
            `episode_offsets[e]` to `episode_offsets[e + 1] - 1`.
        episode_end: `(episodes,)`, or None for the latest time among each episode's intervals.
        missing: as in `concurrency`.
        unit: as in `concurrency`.

    Raises:
        ValueError: as in `concurrency`, or offsets or lengths do not fit the arrays.

    Example:
        >>> batch = concurrency_batch([0, 2, 0], [4, float("nan"), 5], episode_offsets=[0, 2, 3])
        >>> batch.work.tolist(), batch.unfinished.tolist()
        ([6.0, 5.0], [1, 0])
    """
    first, last = np.asarray(start), np.asarray(end)
    if first.ndim != 1 or first.shape != last.shape:
        raise ValueError(
            "start and end must be one-dimensional and equally long, got shapes "
            f"{first.shape} and {last.shape}. Write NaN for an interval that never ended."
        )
    offsets = check_offsets("episode_offsets", episode_offsets, "start", first.size)
    finish = None if episode_end is None else np.asarray(episode_end)
    if finish is not None and finish.shape != (offsets.size - 1,):
        raise ValueError(
            f"episode_end must have one entry per episode, got shape {finish.shape} for "
            f"{offsets.size - 1} episodes."
        )
    open_ = np.isnan(last)
    last = np.where(open_, first, last) if open_.any() else last
    return replace(_measure(first, last, open_, offsets, finish, missing, None), unit=unit)


def _interval(index: int, row: tuple[str, float, float | None]) -> tuple[str, float, float | None]:
    try:
        name, start, end = row
        fine = math.isfinite(start) and (end is None or math.isfinite(end))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"interval {index} must be (name, start, end), got {row!r}. "
            "Write None for the end of an agent that never ended."
        ) from error
    if not fine:
        raise ValueError(
            f"interval {name!r} must have finite times, got {row!r}. "
            "Write None for the end of an agent that never ended."
        )
    return name, start, end


def _measure(
    start: Times,
    end: Times,
    open_: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    finish: Times | None,
    missing: Missing,
    names: Sequence[str] | None,
) -> ConcurrencyBatch:
    """Both public forms: check, close or drop the open intervals, drop the empty ones, sweep."""
    if missing not in ("clip", "drop"):
        raise ValueError(f'missing must be "clip" or "drop", got {missing!r}.')
    sizes = np.diff(offsets)
    first, last, finish_ = _as_floats(start, end, offsets, finish)
    _check_order(start, end, first, last, names)
    latest = segment_max(np.maximum(first, last), offsets)
    if finish_ is None:
        finish_ = latest
    _check_finish(last, np.repeat(finish_, sizes), np.repeat(latest, sizes), start, end, names)
    if missing == "clip" and open_.any():
        last = np.where(open_, np.repeat(finish_, sizes), last)
    first, last, closing, filled = _without_empty(first, last, offsets)
    union, peak = _sweep(first, last, closing, offsets)
    until = closing if finish is None else finish_
    makespan = np.where(filled, until - segment_min(first, offsets), 0.0)
    work = segment_sum(last - first, offsets)
    with np.errstate(invalid="ignore"):  # 0/0 is NaN on purpose
        busy, wall = work / union, work / makespan
    unfinished = segment_sum(open_.astype(np.int64), offsets)
    return ConcurrencyBatch(busy, wall, peak, unfinished, work, union, makespan)


def _without_empty(
    first: FloatArray, last: FloatArray, offsets: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    """Move empty intervals to the last end of their episode, where they change nothing.

    There they add no union, no makespan, and no peak, since ends come before starts. A dropped
    interval is empty too: its end still equals its start. Returns the moved times, each episode's
    last end, and whether it has any interval that is not empty.
    """
    kept = last > first
    filled = segment_max(kept.astype(np.int64), offsets) > 0
    closing = segment_max(np.where(kept, last, -np.inf), offsets)
    closing = np.where(filled, closing, 0.0)
    fill = np.repeat(closing, np.diff(offsets))
    return np.where(kept, first, fill), np.where(kept, last, fill), closing, filled


def _as_floats(
    start: Times,
    end: Times,
    offsets: NDArray[np.int64],
    finish: Times | None,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Times as float64; integers relative to the first start, so nanoseconds stay exact."""
    if start.size and start.dtype.kind in "iu" and end.dtype.kind in "iu":
        origin = segment_min(start.astype(np.int64), offsets)
        shift = np.repeat(origin, np.diff(offsets))
        closing = None if finish is None else np.asarray(finish - origin, dtype=np.float64)
        return (
            (start - shift).astype(np.float64),
            (end - shift).astype(np.float64),
            closing,
        )
    closing = None if finish is None else finish.astype(np.float64)
    return start.astype(np.float64), end.astype(np.float64), closing


def _check_order(
    start: Times,
    end: Times,
    first: FloatArray,
    last: FloatArray,
    names: Sequence[str] | None,
) -> None:
    wrong = ~((first <= last) & np.isfinite(first) & np.isfinite(last))
    if wrong.any():
        k = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{_label(k, names)} must have finite times and start before it ends, got start="
            f"{start[k].item()!r} and end={end[k].item()!r}. Take both from one monotonic clock."
        )


def _check_finish(
    last: FloatArray,
    finish: FloatArray,
    latest: FloatArray,
    start: Times,
    end: Times,
    names: Sequence[str] | None,
) -> None:
    wrong = ~(np.isfinite(finish) & (latest <= finish))
    if wrong.any():
        late = np.flatnonzero(wrong & (last == latest))
        k = int(late[0] if late.size else np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{_label(k, names)} runs past the episode's end: start={start[k].item()!r}, "
            f"end={end[k].item()!r}. Give the time when the last agent was done as episode_end, "
            "or leave episode_end out."
        )


def _label(k: int, names: Sequence[str] | None) -> str:
    return f"interval {k}" if names is None else f"interval {names[k]!r}"


def _sweep(
    first: FloatArray, last: FloatArray, closing: FloatArray, offsets: NDArray[np.int64]
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Union and peak of each episode.

    Episodes of similar length (the same power of two) become the rows of one matrix, so that numpy
    sorts them all at once and padding at most doubles the size.
    """
    sizes = np.diff(offsets)
    union = np.zeros(sizes.size)
    peak = np.zeros(sizes.size, dtype=np.int64)
    buckets = np.frexp(np.maximum(sizes - 1, 0))[1]
    for bucket in np.unique(buckets[sizes > 0]).tolist():
        ids = np.flatnonzero((buckets == bucket) & (sizes > 0))
        column = np.arange(sizes[ids].max())
        inside = column < sizes[ids, None]
        index = offsets[ids, None] + np.where(inside, column, 0)
        pad = closing[ids, None]
        starts = np.sort(np.where(inside, first[index], pad), axis=1)
        ends = np.sort(np.where(inside, last[index], pad), axis=1)
        # If the k-th end comes before the next start, all k that had started are over: a gap.
        gaps = np.maximum(starts[:, 1:] - ends[:, :-1], 0.0).sum(axis=1)
        union[ids] = ends[:, -1] - starts[:, 0] - gaps
        # A stable sort of ends, then starts, puts the ends first where times are equal.
        order = np.argsort(np.concatenate([ends, starts], axis=1), axis=1, kind="stable")
        change = np.where(order < ends.shape[1], np.int32(-1), np.int32(1))
        peak[ids] = np.cumsum(change, axis=1, dtype=np.int32).max(axis=1, initial=0)
    return union, peak
