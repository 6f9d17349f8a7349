"""The curve of a batch of series, with one bandwidth or with one at every place; and its band."""

import math
from dataclasses import dataclass
from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.bandwidths import Grid
from rlviz.smooth.coarse import Coarse
from rlviz.smooth.fit import (
    MAX_LEVERAGE,
    Estimate,
    Noise,
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
"""Standard errors on either side; benchmarks/smoothers.py measures what they cover."""
_TOGETHER = 1 << 17
"""Points of all series that are worked on at a time on a CPU: a dozen fits of them are kept."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Curves with their bands, each array (S, T), in the unit of the series."""

    value: Array
    standard_error: Array
    """NaN where a point is interpolated."""
    bandwidth: Array
    """In units of u."""
    low: Array
    high: Array


def everywhere(series: Series, tau: Array, degree: int, noise: Noise) -> Curve:
    """With one bandwidth for each series, (S,) or (1,), in units of u."""
    xp = arrays.namespace(series.u)
    best, half = fit(series, [tau, series.halved(tau)], degree, noise)
    low, high = _hull(best.value, best.standard_error, half.value, half.standard_error)
    width = xp.broadcast_to(tau[:, None], tuple(series.y.shape))
    return Curve(best.value, best.standard_error, width, low, high)


def placed(levels: Levels, place: Array, narrowest: Array, degree: int, noise: Noise) -> Curve:
    """With the bandwidths that lie on the grid at `place`, (S, T), between whose numbers curves and
    errors are joined straight; those at half the bandwidth are no narrower than the number
    `narrowest`, (S,)."""
    whole = Curve(*(arrays.empty(tuple(place.shape), place) for _ in range(5)))
    length = place.shape[-1]
    together = max(1, _TOGETHER // length) if arrays.on_host(place) else len(place)
    for top in range(0, len(place), together):
        rows = slice(top, top + together)
        found = _placed(levels, rows, place[rows], narrowest[rows], degree, noise.rows(rows))
        for name in ("value", "standard_error", "bandwidth", "low", "high"):
            getattr(whole, name)[rows] = getattr(found, name)
    return whole


@dataclass(frozen=True, slots=True)
class _Part:
    """What one bandwidth has to do with some of the series."""

    rows: Any
    series: Series
    coarse: Coarse | None
    tau: Array
    noise: Noise
    found: Estimate
    share: Array
    """Of the curve at each point, (R, T)."""
    share_half: Array
    """Of the curve at half the bandwidth."""

    def at_points(self, values: Array) -> Array:
        """(1, R, n) -> (R, T)."""
        return values[0] if self.coarse is None else self.coarse.between.read(values[0])


def _placed(
    levels: Levels, rows: slice, place: Array, narrowest: Array, degree: int, noise: Noise
) -> Curve:
    xp = arrays.namespace(place)
    series, grid = levels.series.rows(rows), Grid(levels.grid.rows(rows))
    half = xp.maximum(place - (math.log(2) / grid.ratio)[:, None], narrowest[:, None] + 0.0 * place)
    half = xp.clip(xp.minimum(place, half), 0.0, None)

    def estimated(g: int) -> _Part | None:
        share = xp.clip(1 - xp.abs(place - g), 0.0, None)
        share_half = xp.clip(1 - xp.abs(half - g), 0.0, None)
        used = ((share > 0) | (share_half > 0)).any(-1)
        if not bool(used.any()):
            return None
        some: Any = slice(None)
        if not bool(used.all()):
            some = xp.nonzero(used) if not arrays.is_tensor(used) else xp.nonzero(used)[:, 0]
            some = some[0] if isinstance(some, tuple) else some
        own = noise.rows(some)
        tau = grid.rows(some)[g : g + 1]
        of_level = levels.of(g, rows)
        coarse = None if of_level is None else of_level.rows(some)
        seen = series.rows(some)
        if coarse is None:
            found = estimate(seen, tau, degree, own.rho)
        else:
            found = estimate_coarse(coarse, tau, degree, own.rho)
        return _Part(some, seen, coarse, tau, own, found, share[some], share_half[some])

    work = len(grid) * points(series) // 2
    parts = [part for part in side_by_side(estimated, range(len(grid)), points=work) if part]
    value, value_half, echo, leverage = (xp.zeros_like(place) for _ in range(4))
    for part in parts:
        at_points = part.at_points(part.found.value)
        value[part.rows] += part.share * at_points
        value_half[part.rows] += part.share_half * at_points
        echo[part.rows] += part.share * part.at_points(part.found.echo)
        leverage[part.rows] += part.share * part.at_points(part.found.weights[0][:1])
    variance = residual_variance(series, value, echo)
    least = noise.least(variance)

    def error_of(part: _Part) -> Array:
        own = variance[part.rows]
        floor = None if least is None else least[part.rows]
        seen = part.series
        if part.coarse is not None:
            coarse, seen = part.coarse, part.coarse.series
            own = arrays.sums(own, coarse.group, seen.y.shape[-1])
            if floor is not None:
                floor = xp.where(part.series.known, floor, 0.0)
                floor = arrays.sums(floor, coarse.group, seen.y.shape[-1])
        elif floor is not None:
            floor = xp.where(seen.known, floor, 0.0)
        floor = None if floor is None else floor[None]
        found = standard_error(seen.u, part.tau, part.found, own[None], part.noise.rho, floor)
        return part.at_points(found)

    error, error_half = xp.zeros_like(place), xp.zeros_like(place)
    for part, found in zip(parts, side_by_side(error_of, parts, points=work), strict=True):
        error[part.rows] += part.share * found
        error_half[part.rows] += part.share_half * found
    error = xp.where(leverage > MAX_LEVERAGE, math.nan, error)
    low, high = _hull(value, error, value_half, error_half)
    return Curve(value, error, grid.at(place), low, high)


def _hull(value: Array, error: Array, value_half: Array, error_half: Array) -> tuple[Array, Array]:
    xp = arrays.namespace(value)
    reach, reach_half = _BAND * error, _BAND * error_half
    low = xp.fmin(value - reach, value_half - reach_half)
    high = xp.fmax(value + reach, value_half + reach_half)
    return low, high
