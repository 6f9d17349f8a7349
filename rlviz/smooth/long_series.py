"""Long series, a part at a time: to look at one takes no second series of its length."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PART = 1 << 16


def parts(count: int, most: int = PART) -> Iterator[slice]:
    """The slices, of at most so many entries, that make up a series of that many.

    >>> [part.stop for part in parts(100_000)]
    [65536, 100000]
    """
    for begin in range(0, count, most):
        yield slice(begin, min(begin + most, count))


def steps(x: Floats) -> Iterator[Floats]:
    """The differences of neighbors, in order.

    >>> [part.tolist() for part in steps(np.array([1.0, 3.0, 2.0]))]
    [[2.0, -1.0]]
    """
    for part in parts(len(x) - 1):
        yield x[part.start + 1 : part.stop + 1] - x[part]


def never_decreases(x: Floats) -> bool:
    """Whether finite values, (n,), are in order."""
    return not any((part < 0).any() for part in steps(x))


def distinct(x: Floats) -> int:
    """How many different values there are in a series of finite ones that never decreases.

    >>> distinct(np.array([1.0, 1.0, 2.0]))
    2
    """
    return sum(int(np.count_nonzero(part)) for part in steps(x)) + 1 if len(x) else 0
