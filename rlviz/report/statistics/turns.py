"""Where a curve turns: its extremes, less those whose moves noise explains."""

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.evidence import Evidence

Floats = NDArray[np.float64]

VISIBLE = 0.05
"""The smallest move that is told, as a share of the curve's range."""
LEAST = 1.5
"""The evidence that a move among others needs; chance rarely reaches it."""
_ALONE = 1.9


def is_certain(strength: float, moves: int) -> bool:
    """Whether a move is more than noise. The only move of a series needs more evidence: where
    nothing happens, it is the one that chance makes."""
    return strength >= (_ALONE if moves == 1 else LEAST)


def turning_points(curve: Floats, evidence: Evidence) -> list[int]:
    """The bins at which a curve, (n,), begins, turns and ends: every move between two of them is
    visible and certain, unless it is the only one.

    Of the moves that are not, the smallest goes first; a turn is always where the curve is extreme
    between its neighbors.
    """
    ends = _extremes(curve)
    visible = VISIBLE * np.ptp(curve)
    while len(ends) > 2:
        moves = np.diff(curve[ends])
        places = np.array(ends)
        strength = evidence.strengths(places[:-1], places[1:], np.sign(moves))
        weak = np.flatnonzero((strength < LEAST) | (np.abs(moves) < visible))
        if not len(weak):
            break
        smallest = int(weak[np.abs(moves[weak]).argmin()])
        ends = _at_extremes(curve, _without(ends, smallest))
    return ends


def _extremes(curve: Floats) -> list[int]:
    steps = np.sign(np.diff(curve))
    moving = np.flatnonzero(steps)  # a flat stretch belongs to what comes before
    turns = moving[1:][steps[moving[1:]] != steps[moving[:-1]]]
    return [0, *turns.tolist(), len(curve) - 1]


def _without(ends: list[int], move: int) -> list[int]:
    """The ends without a move: at an edge it joins the next one, inside it is bridged."""
    if move == 0:
        return [ends[0], *ends[2:]]
    if move == len(ends) - 2:
        return [*ends[:-2], ends[-1]]
    return ends[:move] + ends[move + 2 :]


def _at_extremes(curve: Floats, ends: list[int]) -> list[int]:
    placed = list(ends)
    for i in range(1, len(ends) - 1):
        before, after = placed[i - 1], placed[i + 1]
        part = curve[before : after + 1]
        is_high = curve[placed[i]] > (curve[before] + curve[after]) / 2
        placed[i] = before + int(part.argmax() if is_high else part.argmin())
    return sorted(set(placed))
