"""One move of a curve, between two turning points, in pieces: each with a pace, or level."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.jumps import Jump
from rlviz.report.statistics.levels import LEVEL, Levels
from rlviz.report.statistics.pieces import Line, curved, shortest
from rlviz.report.statistics.turns import LEAST, VISIBLE

Floats = NDArray[np.float64]

_STEEP, _STEEPER = 1.25, 2.0
"""A steep piece is this much steeper than its move on average, and than a neighbor."""
_NEAR = 0.1
"""How far the curve may round off a jump on either side, as a share of all bins."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what a curve does, from one bin to another.

    Attributes:
        first, last: bins.
        sign: 1 where it rises, −1 where it falls, 0 where it is level.
        pace: see `Segment`.
        strength: the evidence for the move that it is a part of.
        certain: whether noise does not explain it.
    """

    first: int
    last: int
    sign: int
    pace: str
    strength: float
    certain: bool = True


class Move:
    """A rise or a fall of the curve, from one turning point to the next.

    Attributes:
        sign: 1 or −1.
        strength: the evidence for it.

    Args:
        binned: the series.
        first, last: the bins between which it moves.
    """

    def __init__(self, binned: Binned, first: int, last: int) -> None:
        self._binned = binned
        self.first, self.last = first, last
        self.sign = 1 if binned.curve[last] >= binned.curve[first] else -1
        self.strength = binned.evidence.strength(first, last, self.sign)
        self._levels = Levels(binned)
        self._jumps = self._spans()
        self._lines = {run: self._line(*run) for run in self._runs()}
        self._told: dict[tuple[tuple[int, int], tuple[int, ...]], list[Piece]] = {}

    def pieces(self, split: float) -> list[Piece]:
        """Its pieces; one that changes the line by less than `split` is not told."""
        found: list[Piece] = []
        for run, line in self._lines.items():
            if line is not None:
                line.simplified(split)
            bends = () if line is None else tuple(line.bends)
            if (run, bends) not in self._told:
                self._told[run, bends] = self._run(*run, line)
            found += self._told[run, bends]
        found += [Piece(*span, self.sign, "jump", self.strength) for span in self._jumps]
        return sorted(found, key=lambda piece: piece.first)

    def _spans(self) -> list[tuple[int, int]]:
        """The bins between which the curve makes the jumps of this move."""
        found: list[tuple[int, int]] = []
        for jump in self._binned.jumps:
            if not self.first < jump.after <= self.last or np.sign(jump.height) != self.sign:
                continue
            span = self._reach(jump)
            if found and span[0] <= found[-1][1]:
                span = (found.pop()[0], span[1])
            found.append(span)
        return found

    def _reach(self, jump: Jump) -> tuple[int, int]:
        """The nearest bins on both sides of a jump at which the curve has almost left and almost
        reached its extremes nearby: it rounds a jump off."""
        curve = self.sign * self._binned.curve
        most, almost = max(3, int(_NEAR * len(curve))), VISIBLE * abs(jump.height)
        before = curve[max(self.first, jump.after - most) : jump.after][::-1]
        beyond = curve[jump.after : min(self.last + 1, jump.after + most)]
        left = np.flatnonzero(before <= before.min() + almost)[0]
        reached = np.flatnonzero(beyond >= beyond.max() - almost)[0]
        return jump.after - 1 - int(left), jump.after + int(reached)

    def _runs(self) -> list[tuple[int, int]]:
        """What is between the jumps."""
        ends = [self.first, *(bin for span in self._jumps for bin in span), self.last]
        return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if a < b]

    def _line(self, first: int, last: int) -> Line | None:
        binned = self._binned
        gap = shortest(len(binned.curve))
        if last - first + 1 < 3 * gap:
            return None
        part, noise = slice(first, last + 1), binned.evidence.noise
        deviation = np.sqrt(noise.variance[part])
        return Line(
            binned.place[part], binned.still[part], deviation, noise.correlation, gap, self.sign
        )

    def _run(self, first: int, last: int, line: Line | None) -> list[Piece]:
        whole = Piece(first, last, self.sign, "", self.strength)
        if self._jumps and not self._moves(first, last):
            change = abs(self._binned.curve[last] - self._binned.curve[first])
            return [replace(whole, sign=0, certain=bool(change < LEVEL))]
        if line is None:
            return [whole]
        knots = self._levels.fitted(
            [first, *(first + bend for bend in line.bends), last], self.sign
        )
        paces = self._paces(knots)
        worth = 2 if all(sign for sign, _ in paces) else 1  # level stretches are worth telling
        if line.bends and (pace := curved(line, worth)):
            return [replace(whole, pace=pace)]
        return self._joined(
            [
                replace(whole, first=a, last=b, sign=sign, pace=pace)
                for (a, b), (sign, pace) in zip(pairwise(knots), paces, strict=True)
            ]
        )

    def _moves(self, first: int, last: int) -> bool:
        """Whether a part surely and visibly moves with the whole."""
        evidence = self._binned.still_evidence
        change = self.sign * evidence.change(first, last)
        strength = evidence.strength(first, last, self.sign)
        return change >= VISIBLE and strength >= LEAST

    def _paces(self, knots: list[int]) -> list[tuple[int, str]]:
        """The sign and the pace of each piece."""
        if len(knots) == 2:
            return [(self.sign, "")]
        place, curve = self._binned.place, self._binned.curve
        slopes = np.abs(np.diff(curve[knots]) / np.diff(place[knots]))
        mean = abs(curve[knots[-1]] - curve[knots[0]]) / (place[knots[-1]] - place[knots[0]])
        level = self._levels.are_level(knots, self.sign)
        names = []
        for k, slope in enumerate(slopes):
            near = [float(slopes[j]) for j in (k - 1, k + 1) if 0 <= j < len(slopes)]
            pace = ""
            if slope >= _STEEP * mean and slope >= _STEEPER * min(near):
                pace = "steeply"
            elif slope < mean and slope * _STEEPER <= max(near):
                pace = "slowly"
            names.append("" if level[k] else pace)
        for k in range(len(slopes) - 1):  # of two with one name that differ much, only one keeps it
            pair = slopes[k : k + 2]
            if names[k] == names[k + 1] and pair.max() >= _STEEPER * pair.min():
                names[k + int(pair.argmax() if names[k] == "slowly" else pair.argmin())] = ""
        return [(0 if flat else self.sign, name) for flat, name in zip(level, names, strict=True)]

    def _joined(self, pieces: list[Piece]) -> list[Piece]:
        """Neighbors of one pace as one piece."""
        found: list[Piece] = []
        for piece in pieces:
            if found and (found[-1].sign, found[-1].pace) == (piece.sign, piece.pace):
                joined = replace(found.pop(), last=piece.last)
                if not piece.sign and not self._levels.is_level(joined.first, joined.last):
                    joined = replace(joined, sign=self.sign, pace="slowly")
                piece = joined
            found.append(piece)
        return [replace(found[0], pace="")] if len(found) == 1 else found
