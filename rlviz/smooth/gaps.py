"""Averages with a memory per point where points are missing: a gap leaves the memory untouched.

So the average at a finite point is that of the finite points alone. They are moved together to the
left, averaged like a series without gaps, and put back.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.constant import ConstantRecurrence

Floats = NDArray[Any]

_FEW = 1 / 32
"""Up to this share of gaps a mask picks points faster than their numbers do, because a processor
guesses its branches."""


def average(
    y: Floats,
    known: NDArray[np.bool_],
    products: ConstantRecurrence,
    num: Floats,
    den: Floats,
    out: Floats,
) -> tuple[Floats, Floats] | None:
    """Write averages, NaN in gaps.

    Args:
        y: (R, T).
        known: which points exist, (R, T).
        products: the recurrence, with a gain of 1 − a.
        num, den: the two sums before the first point, (R,).
        out: (R, T), contiguous.

    Returns:
        The two sums after the last point; None if a sum is too large to carry.
    """
    mask, starts = known.reshape(-1), y.shape[-1] * np.arange(len(y) + 1)
    gaps = mask.size - np.count_nonzero(mask)
    where: Any = np.flatnonzero(~mask if gaps < _FEW * mask.size else mask)
    counts = np.diff(np.searchsorted(where, starts))
    if gaps < _FEW * mask.size:
        where, counts = mask, y.shape[-1] - counts
    points = y.reshape(-1)[where]
    out[...] = np.nan
    if not len(points):
        return num, den
    if len(y) == 1:
        packed = points[None]
    else:
        width = -(-int(counts.max()) // products.block) * products.block
        filled = np.arange(width, dtype=np.int32) < counts.astype(np.int32)[:, None]
        packed = np.zeros(filled.shape, y.dtype)
        packed[filled] = points
    averages = np.empty_like(packed)
    num = products.run(packed, num, averages, counts if len(y) > 1 else None)
    if np.isnan(num).any():
        return None
    den = products.unbias(averages, den, counts)
    out.reshape(-1)[where] = averages[0] if len(y) == 1 else averages[filled]
    return num, den
