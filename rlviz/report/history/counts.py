"""Exact counts in two float64 columns, many at a time."""

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]


def plus(nearest: Floats, remainder: Floats, count: int) -> tuple[Floats, Floats]:
    """Add a count to exact counts, as `rlviz.schema.split_count` splits them.

    Args:
        nearest, remainder: (n,); NaN for an unknown count.
        count: >= 0.

    Returns:
        The parts of the sums, (n,) each, as `split_count` would split them.

    >>> [part.tolist() for part in plus(np.array([2.0**60, np.nan]), np.array([1.0, np.nan]), 2)]
    [[1.152921504606847e+18, nan], [3.0, nan]]
    """
    high, low = schema.split_count(count)
    if not (count < schema.MAX_COUNT and (np.nan_to_num(nearest) < schema.MAX_COUNT).all()):
        return _plus_one_by_one(nearest, remainder, count)
    # The error of a float sum is a float (Dekker 1971; Knuth, TAOCP 4.2.2). All are integers, and
    # what is left beside `total` is below 2**54, so int64 holds it exactly.
    known = np.isfinite(nearest)
    total, error = _sum(np.where(known, nearest, 0.0), np.full(len(nearest), high))
    rest = np.where(known, remainder, 0.0).astype(np.int64) + error.astype(np.int64) + int(low)
    part = rest.astype(np.float64)
    total, error = _sum(total, part)
    rest = error.astype(np.int64) + (rest - part.astype(np.int64))
    total, error = _sum(total, rest.astype(np.float64))
    return np.where(known, total, np.nan), np.where(known, error, np.nan)


def _sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and its error."""
    total = a + b
    of_b = total - a
    return total, (a - (total - of_b)) + (b - of_b)


def _plus_one_by_one(nearest: Floats, remainder: Floats, count: int) -> tuple[Floats, Floats]:
    """The same for counts of any size."""
    found = np.full((2, len(nearest)), np.nan)
    for row in np.flatnonzero(np.isfinite(nearest)).tolist():
        both = schema.join_count(nearest[row], np.nan_to_num(remainder[row])) + count
        found[:, row] = schema.split_count(both)
    return found[0], found[1]


def largest(nearest: Floats, remainder: Floats | None) -> int | None:
    """The largest of exact counts, (n,) each; None if none is known."""
    known = np.isfinite(nearest)
    if not known.any():
        return None
    most = float(nearest[known].max())
    if remainder is None:  # a run that was put together by hand
        return schema.join_count(most, 0.0)
    same = nearest == most  # float64 can't tell these apart
    return schema.join_count(most, float(np.nan_to_num(remainder[same]).max()))
