"""Means of neighbors, for computations that need fewer points."""

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.long_series import steps

Floats = NDArray[np.float64]


def averaged(x: Floats, y: Floats, most: int) -> tuple[Floats, Floats]:
    """Means of `most` consecutive stretches of nearly equal count; shorter series stay as they are.

    >>> averaged(np.arange(5.0), np.array([1.0, 3.0, 5.0, 7.0, 9.0]), 2)
    (array([0.5, 3. ]), array([2., 7.]))
    """
    if len(x) <= most:
        return x, y
    return means(x, y, np.linspace(0, len(x), most + 1).astype(int)[:-1])


def averaged_ties(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """One point for each x, the mean of its points: steps that cost nothing share one x.

    >>> averaged_ties(np.array([1.0, 1.0, 2.0]), np.array([3.0, 5.0, 0.0]))
    (array([1., 2.]), array([4., 0.]))
    """
    rises = [part > 0 for part in steps(x)]
    if all(part.all() for part in rises):
        return x, y
    return means(x, y, np.flatnonzero(np.concatenate([[True], *rises])))


def means(x: Floats, y: Floats, starts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Means of the stretches that begin at `starts`."""
    counts = np.diff(starts, append=len(x))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts
