"""Averages whose memory fades unevenly, along x or over gaps, as matrix products.

Within a block of 16 points a weight, ``exp(−(x_t − x_j)/tau)``, is a quotient of two numbers that
each depend on one point. So the points are multiplied by ``r_j = exp((x_j − anchor)/tau)`` and
added up by a product with a triangle of ones; the division by r_t cancels between numerator and
denominator. The sums that enter a block follow the same rule over the blocks' ends, in float64. For
a memory per point with gaps, x is the number of finite points so far.
"""

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.blocks import Recurrence, pack, unpack

Floats = NDArray[Any]

TILE = 1 << 17
"""How many points are averaged at a time if r is computed once for many series or in float32."""
TILE_ALONE = 1 << 16
"""The same number if every point needs its own r: the float64 values then stay in a CPU's cache."""
_BLOCK = 16
_FINE = 1.0
"""Up to this many tau in a block, exp in float32 is as exact as float32 can be."""
_SPAN = {4: 25.0, 8: 200.0}
"""Bytes of a number -> the most tau in a block. Longer blocks are left to the blocks of
`rlviz.smooth.averages`: r would overflow or be less exact than promised."""


class Positions:
    """Points along x, which many series may share.

    Args:
        at: x, (1, T) or (R, T), float64, never decreasing.
        tau: memory, in the unit of x.
        dtype: the dtype of the values.

    Attributes:
        growth: r of every point in its block, (R | 1, n, 16); None if a block spans too much.
        weights: the running sums of r in each block.
        ends: where the blocks end, in tau from the first point on, (R | 1, n).
    """

    def __init__(self, at: Floats, tau: float, dtype: Any) -> None:
        self.growth = _growth(at, tau, dtype)
        self.ends = _ends(at) / tau
        if self.growth is not None:
            self.weights = self.growth @ _triangle(dtype)
            if missing := -at.shape[-1] % _BLOCK:  # padding of the last block
                self.weights[:, -1, -missing:] = self.weights[:, -1, -missing - 1, None]


def along(
    y: Floats, positions: Positions, num: Floats, den: Floats, known: Floats | None, out: Floats
) -> tuple[Floats, Floats] | None:
    """Write averages along x.

    Args:
        y: (R, T), 0 in a gap.
        positions: the positions of the points.
        num, den: the two sums at the first x, (R,).
        known: which points exist, (R, T); None for all.
        out: (R, T).

    Returns:
        The two sums at the last x; None if a block spans too much of x or a sum overflows.
    """
    growth, ends = positions.growth, positions.ends
    if growth is None:
        return None
    alike = known is None and len(growth) == 1 and bool((den == den[0]).all())
    weights = positions.weights
    if known is not None:
        weights = (_blocks(known.astype(y.dtype)) * growth) @ _triangle(y.dtype)
    sums = (_blocks(y) * growth) @ _triangle(y.dtype)
    of_blocks = growth[..., -1].astype(np.float64)
    before, num = _entering(sums[..., -1] / of_blocks, ends, num)
    if not _fits(before, num, y.dtype):
        return None
    before_den, den = _entering(weights[..., -1] / of_blocks, ends, den[:1] if alike else den)
    sums += before[..., None].astype(y.dtype)
    weights = weights + before_den[..., None].astype(y.dtype)
    if alike:
        sums *= 1 / weights
    else:
        sums /= weights
    out[...] = sums.reshape(len(y), -1)[:, : y.shape[-1]]
    if known is not None:
        np.copyto(out, np.nan, where=~known)
    return num, np.broadcast_to(den, num.shape)


def over_gaps(
    y: Floats, weight: float, num: Floats, den: Floats, out: Floats
) -> tuple[Floats, Floats] | None:
    """Write averages with a memory per finite point; gaps leave the memory unchanged.

    Args:
        y: (R, T); not finite in a gap.
        weight: memory, in (0, 1).
        num, den, out, and the returned sums: as in `along`.

    A block without a gap is a product with powers of the weight; other blocks run along the number
    of finite points.
    """
    fade = -math.log(weight) if weight > 0 else math.inf
    if fade * _BLOCK > _SPAN[y.dtype.itemsize]:
        return None
    dtype, gain = y.dtype, 1 - weight
    places = np.arange(_BLOCK)
    known = _blocks(np.isfinite(y))
    shape = known.shape[:-1]
    points = _blocks(y).reshape(-1, _BLOCK)
    points = points.copy() if y.shape[-1] % _BLOCK == 0 else points
    holed = _holed(known)
    seen = known.reshape(-1, _BLOCK)[holed].astype(dtype)
    part = points[holed]
    np.copyto(part, 0, where=seen == 0)
    points[holed] = part
    counts = seen @ _triangle(dtype)
    fine = dtype.itemsize == 8 or fade * _BLOCK <= _FINE
    growth = np.exp(fade * (counts if fine else counts.astype(np.float64))).astype(dtype)
    part *= growth
    sums = part @ _triangle(dtype)
    amounts = (points @ (weight ** places[::-1]).astype(dtype)).astype(np.float64)
    amounts[holed] = sums[:, -1] / growth[:, -1].astype(np.float64)
    of_blocks = np.full(len(points), float(_BLOCK))
    of_blocks[holed] = counts[:, -1]
    of_block = of_blocks.reshape(shape)
    ends = np.cumsum(of_block, -1)
    before, num = _entering(amounts.reshape(shape), fade * ends, num)
    if not _fits(before, num, dtype):
        return None
    entering = before.astype(dtype).reshape(-1)
    # Distance of a sum of weights from its limit, as a share of the limit.
    lacking = np.exp(-fade * (ends - of_block)) * (1 - gain * den[:, None])
    of_sum = (1 - lacking).astype(dtype).reshape(-1)
    points[:, 0] += dtype.type(weight) * entering
    distance = places[None, :] - places[:, None]
    powers = np.where(distance >= 0, gain * weight ** np.maximum(distance, 0.0), 0.0)
    averages = points @ powers.astype(dtype)
    young = np.flatnonzero(np.abs(lacking) > np.finfo(dtype).eps / 8)
    if len(young):
        own = -np.expm1(-fade * (places + 1)).astype(dtype)
        faded = (weight ** (places + 1)).astype(dtype)
        if 2 * len(young) < len(points):
            averages[young] /= of_sum[young, None] * faded + own
        else:
            share = of_sum[:, None] * faded
            share += own
            averages /= share
    weights = (seen * growth) @ _triangle(dtype)
    weights += (of_sum[holed] / dtype.type(gain))[:, None]
    sums += entering[holed, None]
    sums /= weights
    np.copyto(sums, np.nan, where=seen == 0)
    averages[holed] = sums
    out[...] = averages.reshape(len(y), -1)[:, : y.shape[-1]]
    return num, (1 - np.exp(-fade * ends[:, -1]) * (1 - gain * den)) / gain


def _holed(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of the blocks, (R, n, 16), in which a point is unknown; 8 points are checked at a
    time."""
    words = known.reshape(-1, _BLOCK).view(np.uint64)
    return np.flatnonzero((words[:, 0] & words[:, 1]) != _ALL)


_ALL = np.uint64(0x0101010101010101)


def _fits(before: Floats, num: Floats, dtype: Any) -> bool:
    """Whether this dtype can carry the sums."""
    most = float(np.finfo(dtype).max) / 4
    return bool(np.abs(before).max() < most and np.abs(num).max() < most)  # false for NaN


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
    """``exp((x − anchor)/tau)``, (R, n, 16), where the anchor of a block is the last x of the block
    before; None if a value is too large."""
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
    """The ends of the blocks, measured from the start, (R, n)."""
    start = at[:, :1] if first is None else first
    return np.asarray(_blocks(at, last=True)[..., -1] - start)


def _blocks(array: Floats, *, last: bool = False) -> Floats:
    """(R, T) -> (R, n, 16), padded with 0 or with the last point."""
    rows, length = array.shape
    count = -(-length // _BLOCK)
    if count * _BLOCK != length:
        padded = np.empty((rows, count * _BLOCK), array.dtype)
        padded[:, :length] = array
        padded[:, length:] = array[:, -1:] if last else 0
        array = padded
    return array.reshape(rows, count, _BLOCK)


@functools.cache
def _triangle(dtype: Any) -> Floats:
    """The matrix that makes ``b @ triangle`` the running sums of b."""
    return np.triu(np.ones((_BLOCK, _BLOCK), dtype))
