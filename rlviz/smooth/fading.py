"""Averages whose memory fades unevenly along x, as matrix products.

Within a block of some 16 points a weight, ``exp(−(x_t − x_j)/tau)``, is a quotient of two numbers
that each depend on one point. So the points are multiplied by ``r_j = exp((x_j − anchor)/tau)`` and
added up by a product with a triangle of ones; the division by r_t cancels between numerator and
denominator. The sums that enter a block follow the same rule over the blocks' ends, in float64.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth.constant import even_block

Floats = NDArray[Any]

TILE = 1 << 17
"""How many points are averaged at a time: a CPU's cache holds all that is computed on the way."""
_FINE = 2.0
"""Up to this many tau in a block, an exponent in float32 is exact enough."""
_SPAN = 37.0
"""The most tau in a block. Longer blocks are left to the blocks of `rlviz.smooth.averages`."""
_GROUP = 16
"""How many blocks are joined by one product: exp(16 · 37) is still a float64."""
_FEW = 16
"""Up to this many blocks are joined by doubling."""
_FORGOTTEN = math.exp(-150)
"""What has faded below this counts for nothing, even where no point came after it."""


@dataclass(frozen=True, slots=True)
class Positions:
    """What averages along x need of it; many series may share it.

    Attributes:
        growth: r of every point, (R | 1, n·B); its anchor is the last x of the block before.
        ends: r at the end of every block, (R | 1, n), float64.
        carry: the recurrence over the blocks.
    """

    growth: Floats
    ends: Floats
    carry: "Carry"


class Fading:
    """Averages of many tiles; the memory for what is computed on the way is kept between them.

    Args:
        length: the usual length of a tile's series; others work, too.
        dtype: dtype of values and averages, float32 or float64.
    """

    def __init__(self, length: int, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self._block = even_block(length)
        self._rooms: dict[str, Any] = {}

    def positions(self, at: Floats, tau: float) -> Positions | None:
        """What `along` needs of x, good until the next call.

        Args:
            at: x, (1, T) or (R, T), float64.
            tau: memory, in the unit of x.

        Returns:
            None if an x is missing or goes backwards, or a block spans too much of x.
        """
        (rows, length), block = at.shape, self._block
        shape = rows, -(-length // block) * block
        steps = self._room("steps", *shape, np.float64)
        steps[:, 0] = 0.0
        np.subtract(at[:, 1:], at[:, :-1], out=steps[:, 1:length])
        steps[:, length:] = 0.0
        if not steps.min() >= 0:  # true for NaN, too
            return None
        steps *= 1 / tau
        spans = np.einsum("rnb->rn", steps.reshape(rows, -1, block))
        most = spans.max()
        if not most <= _SPAN:
            return None
        growth = self._room("growth", *shape)
        if most <= _FINE:
            fine = self._room("fine", *shape)
            np.copyto(fine, steps, casting="same_kind")
            self._add_up(fine, growth)
            np.exp(growth, out=growth)
        else:
            distance = self._room("distance", *shape, np.float64)
            self._add_up(steps, distance)
            np.copyto(growth, np.exp(distance, out=distance), casting="same_kind")
        return Positions(growth, np.exp(spans), Carry(spans))

    def along(
        self,
        y: Floats,
        positions: Positions,
        num: Floats,
        den: Floats,
        known: NDArray[np.bool_],
        out: Floats,
    ) -> tuple[Floats, Floats] | None:
        """Write averages along x.

        Args:
            y: (R, T).
            positions: the positions of the points.
            num, den: the two sums at the first x, (R,).
            known: which points exist, (R, T).
            out: (R, T).

        Returns:
            The two sums at the last x; None if a sum overflows.
        """
        (rows, length), growth = y.shape, positions.growth
        mask = None if known.all() else self._mask(known)
        alike = mask is None and len(growth) == 1 and bool((den == den[0]).all())
        both = self._room("both", rows + (1 if alike else rows), growth.shape[-1])
        values, weights = both[:rows], both[rows:]
        both[:, length:] = 0
        weights[:, :length] = growth[:, :length]
        if mask is None:
            np.multiply(y, growth[:, :length], out=values[:, :length])
        else:
            _existing(y, mask, out=values[:, :length])
            values[:, :length] *= growth[:, :length]
            _existing(weights[:, :length], mask, out=weights[:, :length])
        sums = self._room("sums", *both.shape)
        entering = np.concatenate([num, den[:1] if alike else den])
        last = self._running(both, positions, entering, sums)
        if last is None:
            return None
        np.divide(sums[:rows, :length], sums[rows:, :length], out=out)
        if mask is not None:  # all bits of a NaN
            bits = out.view(mask.dtype)
            np.bitwise_or(bits, np.invert(mask, out=mask), out=bits)
        return last[:rows], np.broadcast_to(last[rows:], (rows,))

    def _running(
        self, points: Floats, positions: Positions, initial: Floats, out: Floats
    ) -> Floats | None:
        """Write the running sums of each block, in units of its r.

        Args:
            points: in units of r, (S, n·B), where S is a multiple of the positions' rows; changed.
            initial: the sums before the first point, (S,).

        Returns:
            The sums after the last point, (S,); None if a sum overflows.
        """
        rows, ends, block = len(points), positions.ends, self._block
        amounts = np.einsum("...p->...", points.reshape(-1, len(ends), ends.shape[-1], block))
        before, last = positions.carry.run(amounts / ends, initial.reshape(-1, len(ends)))
        points[:, ::block] += before.astype(self._dtype).reshape(rows, -1)
        self._add_up(points, out)
        fits = np.isfinite([out.min(), out.max(), *last.flat]).all()
        return last.reshape(rows) if fits else None

    def _mask(self, known: NDArray[np.bool_]) -> Floats:
        """All bits of a point that exists, none of a gap. Unlike `where`, it has no branches."""
        bits = np.dtype(f"i{self._dtype.itemsize}")
        return np.negative(known.view(np.int8)).astype(bits)

    def _room(self, name: str, rows: int, width: int, dtype: Any = None) -> Floats:
        """(R, n·B), not initialized; the same memory for the same name."""
        room = self._rooms.get(name)
        if room is None or room.shape != (rows, width):
            room = self._rooms[name] = np.empty((rows, width), dtype or self._dtype)
        return room

    def _add_up(self, points: Floats, out: Floats) -> None:
        """Write the running sums of every block."""
        triangle = _triangle(self._block, points.dtype)
        shape = (-1, self._block)
        np.matmul(points.reshape(shape), triangle, out=out.reshape(shape))


class Carry:
    """The recurrence over the ends of blocks, ``h_b = exp(−span_b)·h_{b−1} + amount_b``, float64.

    Many blocks are joined in groups, as points are in blocks; few by doubling: each end takes in
    the one before it, then the two before, then four, until the memory has faded.

    Args:
        spans: how much the memory fades from the end before, in tau, (R, n).
    """

    def __init__(self, spans: Floats) -> None:
        self._count = spans.shape[-1]
        self._over: Carry | None = None
        if self._count > _FEW and spans.max() <= _SPAN:
            distance = _groups(spans) @ _triangle(_GROUP)
            self._growth = np.exp(distance)
            self._over = Carry(distance[..., -1])
            return
        self._doublings = [np.exp(-spans)]
        while (far := 1 << len(self._doublings) - 1) < self._count:
            factors = self._doublings[-1].copy()
            factors[:, far:] *= factors[:, :-far]
            if not factors[:, 2 * far :].max(initial=0.0) > _FORGOTTEN:
                break
            self._doublings.append(factors)

    def run(self, amounts: Floats, initial: Floats) -> tuple[Floats, Floats]:
        """h before each block, (..., R, n), and after the last, (..., R).

        Args:
            amounts: (..., R, n).
            initial: h before the first block, (..., R).
        """
        before = np.empty(amounts.shape)
        before[..., 0] = initial
        if self._over is None:
            h = amounts.copy()
            h[..., 0] += self._doublings[0][:, 0] * initial
            for number, factors in enumerate(self._doublings):
                far = 1 << number
                h[..., far:] += factors[:, far:] * h[..., :-far]
            before[..., 1:] = h[..., :-1]
            return before, h[..., -1]
        values = _groups(amounts) * self._growth
        own = np.einsum("...g->...", values) / self._growth[..., -1]
        inner, last = self._over.run(own, initial)
        values[..., 0] += inner
        reached = values @ _triangle(_GROUP)
        reached /= self._growth
        before[..., 1:] = reached.reshape(*amounts.shape[:-1], -1)[..., : self._count - 1]
        return before, last


def _groups(array: Floats) -> Floats:
    """(..., n) -> (..., m, 16), padded with 0."""
    *rows, count = array.shape
    if count % _GROUP:
        full = np.zeros((*rows, -(-count // _GROUP) * _GROUP))
        full[..., :count] = array
        array = full
    return array.reshape(*rows, -1, _GROUP)


def _existing(values: Floats, mask: Floats, *, out: Floats) -> None:
    """The values, 0 in gaps, whatever stands there."""
    np.bitwise_and(values.view(mask.dtype), mask, out=out.view(mask.dtype))


@functools.cache
def _triangle(size: int, dtype: Any = np.float64) -> Floats:
    """The matrix that makes ``b @ triangle`` the running sums of b."""
    return np.triu(np.ones((size, size), dtype))
