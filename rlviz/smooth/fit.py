"""Local polynomial fits of a batch of series, and the choice of their bandwidths.

A fit is, at every point, a value, its leverage and its standard error; of several bandwidths the
leave-one-out error tells the best.
"""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import pack, unpack
from rlviz.smooth.moments import sweep
from rlviz.smooth.series import Series

MAX_LEVERAGE = 0.98
"""A point that makes up more than this of its own estimate is interpolated, not smoothed."""
_ISOLATED = 0.01
"""So large a share of the points may be interpolated: a few that stand alone, as after a pause,
must not force a wide bandwidth on all the rest. They have no part in the leave-one-out error."""
_SINGULAR = 1e-10
_CACHED = 1 << 18
"""Points (of all candidates and series together) that are worked on at a time on a CPU: what they
need stays in its cache."""
_ON_DEVICE = 1 << 22

_WORTH_THREADS = 1 << 20
"""Below so many points threads cost more than they bring."""

_Tile = tuple[slice, slice]
"""Some of the series, and some of the candidates."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Fits of a batch of series, each array (S, T)."""

    value: Array
    leverage: Array
    """How much of its own value is in a point's estimate."""
    standard_error: Array
    """NaN where the leverage is above `MAX_LEVERAGE`."""


def leave_one_out(series: Series, degree: int, *, grid: int) -> Array:
    """For each series the bandwidth, in units of u, with the smallest leave-one-out error.

    Returns:
        (S,); of bandwidths from two median steps to twice the extent of x, `grid` of them.
    """
    xp = arrays.namespace(series.u)
    smallest = xp.clip(2 * series.step, None, 1.0)
    powers = arrays.to(np.arange(grid) / (grid - 1), series.u)[:, None]
    candidates = smallest * (2.0 / smallest) ** powers  # (grid, S or 1)
    loss = arrays.empty((grid, len(series.y)), series.u)

    def measure(tile: _Tile) -> None:
        rows, some = tile
        tau = candidates[some] if candidates.shape[-1] == 1 else candidates[some, rows]
        loss[some, rows] = _losses(series.rows(rows), tau, degree)

    _side_by_side(measure, list(_tiles(series, grid)), points=grid * _points(series))
    # Where no candidate is left, the widest: argmin takes the first of equal ones.
    best = grid - 1 - xp.argmin(xp.flip(loss, (0,)), 0)
    if candidates.shape[-1] == 1:
        return candidates[best, 0]
    return arrays.pick(candidates.T, best)


def _points(series: Series) -> int:
    """How many there are, if they are in host memory."""
    return len(series.y) * series.y.shape[-1] if arrays.on_host(series.y) else 0


def _side_by_side(work: Callable[[_Tile], None], tiles: list[_Tile], *, points: int) -> None:
    """Several tiles at once where they are worth it: NumPy lets go of the GIL as it counts."""

    def quietly(tile: _Tile) -> None:
        with np.errstate(all="ignore"):  # series without a point divide by nothing
            work(tile)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if points < _WORTH_THREADS or cores == 1:
        for tile in tiles:
            quietly(tile)
    else:
        with ThreadPoolExecutor(cores, thread_name_prefix="rlviz-smooth") as pool:
            list(pool.map(quietly, tiles))


def _losses(series: Series, tau: Array, degree: int) -> Array:
    """Mean squared leave-one-out residual, infinite for a bandwidth that interpolates; tau (G, S)
    or (G, 1) -> (G, S)."""
    xp = arrays.namespace(tau)
    total: Array = 0.0
    judged: Array = 0.0
    for piece in _pieces(series, tau, degree):
        leverage = piece.weights[0]
        fitted = piece.known & (leverage <= MAX_LEVERAGE)
        residual = (piece.y - piece.value) / (1 - leverage)
        total = total + xp.where(fitted, residual * residual, 0.0).sum((0, -1))
        judged = judged + arrays.double(fitted).sum((0, -1))
    count = series.mass.sum(-1)
    return xp.where(judged < (1 - _ISOLATED) * count, math.inf, total / judged)


def fit(series: Series, taus: Sequence[Array], degree: int) -> list[Fit]:
    """Fit at every point, once with each of several bandwidths, (S,) or (1,), in units of u."""
    xp = arrays.namespace(series.u)
    tau = xp.stack(list(taus))
    shape = (len(taus), len(series.y), series.u.shape[-1])
    whole = Fit(*(arrays.empty(shape, series.u) for _ in range(3)))

    def work(tile: _Tile) -> None:
        rows, some = tile
        of_rows = tau[some] if tau.shape[-1] == 1 else tau[some, rows]
        found = _fit(series.rows(rows), of_rows, degree)
        whole.value[some, rows] = found.value
        whole.leverage[some, rows] = found.leverage
        whole.standard_error[some, rows] = found.standard_error

    tiles = list(_tiles(series, len(taus)))
    _side_by_side(work, tiles, points=len(taus) * _points(series))
    parts = zip(whole.value, whole.leverage, whole.standard_error, strict=True)
    return [Fit(*part) for part in parts]


def _fit(series: Series, tau: Array, degree: int) -> Fit:
    """Fit every series with every one of its bandwidths, tau (G, S) or (G, 1) -> (G, S, T)."""
    shape = (len(tau), *series.y.shape)
    value = arrays.empty(shape, series.u)
    weights = [arrays.empty(shape, series.u) for _ in range(degree + 1)]
    for piece in _pieces(series, tau, degree):
        value[..., piece.where] = piece.unpacked(piece.value)
        for full, part in zip(weights, piece.weights, strict=True):
            full[..., piece.where] = piece.unpacked(part)
    return Fit(value, weights[0], _standard_error(series, tau, value, weights))


def _standard_error(series: Series, tau: Array, value: Array, weights: list[Array]) -> Array:
    """Square root of Σ_j l_j²·r_j²/(1−h_j): the squared kernel decays twice as fast."""
    xp = arrays.namespace(value)
    leverage = weights[0]
    variance = (series.y - value) ** 2 / xp.clip(1 - leverage, 1 - MAX_LEVERAGE, None)
    variance = xp.where(series.known, variance, 0.0)
    order = 2 * (len(weights) - 1)
    error = arrays.empty(tuple(value.shape), value)
    u = 2 * series.u[None] / tau[..., None]
    for stretch in sweep(u, [variance], [order], length=_stretch(value)):
        # In units of the doubled decay u is twice as large, and moment k 2^k times.
        squared: Array = 0.0
        kernel = [pack(weight[..., stretch.where]) for weight in weights]
        for k, moment in enumerate(stretch.moments[0]):
            pairs = [(a, k - a) for a in range(len(kernel)) if 0 <= k - a < len(kernel)]
            squared = squared + sum(kernel[a] * kernel[b] for a, b in pairs) * moment / 2.0**k
        length = stretch.where.stop - stretch.where.start
        error[..., stretch.where] = xp.sqrt(xp.clip(unpack(squared, length), 0.0, None))
    return xp.where(leverage > MAX_LEVERAGE, math.nan, error)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Fits at the points of a stretch, packed: (B, G, S, n), axes of length 1 where all are one."""

    where: slice
    known: Array
    y: Array
    value: Array
    weights: list[Array]
    """Coefficients l_k of the equivalent kernel ``w(u)·Σ_k l_k·u^k``; l_0 is the leverage."""

    def unpacked(self, packed: Array) -> Array:
        return unpack(packed, self.where.stop - self.where.start)


def _pieces(series: Series, tau: Array, degree: int) -> Iterator[_Piece]:
    """Fit every series with every one of its bandwidths, tau (G, S) or (G, 1)."""
    u = series.u[None] / tau[..., None]
    masses = [series.mass[None], series.y[None]]
    for stretch in sweep(u, masses, [2 * degree, degree], length=_stretch(series.y)):
        mass, y = stretch.masses
        s, t = stretch.moments
        weights = _kernel(s, degree)
        value = weights[0] * t[0]
        for k in range(1, degree + 1):
            arrays.add_product(value, weights[k], t[k])
        yield _Piece(stretch.where, mass > 0, y, value, weights)


def _kernel(s: list[Array], degree: int) -> list[Array]:
    """First row of the inverse of the moment matrix, point by point; of a lower degree where that
    matrix is singular. s: moments 0 … 2·degree."""
    xp = arrays.namespace(s[0])
    if degree == 0:
        return [1 / s[0]]
    if degree == 1:
        product = s[0] * s[2]
        determinant = product - s[1] * s[1]
        higher = [s[2], -s[1]]
    else:
        outer = s[2] * s[4]
        higher = [outer - s[3] * s[3], s[2] * s[3] - s[1] * s[4], s[1] * s[3] - s[2] * s[2]]
        determinant = s[0] * higher[0] + s[1] * higher[1] + s[2] * higher[2]
        product = s[0] * outer
    regular = determinant > _SINGULAR * product
    higher = [minor / determinant for minor in higher]
    if bool(regular.all()):
        return higher
    lower = [*_kernel(s[: 2 * degree - 1], degree - 1), xp.zeros_like(determinant)]
    return [xp.where(regular, a, b) for a, b in zip(higher, lower, strict=True)]


def _stretch(array: Array) -> int:
    return _CACHED if arrays.on_host(array) else _ON_DEVICE


def _tiles(series: Series, candidates: int) -> Iterator[_Tile]:
    """Rows and candidates that are worked on together."""
    count, length = series.y.shape
    together = max(1, _stretch(series.y) // length)
    rows = max(1, min(count, together))
    some = min(candidates, max(1, together // rows))
    for top in range(0, count, rows):
        for first in range(0, candidates, some):
            yield slice(top, top + rows), slice(first, first + some)
