"""The recurrence ``h_t = a·h_{t−1} + b_t`` with one factor for all points, as matrix products.

Within a block of B points h = L·b, where L is the triangular matrix of a's powers. The h that
enters each block follows the same recurrence over the blocks' ends. It is computed in float64 at
every dtype, so that an average over millions of points does not drift, and added to the block's
first point before the product.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

_BLOCK = 16
"""Longer blocks need more arithmetic, shorter ones more carrying; BLAS is fastest at 16."""
_DIRECT = 32
"""Up to this many blocks are joined by one product."""


class ConstantRecurrence:
    """The recurrence for one factor.

    Args:
        factor: a, in [0, 1].
        length: the usual length of the series; others work, too.
        gain: the factor on every h; 1 − a makes it an average.
        dtype: dtype of inputs and results, float32 or float64.

    Attributes:
        block: the length of a block.
    """

    TILE = 1 << 18
    """How many points are run at a time: a megabyte of float32, which a CPU's cache holds."""

    def __init__(
        self, factor: float, length: int, *, gain: float = 1.0, dtype: Any = np.float64
    ) -> None:
        self._factor, self._gain = np.float64(factor), gain
        self._most = float(np.finfo(dtype).max) / 4
        self.block = even_block(length)
        powers = _triangle(self._factor, self.block)
        self._powers = np.ascontiguousarray(powers.T, dtype=dtype)
        self._within = np.ascontiguousarray(gain * powers, dtype=dtype)
        self._end = np.ascontiguousarray(powers[:, -1], dtype=dtype)
        self._work, self._spare = np.empty(0, dtype), np.empty(0, dtype)
        self._joined: dict[int, Any] = {}

    def run(
        self, inputs: Floats, initial: Floats, out: Floats, counts: NDArray[np.int64] | None = None
    ) -> Floats:
        """Write gain·h to `out`.

        Args:
            inputs: b, (R, T).
            initial: h before the first point, (R,), float64.
            out: (R, T).
            counts: how many points each series has, (R,), the others being 0; T is a multiple of
                the block then. By default T.

        Returns:
            h at the last point, (R,), float64; NaN, and nothing is written, if an input is not
            finite or an h is too large to carry.
        """
        (rows, length), block = inputs.shape, self.block
        blocks = -(-length // block)
        padding = blocks * block - length  # zeros in front: the last block ends at the last point
        work = self._work = _at_least(self._work, rows * blocks * block)
        points = work[: rows * blocks * block].reshape(rows, -1)
        points[:, :padding] = 0
        points[:, padding:] = inputs
        cut = points.reshape(-1, block)
        ends = (cut @ self._end).reshape(rows, blocks).astype(np.float64)
        ends[:, 0] += self._factor ** (block - padding) * initial
        reached = self._join(ends)
        if not max(np.abs(reached).max(), np.abs(initial).max()) < self._most:  # true for NaN, too
            return np.full(rows, np.nan)
        last = reached[:, -1] if counts is None else self._last(points, reached, initial, counts)
        points[:, block::block] += self._factor * reached[:, :-1]
        points[:, padding] += self._factor * initial
        if padding or not out.flags.c_contiguous:
            spare = self._spare = _at_least(self._spare, rows * blocks * block)
            full = spare[: rows * blocks * block].reshape(-1, block)
            np.matmul(cut, self._within, out=full)
            out[...] = full.reshape(rows, -1)[:, padding:]
        else:
            np.matmul(cut, self._within, out=out.reshape(-1, block))
        return last

    def _last(
        self, points: Floats, reached: Floats, initial: Floats, counts: NDArray[np.int64]
    ) -> Floats:
        """h at the last of so many points, (R,)."""
        rows = np.arange(len(points))
        block, place = np.divmod(np.maximum(counts - 1, 0), self.block)
        inputs = points.reshape(len(points), -1, self.block)[rows, block]
        entering = np.where(block > 0, reached[rows, block - 1], initial)
        own = np.einsum("rb,rb->r", inputs, self._powers[place])
        return np.where(counts > 0, own + self._factor ** (place + 1) * entering, initial)

    def _join(self, ends: Floats) -> Floats:
        """h at the end of every block, (R, n), from what each would end with by itself."""
        count = ends.shape[-1]
        if count == 1:
            return ends
        factor = self._factor**self.block
        if count <= _DIRECT:
            if count not in self._joined:
                self._joined[count] = _triangle(factor, count)
            return np.asarray(ends @ self._joined[count])
        if 0 not in self._joined:
            self._joined[0] = ConstantRecurrence(factor, count)
        reached = np.empty_like(ends)
        last = self._joined[0].run(ends, np.zeros(len(ends)), reached)
        return np.full_like(ends, np.nan) if np.isnan(last).any() else reached

    def unbias(
        self, averages: Floats, den: Floats, counts: NDArray[np.int64] | None = None
    ) -> Floats:
        """Turn gain·h into averages in place, dividing by the sum of the weights of all points.

        Args:
            averages: what `run` wrote with a gain of 1 − a, (R, T).
            den: sum of the weights before the first point, (R,).
            counts: as in `run`.

        Returns:
            The sum after the last point, (R,).
        """
        a, gain, length = self._factor, self._gain, averages.shape[-1]
        seen: Any = length if counts is None else counts
        if a == 0.0:
            return np.where(seen > 0, 1.0, den)
        log = math.log(a)
        missing = np.abs(1 - gain * den).max()  # share of the limit that is missing
        unit = np.finfo(averages.dtype).eps / 8
        lasts = 0 if missing <= unit else min(length, math.ceil(math.log(unit / missing) / log))
        if lasts:
            alike = den[:1] if (den == den[0]).all() else den
            t = log * np.arange(1, lasts + 1)
            share = gain * alike[:, None] * np.exp(t) - np.expm1(t)
            averages[:, :lasts] *= (1 / share).astype(averages.dtype)
        return np.asarray(den * a**seen - np.expm1(seen * log) / gain)


def even_block(length: int) -> int:
    """The length of a block: one that divides the series, if there is one near the best."""
    if length % _BLOCK and length <= ConstantRecurrence.TILE:
        for block in (20, 24, 25, 18, 22, 14, 12, 28, 30):
            if length % block == 0:
                return block
    return _BLOCK


def _triangle(factor: float, size: int) -> Floats:
    """Powers p with ``h = b @ p``, (size, size)."""
    places = np.arange(size)
    distance = places[None, :] - places[:, None]
    return np.where(distance >= 0, factor ** np.maximum(distance, 0.0), 0.0)


def _at_least(buffer: Floats, size: int) -> Floats:
    """A buffer kept from tile to tile: new memory costs more than the arithmetic."""
    return buffer if len(buffer) >= size else np.empty(size, buffer.dtype)
