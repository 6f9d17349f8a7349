"""What a curve did, in order: it rises, falls or stays level, without gaps."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.curves import Curve
from rlviz.report.statistics.evidence import Evidence, slope_variance
from rlviz.report.statistics.pieces import Line, shortest
from rlviz.report.statistics.turns import VISIBLE, is_certain, least_strength, turning_points

Floats = NDArray[np.float64]
Kind = Literal["rises", "falls", "level"]

LEVEL = 0.1
"""A level segment surely changes by less than this share of the curve's range."""
_SPLITS = (0.055, 0.08, 0.12, 0.18, 0.27)
"""How far a straight piece must miss the curve, as a share of its range, until it is split; the
first at which no more than `_PHRASES` segments are told."""
_PHRASES = 5
_LEAST_LEVEL = 0.05
"""The shortest level segment, as a share of the axis."""
_ONE_SIDED = 1.645


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the axis over which a curve does one thing.

    Attributes:
        kind: "rises", "falls", or "level": it changes by less than a tenth of the curve's range, or
            nothing is certain.
        x_start, x_end: its ends, in the unit of the axis.
        y_start, y_end: the curve at its ends, in the unit of the metric.
        pace: beside its neighbors: "", "slowly", "steeply", "jump", "ever faster", "ever slower";
            "constant" for a series without any change.
        certain: False if noise alone explains every change of the series.
        y_start_error, y_end_error: half the width of the curve's band there; None without a band.
        strength: the evidence for its move: by how much the largest |z| of its slopes exceeds what
            chance makes of so many.
    """

    kind: Kind
    x_start: float
    x_end: float
    y_start: float
    y_end: float
    pace: str
    certain: bool
    y_start_error: float | None
    y_end_error: float | None
    strength: float


@dataclass(frozen=True, slots=True)
class Bins:
    """A series in bins, and the curve through it, each array (n,).

    Attributes:
        place: the middle of each bin, as a share of the axis as drawn.
        y: the mean of each bin, in units of the curve's range.
        curve: the curve at these places, in the same unit.
    """

    place: Floats
    y: Floats
    curve: Floats


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the story, between two bins."""

    first: int
    last: int
    kind: Kind
    pace: str
    strength: float
    certain: bool


def pieces_of(bins: Bins, evidence: Evidence) -> list[Piece]:
    """What the curve does, from the first bin to the last; one uncertain piece if nothing is
    certain."""
    ends = turning_points(bins.curve, evidence)
    moves = [_Move(bins, evidence, a, b) for a, b in pairwise(ends)]
    count = len(bins.y)
    if len(moves) == 1 and not is_certain(moves[0].strength, 1, count):
        return [Piece(0, count - 1, "level", "", moves[0].strength, False)]
    told: list[Piece] = []
    for split in _SPLITS:
        told = [piece for move in moves for piece in move.pieces(split)]
        if len(told) <= _PHRASES:
            break
    return told


class _Move:
    """One rise or fall between two turning points."""

    def __init__(self, bins: Bins, evidence: Evidence, first: int, last: int) -> None:
        self._bins, self._evidence = bins, evidence
        self.first, self.last = first, last
        change = bins.curve[last] - bins.curve[first]
        self.sign = 1.0 if change >= 0 else -1.0
        self.strength = evidence.strength(first, last, self.sign)
        self._line: Line | None = None
        gap = shortest(len(bins.y))
        if last - first + 1 >= 3 * gap:
            part = slice(first, last + 1)
            deviation = np.sqrt(evidence.variance[part])
            self._line = Line(
                bins.place[part], bins.y[part], deviation, evidence.correlation, gap, self.sign
            )

    def pieces(self, split: float) -> list[Piece]:
        bends = []
        if self._line is not None:
            self._line.simplified(split)
            bends = [self.first + bend for bend in self._line.bends]
        knots = [self.first, *bends, self.last]
        paces = self._paces(knots)
        knots, paces = self._joined(knots, paces)
        if len(paces) == 1:
            paces = [""]
        kind: Kind = "rises" if self.sign > 0 else "falls"
        return [
            Piece(
                a,
                b,
                "level" if pace == "level" else kind,
                "" if pace == "level" else pace,
                self.strength,
                True,
            )
            for (a, b), pace in zip(pairwise(knots), paces, strict=True)
        ]

    def _paces(self, knots: list[int]) -> list[str]:
        place, curve = self._bins.place, self._bins.curve
        slopes = np.abs(np.diff(curve[knots]) / np.diff(place[knots]))
        mean = abs(curve[self.last] - curve[self.first]) / (place[self.last] - place[self.first])
        found = []
        for k, (a, b) in enumerate(pairwise(knots)):
            near = [float(slopes[j]) for j in (k - 1, k + 1) if 0 <= j < len(slopes)]
            if not near:
                found.append("")
            elif self._is_level(a, b):
                found.append("level")
            elif slopes[k] >= 1.25 * mean and slopes[k] >= 2 * min(near):
                found.append("steeply")
            elif slopes[k] < mean and slopes[k] <= max(near) / 2:
                found.append("slowly")
            else:
                found.append("")
        return found

    def _joined(self, knots: list[int], paces: list[str]) -> tuple[list[int], list[str]]:
        """Neighbors of one pace as one piece; a piece against the move joins a neighbor."""
        knots, paces = list(knots), list(paces)
        k = 0
        while k + 1 < len(paces):
            if paces[k] == paces[k + 1]:
                del knots[k + 1], paces[k + 1]
                if paces[k] == "level" and not self._is_level(knots[k], knots[k + 1]):
                    paces[k] = "slowly"
            else:
                k += 1
        return knots, paces

    def _is_level(self, first: int, last: int) -> bool:
        """Whether a stretch surely changes by less than a tenth of the range, and no visible change
        in it is certain."""
        bins, evidence = self._bins, self._evidence
        part = slice(first, last + 1)
        y, count = bins.y[part], last + 1 - first
        change = abs(bins.curve[last] - bins.curve[first])
        if count < 3 or bins.place[last] - bins.place[first] < _LEAST_LEVEL or change >= LEVEL:
            return False
        index = np.arange(count) - (count - 1) / 2
        spread = slope_variance(np.array([count]), evidence.correlation)[0]
        error = np.sqrt(spread * evidence.variance[part].mean())
        slope = abs(index @ y / (index @ index)) + _ONE_SIDED * error
        if slope * (count - 1) >= LEVEL:
            return False
        if change < VISIBLE:
            return True
        return evidence.strength(first, last, self.sign) < least_strength(len(bins.y))


def segments_of(
    curve: Curve, x: Floats, pieces: list[Piece], places: Floats
) -> tuple[Segment, ...]:
    """The pieces with the values of the curve at their ends.

    Args:
        curve: the curve.
        x: the first and the last position of the series, (2,), in the unit of the axis.
        places: of the bins, in that unit, (n,).
    """
    ends = [*(float(places[piece.first]) for piece in pieces), float(x[-1])]
    ends[0] = float(x[0])
    found = []
    for piece, (start, end) in zip(pieces, pairwise(ends), strict=True):
        first, last = curve.at(start), curve.at(end)
        kind = piece.kind
        if kind != "level":
            kind = "rises" if last.value > first.value else "falls"
        found.append(
            Segment(
                kind,
                start,
                end,
                first.value,
                last.value,
                piece.pace,
                piece.certain,
                first.error,
                last.error,
                piece.strength,
            )
        )
    return tuple(found)
