"""Debiased exponential moving averages of many series, by the engines of the recurrence."""

import math
from dataclasses import dataclass

import numpy as np

from rlviz.smooth import arrays, fading
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import Recurrence, pack, unpack
from rlviz.smooth.constant import ConstantRecurrence


@dataclass(frozen=True, slots=True)
class Batch:
    """Series to be averaged, where the averages go, and the memory, which is changed in place.

    Attributes:
        y: values, (R, T).
        out: averages, (R, T).
        weight, tau: memory per point, or along x; the other one is None.
        at: x, (1, T) or (R, T), float64; None with a weight.
        num, den: the two sums, (R,), float64.
        x: where the last finite point of each series stands, (R,), float64, -inf before the first;
            None with a weight.
    """

    y: Array
    out: Array
    weight: float | None
    tau: float | None
    at: Array | None
    num: Array
    den: Array
    x: Array | None

    def part(self, rows: slice, columns: slice) -> "Batch":
        """A tile of it; what is written there is written here."""
        at = self.at
        if at is not None:
            at = at[rows if len(at) > 1 else slice(None), columns]
        return Batch(
            y=self.y[rows, columns],
            out=self.out[rows, columns],
            weight=self.weight,
            tau=self.tau,
            at=at,
            num=self.num[rows],
            den=self.den[rows],
            x=None if self.x is None else self.x[rows],
        )


def run(batch: Batch) -> None:
    """Average a batch, tile by tile."""
    if not arrays.on_host(batch.y):
        _by_blocks(batch)
        return
    if batch.weight is None:
        for tile in arrays.tiles(batch.y, fading.TILE):
            part = batch.part(*tile)
            if not _along(part):
                _by_blocks(part)
        return
    products = ConstantRecurrence(
        batch.weight, batch.y.shape[-1], gain=1 - batch.weight, dtype=batch.y.dtype
    )
    for tile in arrays.tiles(batch.y, ConstantRecurrence.TILE):
        part = batch.part(*tile)
        if _by_products(part, products):
            continue
        for inner in arrays.tiles(part.y, fading.TILE):
            smaller = part.part(*inner)
            if not _over_gaps(smaller):
                _by_blocks(smaller)


def _by_products(batch: Batch, products: ConstantRecurrence) -> bool:
    """Average as if there were no gap; whether there was none. If there was, nothing is done."""
    num = products.run(batch.y, batch.num, batch.out)
    if np.isnan(num).any():
        return False
    batch.num[...] = num
    batch.den[...] = products.unbias(batch.out, batch.den)
    return True


def _over_gaps(batch: Batch) -> bool:
    assert batch.weight is not None
    known = np.isfinite(batch.y)
    y = np.where(known, batch.y, batch.y.dtype.type(0))
    sums = fading.over_gaps(y, known, batch.weight, batch.num, batch.den, batch.out)
    if sums is None:
        return False
    batch.num[...], batch.den[...] = sums
    return True


def _along(batch: Batch) -> bool:
    """Average along x, if no x is missing and none goes backwards."""
    assert batch.at is not None
    assert batch.tau is not None
    assert batch.x is not None
    at, x = batch.at, batch.x
    first = at[:, 0]
    if not (np.isfinite(at[:, -1]).all() and (at[:, 1:] >= at[:, :-1]).all()):  # NaN is neither
        return False
    if not (np.isfinite(first).all() and (x <= first).all()):
        return False
    fresh = np.exp((x - first) / batch.tau)  # 0 where nothing came before
    num, den = fresh * batch.num, fresh * batch.den
    y = batch.y
    sums = fading.along(y, at, batch.tau, num, den, None, batch.out)
    seen = np.broadcast_to(at[:, -1], x.shape)
    if sums is None:
        known = np.isfinite(y)
        y = np.where(known, y, y.dtype.type(0))
        sums = fading.along(y, at, batch.tau, num, den, known, batch.out)
        if sums is None:
            return False
        last = known.shape[-1] - 1 - known[:, ::-1].argmax(-1)
        any_known = known.any(-1)
        row = np.arange(len(y)) if len(at) > 1 else 0
        seen = np.where(any_known, at[row, last], x)
        # The memory fades from the last finite point on, not from the last x.
        back = np.where(any_known, (at[:, -1] - seen) / batch.tau, 0.0)
        if (back > _FAR).any():
            return False
        back = np.exp(back)
        sums = (
            np.where(any_known, sums[0] * back, batch.num),
            np.where(any_known, sums[1] * back, batch.den),
        )
    batch.num[...], batch.den[...] = sums
    batch.x[...] = seen
    return True


_FAR = 50.0
"""So many tau without a finite point at the end, and the sums at the last one are not to be had
from those after it."""


def _by_blocks(batch: Batch) -> None:
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


def _decays(batch: Batch, known: Array) -> Array:
    """The factor of every point, 1 in a gap, so that what a gap takes fades with the point after
    it: (R, T). Sets x."""
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
