"""Times of steps: how long a run took by its clock, and how long it stood still."""

import numpy as np
from numpy.typing import NDArray

_LONG_PAUSE = 600.0
_PAUSE_IN_STEPS = 30
"""A step that took ten minutes and as long as thirty steps did not train all the time: the run was
stopped and went on. Evaluations and checkpoints take as long too, but they come back."""
_MOST_PAUSES = 0.01


def elapsed(wall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds since the first of some finite times, (T,); a step back of the clock counts as no
    time.

    >>> elapsed(np.array([10.0, 12.0, 5.0, 6.0]))
    array([0., 2., 2., 3.])
    """
    set_back = np.maximum(-np.diff(wall, prepend=wall[:1]), 0.0)
    since: NDArray[np.float64] = wall - wall[:1] + np.cumsum(set_back)
    return since


def pauses(since: NDArray[np.float64]) -> float:
    """Seconds for which a run stood still: steps far longer than the others, if few are.

    Args:
        since: seconds at the end of each step, never falling, (T,).

    >>> pauses(np.array([0.0, 60.0, 120.0, 36000.0, 36060.0, 36120.0]))
    35820.0
    """
    taken = np.diff(since)
    if len(taken) < 4:
        return 0.0
    usual = float(np.median(taken))
    long = taken[taken > max(_LONG_PAUSE, _PAUSE_IN_STEPS * usual)]
    few = len(long) <= max(3, _MOST_PAUSES * len(taken))
    return float((long - usual).sum()) if few and usual > 0 else 0.0
