"""Chooses a bandwidth place by place, by the leave-one-out error nearby.

A run may rise steeply in its first tenth and be flat and noisy at its end: a single bandwidth is
too wide for the rise and too narrow for the end. So the series is cut into blocks, and each block
gets the widest bandwidth that is not clearly worse around it than the best one.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.bandwidths import Grid, mean_loss, widest_best
from rlviz.smooth.coarse import Between, Coarse
from rlviz.smooth.fit import MAX_LEVERAGE, Estimate, Tile, estimate, pieces, points, tiles
from rlviz.smooth.lasting import echoes
from rlviz.smooth.series import Series
from rlviz.smooth.threads import side_by_side

Floats = NDArray[np.float64]

BLOCKS = 120
REACH = 0.2
"""The share of the blocks, on either side, whose errors count at a place."""
WITHIN = 0.25
"""By how many standard errors a wider bandwidth may be worse than the best. Twice as many halve the
wiggles but cut the ends of a run that levels off: the band there then covers 70 %."""
FEWEST = 40
"""With fewer points one bandwidth serves all places."""
_NOISE = 0.05
"""The share of the blocks, on either side, that determines the noise level at a place."""
_FINE = 16
"""How many points a bandwidth must span for each point in a mean: the fit through the means then
differs from the fit through the points by less than a tenth of its standard error."""
_APART = 1 / 8
"""A share of a bandwidth: the points of a mean never span more."""


class Levels:
    """A batch of series with its stand-in for each bandwidth of a grid: the points, or means of
    ever more points.

    Args:
        series: the points.
        grid: the bandwidths.
    """

    def __init__(self, series: Series, grid: Grid) -> None:
        xp = arrays.namespace(series.u)
        self.series, self.grid = series, grid
        count = series.mass.sum(-1)
        self.blocks = xp.clip(count, 1, BLOCKS)
        rank = xp.clip(xp.cumsum(series.mass, -1) - 1, 0.0, None)
        ratio = (self.blocks / xp.clip(count, 1, None))[..., None]
        # The half makes sure that a reversed series is cut at the same points.
        self.block = arrays.whole(xp.floor((rank + 0.5) * ratio))
        self._numbers = _levels(series.y.shape[-1], len(grid))
        self._made: dict[int, Coarse] = {}
        for g, parts in enumerate(self._numbers):
            if parts and parts not in self._made:
                width = _APART * grid.tau[g]
                self._made[parts] = Coarse.of(series, self.block, parts, width)

    def of(self, g: int, rows: Any) -> "Coarse | None":
        """The means that stand for some of the series under bandwidth g; None if the points
        themselves do."""
        parts = self._numbers[g]
        return self._made[parts].rows(rows) if parts else None

    def together(self) -> list[slice]:
        """Groups of bandwidths with the same stand-in."""
        found, first = [], 0
        for g in range(1, len(self.grid) + 1):
            if g == len(self.grid) or self._numbers[g] != self._numbers[first]:
                found.append(slice(first, g))
                first = g
        return found


def _levels(length: int, size: int) -> list[int]:
    """The number of parts that a block is cut into, for each bandwidth of the grid; 0 keeps all
    points."""
    of_block = length / BLOCKS
    found = []
    for g in range(size):
        most = min(2 * length ** (g / (size - 1)) / _FINE, of_block / 2)
        factor = 0
        for candidate in (2, *(4**k for k in range(1, 12))):
            if candidate <= most:
                factor = candidate
        found.append(round(of_block / factor) if factor else 0)
    return found


def estimate_coarse(coarse: Coarse, tau: Array, degree: int, rho: Array | None) -> Estimate:
    """`rlviz.smooth.fit.estimate` at the means of neighbors."""
    found = estimate(coarse.series, tau, degree, None)
    if rho is None:
        return found
    xp = arrays.namespace(tau)
    before = xp.clip(coarse.rank - 0.5, 0.0, None)
    after = xp.clip(coarse.series.mass.sum(-1)[..., None] - coarse.rank - 0.5, 0.0, None)
    moments = echoes(rho[:, None], coarse.spacing() / tau[..., None], before, after)
    echo = sum(w * m for w, m in zip(found.weights, moments, strict=False))
    return Estimate(found.value, found.weights, echo, found.near)


def places(levels: Levels, degree: int, rho: Array | None) -> tuple[Array, Array]:
    """The place on the grid of the bandwidth at every point, (S, T), numbers between 0 and G − 1;
    and the number of the narrowest bandwidth that does not interpolate, for each series, (S,)."""
    series, grid = levels.series, levels.grid
    shape = (len(grid), len(series.y), BLOCKS)
    total, judged = arrays.empty(shape, series.u), arrays.empty(shape, series.u)

    def measure(item: tuple[slice, Tile]) -> None:
        level, (rows, inner) = item
        some = slice(level.start + inner.start, min(level.start + inner.stop, level.stop))
        total[some, rows], judged[some, rows] = _block_losses(levels, rows, some, degree, rho)

    work = []
    for level in levels.together():
        coarse = levels.of(level.start, slice(None))
        seen = series if coarse is None else coarse.series
        work += [(level, tile) for tile in tiles(seen, level.stop - level.start)]
    side_by_side(measure, work, points=len(grid) * points(series))
    loss = mean_loss(total.sum(-1), judged.sum(-1), series.mass.sum(-1))
    xp = arrays.namespace(loss)
    bad = xp.isinf(loss)
    overall = widest_best(loss)
    narrowest = xp.clip(arrays.double(bad).sum(0), None, len(grid) - 1)
    chosen = _chosen(
        _on_host(total),
        _on_host(judged),
        _on_host(overall),
        _on_host(bad),
        _on_host(arrays.whole(levels.blocks)) + np.zeros(len(series.y), np.int64),
        _on_host(series.mass.sum(-1)) + np.zeros(len(series.y)),
    )
    return _along(levels, arrays.to(chosen, series.u)), narrowest


def _on_host(array: Array) -> Any:
    return array.cpu().numpy() if arrays.is_tensor(array) else array


def _along(levels: Levels, chosen: Array) -> Array:
    """Values of blocks, (S, B), at the points, (S, T): linear from the middle of each block to the
    next."""
    xp = arrays.namespace(chosen)
    series = levels.series
    u = xp.broadcast_to(series.u, (max(len(series.u), len(levels.block)), series.u.shape[-1]))
    mass = xp.broadcast_to(series.mass, tuple(u.shape))
    held = arrays.sums(mass * 1.0, levels.block, BLOCKS)
    middle = arrays.sums(u * mass, levels.block, BLOCKS) / xp.clip(held, 1.0, None)
    middle = arrays.running_maximum(middle)
    return Between.of(u, middle, levels.block, beyond=False).read(chosen)


def _block_losses(
    levels: Levels, rows: slice, some: slice, degree: int, rho: Array | None
) -> tuple[Array, Array]:
    """Sums of squared leave-one-out residuals, (G, S, B), and the number of points in each sum."""
    tau = levels.grid.rows(rows)[some]
    xp = arrays.namespace(tau)
    own = None if rho is None else rho[rows]
    coarse = levels.of(some.start, rows)
    if coarse is not None:
        found = estimate_coarse(coarse, tau, degree, own)
        mass = xp.broadcast_to(coarse.series.mass, tuple(found.value.shape))
        square = coarse.left(found.value) / (1 - xp.clip(found.echo, None, MAX_LEVERAGE)) ** 2
        square = xp.where(mass > 0, square, 0.0)
        return tuple(arrays.sums(part, coarse.block, BLOCKS) for part in (square, mass))
    series = levels.series.rows(rows)
    block = levels.block[rows] if len(levels.block) > 1 else levels.block
    total: Array = 0.0
    judged: Array = 0.0
    for piece in pieces(series, tau, degree, own):
        fitted = piece.known & (piece.echo <= MAX_LEVERAGE)
        residual = (piece.y - piece.value) / (1 - piece.echo)
        square = piece.unpacked(xp.where(fitted, residual * residual, 0.0))
        counted = arrays.double(piece.unpacked(xp.broadcast_to(fitted, tuple(residual.shape))))
        of_piece = block[:, piece.where]
        total = total + arrays.sums(square, of_piece, BLOCKS)
        judged = judged + arrays.sums(counted, of_piece, BLOCKS)
    return total, judged


def _chosen(
    total: Floats,
    judged: Floats,
    overall: NDArray[np.int64],
    bad: NDArray[np.bool_],
    blocks: NDArray[np.int64],
    counts: Floats,
) -> Floats:
    """The number of the bandwidth of each block, (S, B), smoothed along the blocks."""
    found = np.repeat(overall[:, None].astype(np.float64), BLOCKS, 1)
    for count in np.unique(blocks[counts >= FEWEST]):
        rows = np.flatnonzero(blocks == count)
        for at in range(0, len(rows), _TOGETHER):
            some = rows[at : at + _TOGETHER]
            part = total[:, some, :count], judged[:, some, :count]
            place = choose(*part, overall[some], bad[:, some])
            found[some, :count] = place
    return found


_TOGETHER = 64
"""How many series have their blocks compared at a time, so that the data stay in the cache."""


def choose(
    total: Floats,
    judged: Floats,
    overall: NDArray[np.int64],
    bad: NDArray[np.bool_],
    *,
    within: float = WITHIN,
    reach: float = REACH,
) -> Floats:
    """The number of the bandwidth at each of B blocks.

    Args:
        total: squared leave-one-out residuals of each block, (G, S, B). judged: the number of
            points in each.
        overall: the number of the best bandwidth for all blocks, (S,).
        bad: which bandwidths are excluded, (G, S).
        within: by how many standard errors a wider bandwidth may be worse than the best.
        reach: share of the blocks, on either side, whose errors count at a place.

    Returns:
        (S, B), between 0 and G − 1.
    """
    size, series, blocks = total.shape
    rows = np.arange(series)
    loss = total / np.maximum(judged, 1)
    of_best = loss[overall, rows]
    # A bandwidth that interpolates a block has no error there.
    loss = np.where(judged > 0, loss, of_best)
    noise = np.maximum(_box(of_best, max(3, int(_NOISE * blocks))), 1e-300)
    loss = loss / noise
    window = max(4, round(reach * blocks))
    mean = _box(loss, window)
    mean[bad] = math.inf
    best = mean.argmin(0)
    chosen = best.copy()
    places = np.arange(blocks)
    counted = np.minimum(places + window + 1, blocks) - np.maximum(places - window, 0)
    for b in np.unique(best):
        some = np.flatnonzero((best == b).any(-1))
        apart = loss[b:, some] - loss[b, some]
        worse = _box(apart, window)
        spread = np.maximum(_box(apart * apart, window) - worse * worse, 0.0)
        fine = (worse <= within * np.sqrt(spread / counted)) & ~bad[b:, some, None]
        widest = size - 1 - fine[::-1].argmax(0)
        chosen[some] = np.where(best[some] == b, np.maximum(widest, b), chosen[some])
    half = max(1, window // 2)
    return _box(_box(chosen.astype(np.float64), half), half)


def _box(array: Floats, reach: int) -> Floats:
    """Means over up to `reach` neighbors on either side, along the last axis."""
    count = array.shape[-1]
    until = np.zeros((*array.shape[:-1], count + 1))
    np.cumsum(array, -1, out=until[..., 1:])
    place = np.arange(count)
    low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, count)
    return np.asarray((until[..., high] - until[..., low]) / (high - low))
