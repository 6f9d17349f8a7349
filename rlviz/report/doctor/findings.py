"""The findings of the doctor: their form, and the questions that several of them share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.history import History
from rlviz.report.history.session_account import Session

PROBLEM = "problem"
"""Part of the run is lost, or will be unless somebody acts."""
NOTE = "note"
"""Something is odd or good to know; nothing is lost."""

OVERLAP_SECONDS = 5.0
"""Clocks of two machines may differ by this much."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a run.

    Attributes:
        level: `PROBLEM` or `NOTE`.
        kind: one word for a program.
        what: what was found, in words.
        advice: what to do.
    """

    level: str
    kind: str
    what: str
    advice: str


def goes_on_from(before: Session, after: Session) -> bool:
    """Whether a session continues from the end of the session before it, which had thus ended."""
    return after.resumed_after is not None and after.resumed_after >= before.last_step


def jumps(history: History) -> list[tuple[int, int]]:
    """Stretches without rows among otherwise evenly spaced steps."""
    step = history.step
    strides = np.diff(step)
    usual = usual_stride(step)
    is_usual = strides == usual
    if len(strides) < 4 or is_usual.mean() < 0.75:
        return []
    beside = np.pad(is_usual, 1, constant_values=True)
    alone = ~is_usual & beside[:-2] & beside[2:]  # two in a row: the loop changed its cadence
    at = np.flatnonzero(alone & (strides > usual))
    return [(int(step[i]) + usual, int(step[i + 1]) - usual) for i in at]


def usual_stride(step: NDArray[np.int64]) -> int:
    return int(np.median(np.diff(step))) if len(step) > 1 else 1
