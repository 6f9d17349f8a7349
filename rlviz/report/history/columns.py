"""The columns of the rows that stand, decoded when they are asked for."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history.batches import Batch
from rlviz.report.history.counts import plus

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

BLOCK_ROWS = 1 << 14
"""Rows that are decoded at a time."""
KEPT_BYTES = 128 << 20
"""Decoded columns that are kept, the last used ones."""
_FLOPS, _REMAINDER = schema.flops_column(""), schema.flops_remainder_column("")


@dataclass(frozen=True, slots=True)
class RowStretch:
    """Rows of one batch that stand, steps strictly increasing.

    Attributes:
        batch: the batch.
        begin, end: its rows from `begin` to before `end`, if `rows` is None.
        rows: the numbers of its rows, in the order of their steps.
        first, last: the steps of the first and the last row.
    """

    batch: Batch
    begin: int
    end: int
    first: float
    last: float
    rows: Indices | None = None

    def __len__(self) -> int:
        return self.end - self.begin if self.rows is None else len(self.rows)

    @property
    def session(self) -> int:
        return self.batch.header.session

    def row_numbers(self) -> Indices:
        """The numbers of its rows in the batch."""
        return np.arange(self.begin, self.end) if self.rows is None else self.rows

    def block(self, begin: int, end: int) -> Floats:
        """Some of its rows, counted from its first."""
        if self.rows is None:
            return self.batch.block(self.begin + begin, self.begin + end)
        rows = self.rows[begin:end]
        low, high = int(rows.min()), int(rows.max()) + 1
        return np.asarray(self.batch.block(low, high)[rows - low])

    def blocks(self) -> Iterator[Floats]:
        """All its rows, some at a time."""
        for begin in range(0, len(self), BLOCK_ROWS):
            yield self.block(begin, min(begin + BLOCK_ROWS, len(self)))

    def part(self, begin: int, end: int) -> "RowStretch":
        """Some of its rows as a stretch of their own; the steps of its ends are those of all."""
        if self.rows is None:
            begin, end = self.begin + begin, self.begin + end
            return RowStretch(self.batch, begin, end, self.first, self.last)
        rows = self.rows[begin:end]
        return RowStretch(self.batch, 0, 0, self.first, self.last, rows)


Offsets = Mapping[int, Mapping[str, int]]
"""Session -> phase -> FLOPs missing from the session's own count."""


@dataclass(frozen=True)
class Columns(Mapping[str, Floats]):
    """Column name -> values, (T,); NaN where a batch lacks the column.

    A column is decoded each time it is asked for, unless it was asked for lately.

    Attributes:
        names: the columns, in the order of recording.
        stretches: the rows, in the order of their steps.
        offsets: what the counts of FLOPs lack.
    """

    names: tuple[str, ...]
    stretches: Sequence[RowStretch]
    offsets: Offsets = field(default_factory=dict)
    _kept: "OrderedDict[str, Floats]" = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    rows: int = field(init=False)
    """How many rows there are, T."""
    _known: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", sum(len(stretch) for stretch in self.stretches))
        object.__setattr__(self, "_known", frozenset(self.names))

    def __getstate__(self) -> tuple[object, ...]:
        return self.names, tuple(self.stretches), self.offsets

    def __setstate__(self, state: tuple[tuple[str, ...], Sequence[RowStretch], Offsets]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # a copy has a lock of its own

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __getitem__(self, name: str) -> Floats:
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        if name not in self._known:
            raise KeyError(name)
        found = self._decoded(name)
        self.keep(name, found)
        return found

    def keep(self, name: str, values: Floats) -> None:
        """Keep the values of a column for who asks next, (T,)."""
        with self._lock:
            self._kept[name] = values
            while len(self._kept) > 1 and len(self._kept) * values.nbytes > KEPT_BYTES:
                self._kept.popitem(last=False)

    def __or__(self, others: Mapping[str, Floats]) -> dict[str, Floats]:
        """All columns, decoded, and others beside or instead of them."""
        return {**self, **others}

    def part(self, begin: int, end: int) -> "Columns":
        """The same columns of some rows."""
        stretches, at = [], 0
        for stretch in self.stretches:
            first, last = max(begin - at, 0), min(end - at, len(stretch))
            if first < last:
                stretches.append(stretch.part(first, last))
            at += len(stretch)
        return Columns(self.names, stretches, self.offsets)

    def loaded(self) -> "Columns":
        """The same columns, with all rows in memory."""
        stretches = list(self.stretches)
        for numbers, rows in _by_batch(stretches):
            batch, at = Batch(rows.batch.header, rows.block(0, len(rows))), 0
            for number in numbers:
                old = stretches[number]
                stretches[number] = RowStretch(batch, at, at + len(old), old.first, old.last)
                at += len(old)
        return Columns(self.names, stretches, self.offsets)

    def _decoded(self, name: str) -> Floats:
        if name == schema.SESSION:  # the session's own number, whatever its rows say
            lengths = [len(stretch) for stretch in self.stretches]
            return np.repeat([float(stretch.session) for stretch in self.stretches], lengths)
        found = np.full(self.rows, np.nan)
        for alike in self._holders.get(name, ()):
            for rows, stretch in alike:
                if isinstance(rows, slice):
                    self._decode(name, stretch, found[rows])
                else:
                    part = np.empty(len(stretch))
                    self._decode(name, stretch, part)
                    found[rows] = part
        return found

    @cached_property
    def _holders(self) -> dict[str, list[list["_Placed"]]]:
        """Column -> the stretches that have it, each with its rows in the whole, in lists of those
        whose columns are the same: there may be very many columns, each in few of many
        stretches."""
        alike: dict[tuple[str, ...], list[_Placed]] = {}
        for placed in _placed(self.stretches):
            alike.setdefault(placed[1].batch.header.columns, []).append(placed)
        holders: dict[str, list[list[_Placed]]] = {}
        for names, stretches in alike.items():
            for name in names:
                holders.setdefault(name, []).append(stretches)
        return holders

    def _decode(self, name: str, stretch: RowStretch, into: Floats) -> None:
        places = stretch.batch.places
        of_count = count_column(name)
        offset = 0
        if of_count is not None:
            offset = self.offsets.get(stretch.session, {}).get(of_count[0], 0)
        at = 0
        for block in stretch.blocks():
            part = slice(at, at + len(block))
            at += len(block)
            if not offset or of_count is None:
                into[part] = block[:, places[name]]
                continue
            phase, is_remainder = of_count
            both = plus(
                block[:, places[schema.flops_column(phase)]],
                block[:, places[schema.flops_remainder_column(phase)]],
                offset,
            )
            into[part] = both[is_remainder]


_Placed: TypeAlias = tuple[slice | Indices, RowStretch]
"""Rows of one batch, and where they stand among all rows."""
_FEW = 8


def _placed(stretches: Sequence[RowStretch]) -> Iterator[_Placed]:
    """All rows of some stretches, and their places."""
    ends = np.cumsum([0, *(len(stretch) for stretch in stretches)]).tolist()
    for numbers, rows in _by_batch(stretches):
        if len(numbers) == 1:
            yield slice(ends[numbers[0]], ends[numbers[0] + 1]), rows
        else:
            parts = [np.arange(ends[number], ends[number + 1]) for number in numbers]
            yield np.concatenate(parts), rows


def _by_batch(stretches: Sequence[RowStretch]) -> list[tuple[list[int], RowStretch]]:
    """The numbers of stretches, and their rows as one stretch: all of a batch together where there
    are many, for the steps of batches may take turns; else one by one."""
    of_batch: dict[int, list[int]] = {}
    for number, stretch in enumerate(stretches):
        of_batch.setdefault(id(stretch.batch), []).append(number)
    found = []
    for numbers in of_batch.values():
        mine = [stretches[number] for number in numbers]
        if len(mine) <= _FEW:
            found += [([number], stretch) for number, stretch in zip(numbers, mine, strict=True)]
        else:
            rows = np.concatenate([stretch.row_numbers() for stretch in mine])
            whole = RowStretch(mine[0].batch, 0, 0, mine[0].first, mine[-1].last, rows)
            found.append((numbers, whole))
    return found


def count_column(name: str) -> tuple[str, bool] | None:
    """The phase of a column of FLOPs, and whether it holds the remainders; None for others."""
    if name.startswith(_FLOPS):
        return name.removeprefix(_FLOPS), False
    return (name.removeprefix(_REMAINDER), True) if name.startswith(_REMAINDER) else None
