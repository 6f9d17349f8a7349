"""Debiased exponential moving averages of many series, by the engines of the recurrence."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth import arrays, fading, gaps
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import Recurrence, pack, unpack
from rlviz.smooth.constant import ConstantRecurrence


@dataclass(frozen=True, slots=True)
class SeriesBatch:
    """Series to average, the array for the averages, and the memory, which is changed in place.

    Attributes:
        y: values, (R, T).
        out: averages, (R, T).
        weight, tau: memory per point or along x; one of them is None.
        at: x, (1, T) or (R, T), float64; None with a weight.
        num, den: the two sums, (R,), float64.
        x: the x of the last finite point of each series, (R,), float64, -inf before the first; None
            with a weight.
    """

    y: Array
    out: Array
    weight: float | None
    tau: float | None
    at: Array | None
    num: Array
    den: Array
    x: Array | None

    def part(self, rows: slice, columns: slice) -> "SeriesBatch":
        """A tile that shares its memory with the batch."""
        at = self.at
        if at is not None:
            at = at[rows if len(at) > 1 else slice(None), columns]
        return SeriesBatch(
            y=self.y[rows, columns],
            out=self.out[rows, columns],
            weight=self.weight,
            tau=self.tau,
            at=at,
            num=self.num[rows],
            den=self.den[rows],
            x=None if self.x is None else self.x[rows],
        )


def run(batch: SeriesBatch) -> None:
    """Average a batch, tile by tile."""
    if not arrays.on_host(batch.y):
        _by_blocks(batch)
        return
    if batch.weight is None:
        along = _Along(batch)
        for tile in arrays.tiles(batch.y, fading.TILE):
            part = batch.part(*tile)
            if not along.run(part, tile[1]):
                _by_blocks(part)
        return
    products = ConstantRecurrence(
        batch.weight, batch.y.shape[-1], gain=1 - batch.weight, dtype=batch.y.dtype
    )
    for tile in arrays.tiles(batch.y, ConstantRecurrence.TILE):
        part = batch.part(*tile)
        known = np.isfinite(part.y)
        whole = known.all() and _by_products(part, products)
        if not whole and not _over_gaps(part, known, products):
            _by_blocks(part)


def _by_products(batch: SeriesBatch, products: ConstantRecurrence) -> bool:
    """Average series without gaps; False, and nothing is done, if a sum is too large to carry."""
    num = products.run(batch.y, batch.num, batch.out)
    if np.isnan(num).any():
        return False
    batch.num[...] = num
    batch.den[...] = products.unbias(batch.out, batch.den)
    return True


def _over_gaps(batch: SeriesBatch, known: NDArray[np.bool_], products: ConstantRecurrence) -> bool:
    sums = gaps.average(batch.y, known, products, batch.num, batch.den, batch.out)
    if sums is None:
        return False
    batch.num[...], batch.den[...] = sums
    return True


class _Along:
    """Averages along x; values that depend only on an x shared by many series are computed once."""

    def __init__(self, batch: SeriesBatch) -> None:
        assert batch.at is not None
        self._shared = len(batch.at) == 1 and len(batch.y) > 1
        self._made: tuple[slice, fading.Positions | None] | None = None
        self._engine = fading.Fading(min(batch.y.shape[-1], fading.TILE), batch.y.dtype)

    def _positions(self, batch: SeriesBatch, columns: slice) -> fading.Positions | None:
        """The positions of a tile; None if an x is missing or goes backwards."""
        assert batch.at is not None
        assert batch.tau is not None
        if self._shared and self._made is not None and self._made[0] == columns:
            return self._made[1]
        found = self._engine.positions(batch.at, batch.tau)
        self._made = columns, found
        return found

    def run(self, batch: SeriesBatch, columns: slice) -> bool:
        """Average a tile if no x is missing, none goes backwards and none is far from the next."""
        positions = self._positions(batch, columns)
        assert batch.at is not None
        assert batch.tau is not None
        assert batch.x is not None
        at, x, y = batch.at, batch.x, batch.y
        if positions is None or not (x <= at[:, 0]).all():
            return False
        fresh = np.exp((x - at[:, 0]) / batch.tau)  # 0 if nothing came before
        num, den = fresh * batch.num, fresh * batch.den
        seen = np.broadcast_to(at[:, -1], x.shape)
        known = np.isfinite(y)
        sums = self._engine.along(y, positions, num, den, known, batch.out)
        if sums is None:
            return False
        if not known.all():
            last = known.shape[-1] - 1 - known[:, ::-1].argmax(-1)
            some = known.any(-1)
            seen = np.where(some, at[np.arange(len(y)) if len(at) > 1 else 0, last], x)
            # The memory fades from the last finite point on, not from the last x.
            back = np.where(some, (at[:, -1] - seen) / batch.tau, 0.0)
            if (back > _FAR).any():
                return False
            num, den = (part * np.exp(back) for part in sums)
            sums = np.where(some, num, batch.num), np.where(some, den, batch.den)
        batch.num[...], batch.den[...] = sums
        batch.x[...] = seen
        return True


_FAR = 50.0
"""After this many tau without a finite point at the end, the sums at the last finite point can't be
recovered from the sums at the end."""


def _by_blocks(batch: SeriesBatch) -> None:
    xp = arrays.namespace(batch.y)
    for tile in arrays.tiles(batch.y, Recurrence.TILE):
        part = batch.part(*tile)
        y = arrays.double(part.y)
        known = xp.isfinite(y)
        counts = arrays.double(known)
        a = xp.where(known, part.weight * counts, 1.0) if part.at is None else _decays(part, known)
        recurrence = Recurrence(pack(a, fill=1.0))
        num, den = pack(xp.where(known, y, 0.0)), pack(counts)
        _, part.num[...] = recurrence.run(num, part.num)
        _, part.den[...] = recurrence.run(den, part.den)
        num /= den
        part.out[...] = xp.where(known, unpack(num, y.shape[-1]), math.nan)


def _decays(batch: SeriesBatch, known: Array) -> Array:
    """The factor of every point, (R, T). It is 1 in a gap; the point after the gap fades for the
    whole distance. Sets x."""
    assert batch.at is not None
    assert batch.x is not None
    xp, at = arrays.namespace(batch.y), batch.at
    reached = arrays.running_maximum(xp.where(known, at, -math.inf))
    reached = xp.maximum(reached, batch.x[:, None])
    previous = arrays.empty(tuple(reached.shape), reached)
    previous[:, 0], previous[:, 1:] = batch.x, reached[:, :-1]
    if arrays.on_host(at):
        _check_positions(known, at, previous)
    distance = xp.clip(xp.where(known, at - previous, 0.0), 0.0, None)
    batch.x[...] = reached[:, -1]
    return xp.exp(-distance / batch.tau)


def _check_positions(known: Array, at: Array, previous: Array) -> None:
    nowhere = known & ~np.isfinite(at)
    if nowhere.any():
        x = float(np.broadcast_to(at, known.shape)[nowhere][0])
        raise ValueError(f"an EMA with tau needs a finite x at every finite value, got x={x!r}.")
    backwards = known & (at < previous)
    if backwards.any():
        x = float(np.broadcast_to(at, known.shape)[backwards][0])
        last = float(previous[backwards][0])
        raise ValueError(f"x must not go backwards, got {x!r} after {last!r}.")
