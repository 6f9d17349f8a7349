"""Which run is best at each compute, from which compute to which."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlviz.report.compare.estimate import Estimate, Estimates
from rlviz.report.compare.run_curves import Contender

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_PLACES = 400
_SHORTEST = 0.05
"""Share of all compute: shorter ranges are told only where they say something of their own."""
_TINY = 0.002
"""Share of all compute: the first and the last steps of runs never fall together."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of compute along which the same run is best, or which run is can't be told.

    Attributes:
        from_flops, to_flops: its ends.
        names: the best run; or those that may be, by their intervals, somewhere in it.
        alone: whether no other run has a value there.
        begin, end: the best run's value at either end, whichever run that is.
    """

    from_flops: float
    to_flops: float
    names: tuple[str, ...]
    alone: bool
    begin: Estimate
    end: Estimate


@dataclass(frozen=True, slots=True)
class Frontier:
    """The best of the curves at each of n places; C curves, turned so that more is better.

    Attributes:
        flops: (n,), increasing.
        best: the number of the highest curve, (n,).
        may_be: whether each curve may be the best: it is, or the interval of its distance from the
            highest holds 0, (C, n).
        covers: whether each curve has a value there, (C, n).
        value: of the highest curve, (n,).
    """

    names: tuple[str, ...]
    flops: Floats
    best: NDArray[np.int64]
    may_be: Flags
    covers: Flags
    value: Estimates

    def may_lead(self, flops: float) -> tuple[str, ...]:
        """The runs that may be the best at one of the places."""
        at = int(np.searchsorted(self.flops, flops))
        return tuple(n for n, may in zip(self.names, self.may_be[:, at], strict=True) if may)

    def leads_since(self, flops: float) -> tuple[str, float] | None:
        """The run that is ahead of every other at a compute that all have, and from which compute
        on; None if it can't be told."""
        at = int(np.searchsorted(self.flops, flops))
        ahead = (self.may_be.sum(axis=0) == 1) & (self.best == self.best[at])
        if not ahead[at]:
            return None
        behind = np.flatnonzero(~(ahead & self.covers.all(axis=0))[: at + 1])
        first = behind[-1] + 1 if len(behind) else 0
        return self.names[self.best[at]], float(self.flops[first])

    def stretches(self, up: float) -> tuple[Stretch, ...]:
        """The ranges in order, with values as they were before the curves were turned."""
        changes = (self.may_be[:, 1:] != self.may_be[:, :-1]).any(axis=0)
        changes |= (self.covers[:, 1:] != self.covers[:, :-1]).any(axis=0)
        starts = [0, *(np.flatnonzero(changes) + 1).tolist()]
        ranges = [
            _Range(first, after, frozenset(np.flatnonzero(self.may_be[:, first]).tolist()))
            for first, after in pairwise([*starts, len(self.flops)])
        ]
        value = self.value.turned(up)
        width = self.flops[-1] - self.flops[0]
        found = [self._stretch(part, value) for part in self._joined(ranges)]
        return tuple(s for s in found if s.to_flops - s.from_flops >= _TINY * width)

    def _joined(self, ranges: "list[_Range]") -> "list[_Range]":
        """The ranges without short ones beside one whose runs include theirs: where curves touch,
        what can be told changes from place to place. Ranges where a curve begins or ends stay."""
        width = self.flops[-1] - self.flops[0]
        done = False
        while not done:
            done = True
            for k, (one, other) in enumerate(pairwise(ranges)):
                if (self.covers[:, one.first] != self.covers[:, other.first]).any():
                    continue
                small, large = sorted((one, other), key=lambda part: len(part.runs))
                length = self.flops[small.after - 1] - self.flops[small.first]
                is_last = small is other and self._curve_ends_before(other.after)
                is_short = length < _SHORTEST * width and not is_last and small.first > 0
                if one.runs == other.runs or (small.runs < large.runs and is_short):
                    ranges[k : k + 2] = [_Range(one.first, other.after, large.runs)]
                    done = False
                    break
        return ranges

    def _stretch(self, part: "_Range", value: Estimates) -> Stretch:
        """It ends where the next one begins."""
        first, after = part.first, part.after
        last = after - 1 if self._curve_ends_before(after) else after
        begin = first - 1 if self._curve_ends_before(first) else first
        names = tuple(self.names[k] for k in sorted(part.runs))
        alone = bool(self.covers[:, first].sum() == 1)
        ends = float(self.flops[begin]), float(self.flops[last])
        return Stretch(*ends, names, alone, value[first], value[last])

    def _curve_ends_before(self, place: int) -> bool:
        """Whether a curve has a value at the place before, but not here: the best one may drop."""
        if not 0 < place < len(self.flops):
            return place > 0
        return bool((self.covers[:, place - 1] & ~self.covers[:, place]).any())


@dataclass(frozen=True, slots=True)
class _Range:
    """The places from `first` to before `after`, and the runs that may be best in it."""

    first: int
    after: int
    runs: frozenset[int]


def frontier_of(contenders: Sequence[Contender], *also: float) -> Frontier:
    """The frontier of some curves at about 400 places over all their compute, at the ends of each
    curve and at the places in `also`."""
    ends = np.array([c.ends for c in contenders])
    begin, end = float(ends[:, 0].max()), float(ends[:, 1].min())
    parts: list[Floats] = [
        ends.ravel(),
        np.asarray(also, dtype=np.float64),
        np.linspace(ends.min(), ends.max(), _PLACES),
    ]
    if begin < end:
        parts.append(np.linspace(begin, end, _PLACES))
    flops = np.unique(np.concatenate(parts))
    covers = (flops >= ends[:, :1]) & (flops <= ends[:, 1:])
    flops, covers = flops[covers.any(axis=0)], covers[:, covers.any(axis=0)]
    values = [c.at(flops).where(at) for c, at in zip(contenders, covers, strict=True)]
    height = np.array([v.value for v in values])
    best = np.nanargmax(height, axis=0)
    wide = [c.for_difference(flops).where(at) for c, at in zip(contenders, covers, strict=True)]
    top, top_wide = (_taken(rows, best) for rows in (values, wide))
    may_be = np.array(
        [at & ~(top_wide.minus(v).low > 0) for v, at in zip(wide, covers, strict=True)]
    )
    may_be[best, np.arange(len(flops))] = True
    return Frontier(tuple(c.name for c in contenders), flops, best, may_be, covers, top)


def _taken(rows: Sequence[Estimates], best: NDArray[np.int64]) -> Estimates:
    """Of C rows of n values the one that `best` names at each place."""
    places = np.arange(len(best))
    parts = (np.array([getattr(row, p) for row in rows]) for p in ("value", "low", "high"))
    return Estimates(*(part[best, places] for part in parts))
