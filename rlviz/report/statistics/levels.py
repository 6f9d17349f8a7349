"""Level stretches of a move: parts in which it surely changes little."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.evidence import slopes
from rlviz.report.statistics.turns import LEAST, VISIBLE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEVEL = 0.1
"""A level stretch surely changes by less than this share of the curve's range."""
_FLATTER = 0.25
"""It is flatter than this share of the slope beside it."""
_SHORTEST = 0.05
"""Of the axis."""
_HIDDEN = 0.03
"""A certain change is still called level if it is smaller than this share of the range."""
_ONE_SIDED = 1.645
_PART = 0.7
"""A piece is cut down to the level stretch in it if that is this share of it."""
_GRID = 24


class Levels:
    """Tells which stretches of a series are level."""

    def __init__(self, binned: Binned) -> None:
        self._place, self._y, self._curve = binned.place, binned.still, binned.curve
        self._evidence = binned.still_evidence

    def is_level(self, first: int, last: int, beside: float = np.inf) -> bool:
        """Whether one stretch is level; `beside` is the slope of what is next to it."""
        return bool(self._level(np.array([first]), np.array([last]), beside)[0])

    def are_level(self, knots: list[int], sign: int) -> list[bool]:
        """Whether each piece of a move is level. A piece in which the curve runs against the move
        by less than a tenth of its range is."""
        beside = self._beside(knots)
        found = []
        for (a, b), slope in zip(pairwise(knots), beside, strict=True):
            change = sign * (self._curve[b] - self._curve[a])
            found.append(-LEVEL < change <= 0 or self.is_level(a, b, slope))
        return found

    def fitted(self, knots: list[int], sign: int) -> list[int]:
        """The knots moved such that a flat piece with a level stretch in it ends where that does,
        and without pieces that run against the move."""
        knots = self._without_runs_against(knots, sign)
        for k in range(len(knots) - 1):
            beside = self._beside(knots)[k]
            a, b = knots[k], knots[k + 1]
            if beside == np.inf or self.is_level(a, b, beside):
                continue
            found = self._longest(a, b, beside, at_start=k == 0, at_end=k == len(knots) - 2)
            if found is not None:
                knots[k], knots[k + 1] = found
        return knots

    def _without_runs_against(self, knots: list[int], sign: int) -> list[int]:
        knots = list(knots)
        while len(knots) > 2:
            changes = sign * np.diff(self._curve[knots])
            if changes.min() > -LEVEL:
                break
            worst = int(changes.argmin())
            del knots[min(max(worst, 1), len(knots) - 2)]
        return knots

    def _beside(self, knots: list[int]) -> list[float]:
        """The slope of the flattest neighbor of each piece; infinite without one."""
        slope = np.abs(np.diff(self._curve[knots]) / np.diff(self._place[knots]))
        padded = np.concatenate([[np.inf], slope, [np.inf]])
        return [float(slope) for slope in np.minimum(padded[:-2], padded[2:])]

    def _longest(
        self, first: int, last: int, beside: float, *, at_start: bool, at_end: bool
    ) -> tuple[int, int] | None:
        """The longest level stretch in a piece; at an end of the move it reaches that."""
        middle = first + int((1 - _PART) * (last - first))
        starts = (
            np.array([first])
            if at_start
            else np.unique(np.linspace(first, middle, _GRID).astype(int))
        )
        middle = last - int((1 - _PART) * (last - first))
        ends = (
            np.array([last]) if at_end else np.unique(np.linspace(middle, last, _GRID).astype(int))
        )
        m, q = (part.ravel() for part in np.meshgrid(starts, ends, indexing="ij"))
        long = q - m >= max(3, _PART * (last - first))
        m, q = m[long], q[long]
        if not len(m):
            return None
        level = np.flatnonzero(self._level(m, q, beside))
        if not len(level):
            return None
        best = level[(self._place[q] - self._place[m])[level].argmax()]
        return int(m[best]), int(q[best])

    def _level(self, first: Ints, last: Ints, beside: float) -> Bools:
        """(k,): whether each stretch is much flatter than what is beside it, changes by less than a
        tenth of the range, surely so if visibly, and has no certain change."""
        evidence = self._evidence
        extent = self._place[last] - self._place[first]
        change = np.abs(self._curve[last] - self._curve[first])
        lengths = last + 1 - first
        error = evidence.slope_errors(first, last + 1)
        bound = (np.abs(slopes(self._y, first, last + 1)) + _ONE_SIDED * error) * (lengths - 1)
        sure = (bound < LEVEL) & (bound <= _FLATTER * beside * extent)
        found = (lengths >= 3) & (extent >= _SHORTEST) & (change < LEVEL)
        found &= (sure | (change < VISIBLE)) & (change <= _FLATTER * beside * extent)
        some = np.flatnonzero(found & (change >= _HIDDEN))
        if len(some):
            signs = np.sign(self._curve[last] - self._curve[first])[some]
            strength = evidence.strengths(first[some], last[some], signs)
            found[some] = strength < LEAST
        return found
