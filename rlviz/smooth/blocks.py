"""The recurrence ``h_t = a_t·h_{t−1} + b_t`` for series cut into blocks, time first.

A series of T points becomes n blocks of B points that stand side by side: shape (B, ..., n), with
``t = block·B + place``. All blocks of all series move through the B places at once, step by step,
each as if it were the first block. Then the values that enter each block from the blocks before it
are added; they follow the same recurrence over n points.
"""

import math
from itertools import pairwise
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array

_LOOP = 12
"""Up to this many blocks are joined one after the other; more are cut into blocks again."""
_PLACES = 16


def block_length(length: int) -> int:
    """How many places a block has: few enough for a short loop, enough for few blocks."""
    return min(_PLACES, max(1, math.isqrt(length - 1) + 1)) if length else 1


def pack(array: Array, *, fill: float = 0.0) -> Array:
    """(..., T) -> (B, ..., n), a contiguous copy, padded with `fill` up to B·n points."""
    xp = arrays.namespace(array)
    *rows, length = array.shape
    places = block_length(length)
    blocks = -(-length // places)
    if blocks * places != length:
        padded = arrays.empty((*rows, blocks * places), array)
        padded[..., :length] = array
        padded[..., length:] = fill
        array = padded
    packed = xp.moveaxis(array.reshape(*rows, blocks, places), -1, 0)
    if arrays.is_tensor(packed):
        return packed.clone(memory_format=xp.contiguous_format)
    return packed.copy()


def unpack(packed: Array, length: int) -> Array:
    """(B, ..., n) -> (..., T)."""
    places, *rows, blocks = packed.shape
    xp = arrays.namespace(packed)
    return xp.moveaxis(packed, 0, -1).reshape(*rows, blocks * places)[..., :length]


class Recurrence:
    """The recurrence for one set of factors; values that depend only on the factors are computed
    once.

    Args:
        factors: a, packed: (B, ..., n).
        reverse: run from the last point to the first.
    """

    TILE = 1 << 17
    """How many points are packed and run at a time on a CPU: a megabyte, which its cache holds."""

    def __init__(self, factors: Array, *, reverse: bool = False) -> None:
        places = range(len(factors))
        self.places = places[::-1] if reverse else places
        """The order of the places within a block."""
        self._factors = factors
        self._reverse = reverse
        self._products = self._cumulative(factors)
        whole = self._products[self.places[-1]]
        self._over_blocks: Any = whole
        if whole.shape[-1] > _LOOP:
            self._over_blocks = Recurrence(pack(whole, fill=1.0), reverse=reverse)

    def _cumulative(self, factors: Array) -> Array:
        """The product of a block's factors up to each place, in the direction of the run."""
        products = arrays.empty(tuple(factors.shape), factors)
        so_far: Any = 1.0
        for place in self.places:
            products[place] = so_far = factors[place] * so_far
        return products

    def run(self, inputs: Array, initial: Array) -> tuple[Array, Array]:
        """Turn the inputs b into h, in place.

        Args:
            inputs: (B, ..., n); the factors' shape, or a shape to which it broadcasts.
            initial: h before the first point, (...).

        Returns:
            h before each block's first point, (..., n), and h at the last point, (...). Where the
            series was padded, its factors there must be 1 and its inputs 0.
        """
        h, order = inputs, self.places
        for before, place in pairwise(order):
            arrays.add_product(h[place], self._factors[place], h[before])
        entering, final = self._entering(h[order[-1]], initial)
        for place in order:
            arrays.add_product(h[place], self._products[place], entering)
        return entering, final

    def _entering(self, ends: Array, initial: Array) -> tuple[Array, Array]:
        """The h that enters each block, given the end of each block by itself; and the final h."""
        if isinstance(self._over_blocks, Recurrence):
            packed = pack(ends)
            _, final = self._over_blocks.run(packed, initial)
            reached = unpack(packed, ends.shape[-1])
        else:
            reached, final = self._one_after_the_other(ends, initial)
        entering = arrays.empty(tuple(ends.shape), ends)
        if self._reverse:
            entering[..., :-1] = reached[..., 1:]
            entering[..., -1] = initial
        else:
            entering[..., 1:] = reached[..., :-1]
            entering[..., 0] = initial
        return entering, final

    def _one_after_the_other(self, ends: Array, initial: Array) -> tuple[Array, Array]:
        reached = arrays.empty(tuple(ends.shape), ends)
        h = initial
        blocks = range(ends.shape[-1])
        for block in reversed(blocks) if self._reverse else blocks:
            h = self._over_blocks[..., block] * h + ends[..., block]
            reached[..., block] = h
        return reached, h
