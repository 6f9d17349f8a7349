"""What a curve did, in order: it rises, falls or stays level, without gaps."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.curves import Curve
from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.levels import LEVEL
from rlviz.report.statistics.moves import Move, Piece
from rlviz.report.statistics.turns import is_certain, turning_points

Floats = NDArray[np.float64]
Kind = Literal["rises", "falls", "level"]

_SPLITS = tuple(0.03 * 1.15**k for k in range(17))
"""How far a straight piece must miss the curve, as a share of its range, until it is split; the
first at which no more than `_PHRASES` segments are told."""
_PHRASES = 5


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
        certain: False if noise alone explains every change of the series; of a level part also if
            it is not sure to stay within that tenth.
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


def pieces_of(binned: Binned) -> list[Piece]:
    """What the curve does, from the first bin to the last; one uncertain piece if nothing is
    certain."""
    moves = [Move(binned, a, b) for a, b in pairwise(turning_points(binned.curve, binned.evidence))]
    last = len(binned.curve) - 1
    if len(moves) == 1 and not is_certain(moves[0].strength, 1):
        return [Piece(0, last, 0, "", moves[0].strength, certain=False)]
    told: list[Piece] = []
    for split in _SPLITS:
        told = _together(binned.curve, [piece for move in moves for piece in move.pieces(split)])
        if len(told) <= _PHRASES:
            break
    return told


def _together(curve: Floats, pieces: list[Piece]) -> list[Piece]:
    """Level pieces on both sides of a turn as one."""
    found: list[Piece] = []
    for piece in pieces:
        if found and not found[-1].sign and not piece.sign:
            change = abs(curve[piece.last] - curve[found[-1].first])
            if change < LEVEL:
                piece = replace(found.pop(), last=piece.last)
        found.append(piece)
    return found


def segments_of(
    curve: Curve, ends: tuple[float, float], pieces: list[Piece], places: Floats
) -> tuple[Segment, ...]:
    """The pieces with the values of the curve at their ends.

    Args:
        curve: the curve.
        ends: the first and the last position of the series, in the unit of the axis.
        places: of the bins, in that unit, (n,).
    """
    knots = [ends[0], *(_between(curve, places, a, b) for a, b in pairwise(pieces)), ends[1]]
    level = LEVEL * float(np.ptp(curve.y))
    found = []
    for piece, (start, end) in zip(pieces, pairwise(knots), strict=True):
        first, last = curve.at(start), curve.at(end)
        # Pieces are judged by the bins, which the ends of the curve may leave.
        stays = bool(piece.sign) or abs(last.value - first.value) <= level
        kind: Kind = "level"
        if piece.sign:
            kind = "rises" if last.value > first.value else "falls"
        found.append(
            Segment(
                kind,
                start,
                end,
                first.value,
                last.value,
                piece.pace,
                piece.certain and stays,
                first.error,
                last.error,
                piece.strength,
            )
        )
    return tuple(found)


def _between(curve: Curve, places: Floats, before: Piece, after: Piece) -> float:
    """Where one piece ends and the next begins: where they turn, the extreme of the curve there."""
    at = after.first
    if before.sign * after.sign >= 0:
        return float(places[at])
    near = (curve.x >= places[at - 1]) & (curve.x <= places[min(at + 1, len(places) - 1)])
    if not near.any():
        return float(places[at])
    x, y = curve.x[near], before.sign * curve.y[near]
    best = int(y.argmax())
    return float(x[best] if y[best] > before.sign * curve.at(places[at]).value else places[at])
