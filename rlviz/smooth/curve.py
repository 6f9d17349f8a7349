"""The curve of a batch of series and its band, with one bandwidth or one at every place."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.bandwidths import Grid
from rlviz.smooth.fit import (
    MAX_LEVERAGE,
    NoiseModel,
    estimate,
    fit,
    points,
    residual_variance,
    standard_error,
)
from rlviz.smooth.places import Levels, estimate_coarse
from rlviz.smooth.series import Series
from rlviz.smooth.threads import side_by_side

_BAND = 2.0
"""Standard errors on either side of the curve; benchmarks/smoothers.py measures their coverage."""
_TOGETHER = 1 << 17
"""How many points of all series are processed at a time on a CPU; a dozen fits of them are kept."""
_AT_ONCE = 1 << 17
"""Below this many points, times half the bandwidths of the grid, a level is fitted at once."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves with their bands, each array (S, T), in the unit of the series."""

    value: Array
    standard_error: Array
    """NaN where a point is interpolated."""
    bandwidth: Array
    """In units of u."""
    low: Array
    high: Array


def everywhere(series: Series, tau: Array, degree: int, noise: NoiseModel) -> Curves:
    """Curves with one bandwidth for each series, (S,) or (1,), in units of u."""
    xp = arrays.namespace(series.u)
    best, half = fit(series, [tau, series.halved(tau)], degree, noise)
    low, high = _hull(best.value, best.standard_error, half.value, half.standard_error)
    width = xp.broadcast_to(tau[:, None], tuple(series.y.shape))
    return Curves(best.value, best.standard_error, width, low, high)


def placed(
    levels: Levels, place: Array, narrowest: Array, degree: int, noise: NoiseModel
) -> Curves:
    """Curves with the bandwidths at `place` on the grid, (S, T). Between two bandwidths of the
    grid, curves and errors are interpolated linearly. The curves at half the bandwidth use no
    bandwidth below the number `narrowest`, (S,)."""
    whole = Curves(*(arrays.empty(tuple(place.shape), place) for _ in range(5)))
    length = place.shape[-1]
    together = max(1, _TOGETHER // length) if arrays.on_host(place) else len(place)
    for top in range(0, len(place), together):
        rows = slice(top, top + together)
        found = _placed(levels, rows, place[rows], narrowest[rows], degree, noise.rows(rows))
        for name in ("value", "standard_error", "bandwidth", "low", "high"):
            getattr(whole, name)[rows] = getattr(found, name)
    return whole


class _Part:
    """How some bandwidths of the grid, (G,), contribute to some series that use them.

    Attributes:
        rows: which of the series.
        share, share_half: the weight of each bandwidth in the curve at a point, and in the curve at
            half the bandwidth, (G, R, T).
    """

    def __init__(
        self, levels: Levels, some: slice, tile: slice, rows: Any, degree: int, noise: NoiseModel
    ) -> None:
        self.rows, self._rho = rows, noise.rho
        self._series = levels.series.rows(tile).rows(rows)
        coarse = levels.of(some.start, tile)
        self._coarse = None if coarse is None else coarse.rows(rows)
        self._tau = Grid(levels.grid.rows(tile)).rows(rows)[some]
        if self._coarse is None:
            self._found = estimate(self._series, self._tau, degree, noise.rho)
        else:
            self._found = estimate_coarse(self._coarse, self._tau, degree, noise.rho)
        self.value = self._at_points(self._found.value)
        self.echo = self._at_points(self._found.echo)
        weights = self._found.weights[0]
        self.leverage = self.echo if noise.rho is None else self._at_points(weights)

    def _at_points(self, values: Array) -> Array:
        """(G, R, n) -> (G, R, T)."""
        return values if self._coarse is None else self._coarse.between.read(values)

    def error(self, variance: Array, least: Array | None) -> Array:
        """Standard errors at the points, (G, R, T), given variances there, (R, T)."""
        series = self._series
        if self._coarse is not None:
            series, group = self._coarse.series, self._coarse.group
            variance = arrays.sums(variance, group, series.y.shape[-1])
            if least is not None:
                least = arrays.sums(least, group, series.y.shape[-1])
        floor = None if least is None else least[None]
        found = standard_error(series.u, self._tau, self._found, variance[None], self._rho, floor)
        return self._at_points(found)


def _placed(
    levels: Levels, tile: slice, place: Array, narrowest: Array, degree: int, noise: NoiseModel
) -> Curves:
    xp = arrays.namespace(place)
    series, grid = levels.series.rows(tile), Grid(levels.grid.rows(tile))
    half = xp.maximum(place - (math.log(2) / grid.ratio)[:, None], narrowest[:, None] + 0.0 * place)
    half = xp.clip(xp.minimum(place, half), 0.0, None)
    numbers = arrays.to(np.arange(float(len(grid))), place)

    def shares(some: slice, rows: Any) -> tuple[Array, Array]:
        number = numbers[some, None, None]
        return (
            xp.clip(1 - xp.abs(place[rows] - number), 0.0, None),
            xp.clip(1 - xp.abs(half[rows] - number), 0.0, None),
        )

    work = len(grid) * points(series) // 2
    used = _used(levels, place, half, work)
    parts = side_by_side(
        lambda item: _Part(levels, item[0], tile, item[1], degree, noise.rows(item[1])),
        used,
        points=work,
    )
    value, value_half, echo, leverage = (xp.zeros_like(place) for _ in range(4))
    for part, (some, rows) in zip(parts, used, strict=True):
        share, share_half = shares(some, rows)
        value[rows] += (share * part.value).sum(0)
        value_half[rows] += (share_half * part.value).sum(0)
        echo[rows] += (share * part.echo).sum(0)
        leverage[rows] += (share * part.leverage).sum(0)
    variance = residual_variance(series, value, echo)
    least = noise.least(variance)
    if least is not None:
        least = xp.where(series.known, least, 0.0)
    errors = side_by_side(
        lambda part: part.error(variance[part.rows], None if least is None else least[part.rows]),
        parts,
        points=work,
    )
    error, error_half = xp.zeros_like(place), xp.zeros_like(place)
    for found, (some, rows) in zip(errors, used, strict=True):
        share, share_half = shares(some, rows)
        error[rows] += (share * found).sum(0)
        error_half[rows] += (share_half * found).sum(0)
    repeated = leverage > MAX_LEVERAGE
    error = xp.where(repeated, math.nan, error)
    if noise.variance is not None:
        repeated = repeated & ~xp.isfinite(noise.variance)
    error_half = xp.where(repeated, math.nan, error_half)  # a repeated point has no residual
    low, high = _hull(value, error, value_half, error_half)
    return Curves(value, error, grid.at(place), low, high)


def _used(levels: Levels, place: Array, half: Array, points: int) -> list[tuple[slice, Any]]:
    """Bandwidths of the grid, and the series that use them. With few points all bandwidths of a
    level come at once, because calls cost more than arithmetic."""
    xp = arrays.namespace(place)
    first, last = xp.amin(half, -1), xp.amax(place, -1)
    found: list[tuple[slice, Any]] = []
    for level in levels.together():
        lowest = max(level.start, int(xp.floor(first.min())))
        highest = min(level.stop, int(xp.ceil(last.max())) + 1)
        step = max(1, highest - lowest) if points < _AT_ONCE else 1
        for g in range(lowest, highest, step):
            some = slice(g, g + step)
            rows = (first < some.stop) & (last > some.start - 1)
            if bool(rows.all()):
                found.append((some, slice(None)))
            elif bool(rows.any()):
                numbers = arrays.to(np.arange(len(place)), place)
                found.append((some, numbers[rows]))
    return found


def _hull(value: Array, error: Array, value_half: Array, error_half: Array) -> tuple[Array, Array]:
    xp = arrays.namespace(value)
    reach, reach_half = _BAND * error, _BAND * error_half
    low = xp.fmin(value - reach, value_half - reach_half)
    high = xp.fmax(value + reach, value_half + reach_half)
    return low, high
