"""Local polynomial fits of a batch of series.

At every point a fit has a value and the coefficients of the kernel that made it; its standard error
comes from the residuals of the points.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.blocks import pack, unpack
from rlviz.smooth.lasting import inflation
from rlviz.smooth.moments import Echo, sweep
from rlviz.smooth.series import Series
from rlviz.smooth.threads import side_by_side

MAX_LEVERAGE = 0.98
"""A point that makes up more than this of its own estimate is interpolated, not smoothed."""
_SINGULAR = 1e-10
_CACHED = 1 << 16
"""How many points (of all candidates and series together) are processed at a time on a CPU, so that
their data stay in its cache."""
_ON_DEVICE = 1 << 22

Tile = tuple[slice, slice]
"""Some of the series, and some of the candidates."""


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """What is known about the noise of a batch of series.

    Attributes:
        rho: its correlation from each point to the next, (S,), in [0, 1); None if it is 0 in all
            series.
        variance: its variance at every point, in the unit of the series, NaN where unknown, (S, T);
            None if it is known nowhere.
    """

    rho: Array | None = None
    variance: Array | None = None

    def rows(self, some: Any) -> "NoiseModel":
        """The noise of some of the series."""
        rho, variance = self.rho, self.variance
        return NoiseModel(
            None if rho is None else rho[some], None if variance is None else variance[some]
        )

    def least(self, residual: Array) -> Array | None:
        """Lower bounds of the variance in a standard error: the known variances, else the residual
        ones."""
        if self.variance is None:
            return None
        xp = arrays.namespace(residual)
        return xp.where(xp.isfinite(self.variance), self.variance, residual)


@dataclass(frozen=True, slots=True)
class Fit:
    """Fits of a batch of series, each array (S, T)."""

    value: Array
    leverage: Array
    """How much of its own value is in a point's estimate."""
    standard_error: Array
    """NaN where the leverage is above `MAX_LEVERAGE`."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Fits with several bandwidths, each array (G, S, T); an axis has length 1 if its entries are
    equal."""

    value: Array
    weights: list[Array]
    """Coefficients l_k of the equivalent kernel ``w(u)·Σ_k l_k·u^k``; l_0 is the leverage."""
    echo: Array
    """``Σ_j S_ij·rho^|i−j|``: how much of the noise of its own value is in a point's estimate; the
    leverage where noise does not last."""
    near: Array
    """Sum of the kernel's weights, at most 1 each."""


def points(series: Series) -> int:
    """How many points there are, if they are in host memory."""
    return len(series.y) * series.y.shape[-1] if arrays.on_host(series.y) else 0


def fit(series: Series, taus: Sequence[Array], degree: int, noise: NoiseModel) -> list[Fit]:
    """Fit at every point, once for each of several bandwidths, (S,) or (1,), in units of u."""
    xp = arrays.namespace(series.u)
    tau = xp.stack(list(taus))
    shape = (len(taus), len(series.y), series.u.shape[-1])
    whole = Fit(*(arrays.empty(shape, series.u) for _ in range(3)))

    def work(tile: Tile) -> None:
        rows, some = tile
        of_rows = tau[some] if tau.shape[-1] == 1 else tau[some, rows]
        found = _fit(series.rows(rows), of_rows, degree, noise.rows(rows))
        whole.value[some, rows] = found.value
        whole.leverage[some, rows] = found.leverage
        whole.standard_error[some, rows] = found.standard_error

    side_by_side(work, list(tiles(series, len(taus))), points=len(taus) * points(series))
    parts = zip(whole.value, whole.leverage, whole.standard_error, strict=True)
    return [Fit(*part) for part in parts]


def _fit(series: Series, tau: Array, degree: int, noise: NoiseModel) -> Fit:
    """Fit every series with every one of its bandwidths, tau (G, S) or (G, 1) -> (G, S, T)."""
    xp = arrays.namespace(tau)
    found = estimate(series, tau, degree, noise.rho)
    variance = residual_variance(series, found.value, found.echo)
    error = standard_error(series.u, tau, found, variance, noise.rho, noise.least(variance))
    leverage = found.weights[0]
    return Fit(found.value, leverage, xp.where(leverage > MAX_LEVERAGE, math.nan, error))


def estimate(series: Series, tau: Array, degree: int, rho: Array | None) -> Estimate:
    """Fit every series with every one of its bandwidths, tau (G, S) or (G, 1)."""
    shape = (len(tau), *series.y.shape)
    value = arrays.empty(shape, series.u)
    weights = [arrays.empty(shape, series.u) for _ in range(degree + 1)]
    near = arrays.empty(shape, series.u)
    echo = weights[0] if rho is None else arrays.empty(shape, series.u)
    for piece in pieces(series, tau, degree, rho):
        value[..., piece.where] = piece.unpacked(piece.value)
        for full, part in zip(weights, piece.weights, strict=True):
            full[..., piece.where] = piece.unpacked(part)
        near[..., piece.where] = piece.unpacked(piece.near)
        if rho is not None:
            echo[..., piece.where] = piece.unpacked(piece.echo)
    return Estimate(value, weights, echo, near)


def residual_variance(series: Series, value: Array, echo: Array) -> Array:
    """Each point's own estimate of the noise's variance, r²/(1 − h), 0 in gaps."""
    xp = arrays.namespace(value)
    variance = (series.y - value) ** 2 / xp.clip(1 - echo, 1 - MAX_LEVERAGE, None)
    return xp.where(series.known, variance, 0.0)


def standard_error(
    u: Array,
    tau: Array,
    found: Estimate,
    variance: Array,
    rho: Array | None,
    least: Array | None,
) -> Array:
    """The standard errors of fits, (G, S, T): the root of Σ_j l_j²·v_j, inflated for noise that
    lasts.

    Args:
        u: the places of the points, (S | 1, T).
        variance: variance of the noise at every point, (G | 1, S, T).
        rho: the noise's correlation, (S,); None for 0.
        least: variances of noise that does not last, (G | 1, S, T); the error is never smaller than
            they imply.
    """
    xp = arrays.namespace(found.value)
    square = _squared(u, tau, found.weights, variance)
    if rho is not None:
        square = square * inflation(rho[:, None], found.near / 2)
    if least is not None:
        square = xp.maximum(square, _squared(u, tau, found.weights, least))
    return xp.sqrt(square)


def _squared(u: Array, tau: Array, weights: list[Array], variance: Array) -> Array:
    """Σ_j l_j²·v_j: the squared kernel decays twice as fast."""
    xp = arrays.namespace(u)
    order = 2 * (len(weights) - 1)
    total = arrays.empty(tuple(weights[0].shape), weights[0])
    twice = 2 * u[None] / tau[..., None]
    for stretch in sweep(twice, [variance], [order], length=_stretch(total)):
        # In units of the doubled decay u is twice as large, and moment k 2^k times.
        squared: Array = 0.0
        kernel = [pack(weight[..., stretch.where]) for weight in weights]
        for k, moment in enumerate(stretch.moments[0]):
            pairs = [(a, k - a) for a in range(len(kernel)) if 0 <= k - a < len(kernel)]
            squared = squared + sum(kernel[a] * kernel[b] for a, b in pairs) * moment / 2.0**k
        length = stretch.where.stop - stretch.where.start
        total[..., stretch.where] = xp.clip(unpack(squared, length), 0.0, None)
    return total


@dataclass(frozen=True, slots=True)
class Piece:
    """Fits at the points of a stretch, packed: (B, G, S, n), otherwise as in `Estimate`; an axis
    has length 1 if its entries are equal."""

    where: slice
    known: Array
    y: Array
    value: Array
    weights: list[Array]
    echo: Array
    near: Array

    def unpacked(self, packed: Array) -> Array:
        return unpack(packed, self.where.stop - self.where.start)


def pieces(series: Series, tau: Array, degree: int, rho: Array | None) -> Iterator[Piece]:
    """Fit every series with every one of its bandwidths, tau (G, S) or (G, 1)."""
    xp = arrays.namespace(tau)
    u = series.u[None] / tau[..., None]
    masses = [series.mass[None], series.y[None]]
    orders = [2 * degree, degree]
    echoes: list[Echo | None] = [None, None]
    if rho is not None:
        rank = xp.cumsum(series.mass, -1)
        masses, orders = [*masses, masses[0]], [*orders, degree]
        echoes = [None, None, Echo(rho[None, :, None], rank[None])]
    for stretch in sweep(u, masses, orders, length=_stretch(series.y), echoes=echoes):
        mass, y = stretch.masses[:2]
        s, t = stretch.moments[:2]
        weights = _kernel(s, degree)
        value = _combined(weights, t)
        echo = weights[0] if rho is None else _combined(weights, stretch.moments[2])
        yield Piece(stretch.where, mass > 0, y, value, weights, echo, s[0])


def _combined(weights: list[Array], moments: list[Array]) -> Array:
    total = weights[0] * moments[0]
    for weight, moment in zip(weights[1:], moments[1:], strict=True):
        arrays.add_product(total, weight, moment)
    return total


def _kernel(s: list[Array], degree: int) -> list[Array]:
    """First row of the inverse of the moment matrix, point by point; where that matrix is singular,
    of a lower degree. s: moments 0 … 2·degree."""
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


def tiles(series: Series, candidates: int) -> Iterator[Tile]:
    """Rows and candidates that are processed together."""
    count, length = series.y.shape
    together = max(1, _stretch(series.y) // length)
    rows = max(1, min(count, together))
    some = min(candidates, max(1, together // rows))
    for top in range(0, count, rows):
        for first in range(0, candidates, some):
            yield slice(top, top + rows), slice(first, first + some)
