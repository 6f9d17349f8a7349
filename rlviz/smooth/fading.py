"""Averages whose memory fades unevenly, along x or over gaps, as matrix products.

Within a block of 16 points a weight is ``exp(−(x_t − x_j)/tau)``: a quotient of two numbers, each of
one point alone. So the points are multiplied with ``r_j = exp((x_j − anchor)/tau)``, added up by a
product with a triangle of ones, and what r_t would divide numerator and denominator by cancels.
What enters a block is the same over the blocks' ends, in float64. Over gaps of a memory per point,
x is how many finite points there are.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.blocks import Recurrence, pack, unpack

Floats = NDArray[Any]

TILE = 1 << 16
"""Points to be averaged at a time: what that needs stays in a CPU's cache."""
_BLOCK = 16
_FINE = 1.0
"""Up to so many tau in a block, exp in float32 is as good as float32 can be."""
_SPAN = {4: 25.0, 8: 100.0}
"""A block of more tau, by bytes of a number, is left to the blocks of `rlviz.smooth.averages`: r
would overflow, or be less exact than is promised."""


def along(
    y: Floats, at: Floats, tau: float, num: Floats, den: Floats, known: Floats | None, out: Floats
) -> tuple[Floats, Floats] | None:
    """Write averages along x.

    Args:
        y: (R, T), 0 in a gap.
        at: x, (1, T) or (R, T), float64, never decreasing; from the first of them on.
        num, den: the two sums as they are at the first x, (R,).
        known: which points there are, (R, T); None for all.
        out: (R, T).

    Returns:
        The two sums at the last x; None, where a block spans too much of x, or a sum overflows.
    """
    growth = _growth(at, tau, y.dtype)
    if growth is None:
        return None
    return _average(y, growth, _ends(at) / tau, num, den, known, out)


def over_gaps(
    y: Floats, known: NDArray[np.bool_], weight: float, num: Floats, den: Floats, out: Floats
) -> tuple[Floats, Floats] | None:
    """Write averages of a memory per finite point, which gaps leave as it is.

    Args: as of `along`.
    """
    fade = -math.log(weight) if weight > 0 else math.inf
    if fade * _BLOCK > _SPAN[y.dtype.itemsize]:
        return None
    counts = _blocks(known.astype(y.dtype)) @ _triangle(y.dtype)
    if fade * _BLOCK > _FINE and y.dtype.itemsize < 8:
        growth = np.exp(fade * counts.astype(np.float64)).astype(y.dtype)
    else:
        growth = np.exp(y.dtype.type(fade) * counts)
    ends = np.cumsum(counts[..., -1], -1, dtype=np.float64) * fade
    sums = _average(y, growth, ends, num, den, known, out)
    if sums is None:
        return None
    whole = ends[:, -1]
    return sums[0], np.exp(-whole) * den - np.expm1(-whole) / (1 - weight)


def _average(
    y: Floats,
    growth: Floats,
    ends: Floats,
    num: Floats,
    den: Floats,
    known: Floats | None,
    out: Floats,
) -> tuple[Floats, Floats] | None:
    """Averages, given r of every point in its block, (R | 1, n, 16), and where the blocks end, in
    tau from the start, (R | 1, n)."""
    length = y.shape[-1]
    ones = _triangle(y.dtype)
    sums = (_blocks(y) * growth) @ ones
    alike = known is None and len(growth) == 1 and bool((den == den[0]).all())
    if known is None:
        weights = growth @ ones
        if missing := -length % _BLOCK:  # points that only fill the last block
            weights[:, -1, -missing:] = weights[:, -1, -missing - 1, None]
    else:
        weights = (_blocks(known.astype(y.dtype)) * growth) @ ones
    of_blocks = growth[..., -1].astype(np.float64)
    before, num = _entering(sums[..., -1] / of_blocks, ends, num)
    before_den, den_end = _entering(weights[..., -1] / of_blocks, ends, den[:1] if alike else den)
    most = float(np.finfo(y.dtype).max) / 4
    if not (np.abs(before).max() < most and np.abs(num).max() < most):  # NaN is none either
        return None
    sums += before[..., None].astype(y.dtype)
    weights = weights + before_den[..., None].astype(y.dtype)
    if alike:
        sums *= 1 / weights
    else:
        sums /= weights
    out[...] = sums.reshape(len(y), -1)[:, :length]
    if known is not None:
        np.copyto(out, np.nan, where=~known)
    return num, np.broadcast_to(den_end, num.shape)


def _entering(amounts: Floats, ends: Floats, initial: Floats) -> tuple[Floats, Floats]:
    """``h_b = exp(−(end_b − end_{b−1}))·h_{b−1} + amount_b``: h before each block, and the last."""
    rows, count = max(len(amounts), len(initial)), amounts.shape[-1]
    before = np.empty((rows, count))
    before[:, 0] = initial
    if count == 1:
        return before, np.exp(-ends[:, 0]) * initial + amounts[:, 0]
    growth = _growth(ends, 1.0, np.dtype(np.float64), first=0.0)
    if growth is None:
        steps = np.diff(ends, axis=-1, prepend=0.0)
        h = pack(np.broadcast_to(amounts, (rows, count)))
        _, last = Recurrence(pack(np.exp(-steps), fill=1.0)).run(h, initial + np.zeros(rows))
        reached = unpack(h, count)
    else:
        sums = (_blocks(amounts) * growth) @ _triangle(np.dtype(np.float64))
        inner, last = _entering(sums[..., -1] / growth[..., -1], _ends(ends, first=0.0), initial)
        reached = ((sums + inner[..., None]) / growth).reshape(rows, -1)
    before[:, 1:] = reached[:, : count - 1]
    return before, last


def _growth(at: Floats, tau: float, dtype: Any, first: float | None = None) -> Floats | None:
    """``exp((x − anchor)/tau)``, (R, n, 16), the anchor of a block being the last x of the one
    before; None where that is too large."""
    blocks = _blocks(at, last=True)
    anchors = np.empty(blocks.shape[:-1])
    anchors[:, 1:] = blocks[:, :-1, -1]
    anchors[:, 0] = at[:, 0] if first is None else first
    distance = blocks - anchors[..., None]
    distance /= tau
    span = float(distance[..., -1].max())
    if not span <= _SPAN[dtype.itemsize]:
        return None
    if span <= _FINE:
        distance = distance.astype(dtype, copy=False)
    return np.asarray(np.exp(distance).astype(dtype, copy=False))


def _ends(at: Floats, first: float | None = None) -> Floats:
    """Where the blocks end, from the start: (R, n)."""
    start = at[:, :1] if first is None else first
    return np.asarray(_blocks(at, last=True)[..., -1] - start)


def _blocks(array: Floats, *, last: bool = False) -> Floats:
    """(R, T) -> (R, n, 16), what is missing being 0, or as the last point."""
    rows, length = array.shape
    count = -(-length // _BLOCK)
    if count * _BLOCK != length:
        padded = np.empty((rows, count * _BLOCK), array.dtype)
        padded[:, :length] = array
        padded[:, length:] = array[:, -1:] if last else 0
        array = padded
    return array.reshape(rows, count, _BLOCK)


def _triangle(dtype: Any) -> Floats:
    """``b @ triangle`` are the running sums of b."""
    return np.triu(np.ones((_BLOCK, _BLOCK), dtype))
