"""The offline curve: local polynomial regression with a Laplace kernel, for many series at once.

Around the estimated point i, every point j has the weight ``exp(−|x_i − x_j| / tau)``, so a fit
needs only moments, which `rlviz.smooth.moments` gives for every point in O(T). First the duration
of the noise is estimated (`rlviz.smooth.correlation`), then tau is chosen, place by place
(`rlviz.smooth.places`) or once for the whole series (`rlviz.smooth.bandwidths`).
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from rlviz.given import flag
from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.bandwidths import Grid, leave_one_out
from rlviz.smooth.correlation import noise_correlation as correlation_of
from rlviz.smooth.curve import Curves, everywhere, placed
from rlviz.smooth.fit import NoiseModel
from rlviz.smooth.places import Levels, places
from rlviz.smooth.series import Series

_GRID = 24


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A smoothed curve, or one for each of many series.

    Arrays have the shape, dtype, library and device of the smoothed values; they are NaN where x or
    the value is not finite.

    Attributes:
        curve: the estimate at every point, (..., T).
        standard_error: its pointwise standard error, (..., T), in the unit of the values; also NaN
            where the curve just repeats its point (leverage above 0.98).
        bandwidth: tau at every point, (..., T), in the unit of x.
        low, high: the band, (..., T): the hull of ``curve ± 2·standard_error`` at the bandwidth and
            at half of it. The second shows what the first smooths away, so the band also covers a
            bend that the curve cuts short. benchmarks/smoothers.py measures its coverage of the
            truth. NaN where the curve just repeats its point, unless `variance` tells how certain
            the point is.
        noise_correlation: between the noise of a point and of the next; a float for one series,
            else (...), float64; NaN for a series without a finite point.
    """

    curve: Array
    standard_error: Array
    bandwidth: Array
    low: Array
    high: Array
    noise_correlation: Any


def local_polynomial(
    values: Any,
    *,
    x: Any = None,
    degree: int = 2,
    bandwidth: float | Literal["loo"] = "loo",
    local: bool = True,
    noise_correlation: float | Literal["reml"] = "reml",
    variance: Any = None,
) -> Smoothed:
    """Smooth series with a locally weighted polynomial.

    Args:
        values: one series, shape (T,), or many, (..., T): an array, a tensor on any device, or
            numbers. A value that is not finite is a gap. Computation is in float64; results have
            the dtype of the input.
        x: their positions: (T,) for all series, or the shape of values; never decreasing; by
            default 0, 1, 2, …. A point whose x is not finite is a gap, too.
        degree: degree of the polynomial, 0, 1 or 2; points with too few distinct neighbors use a
            lower degree.
        bandwidth: tau of the kernel, > 0, in the unit of x, for all places; "loo" chooses by the
            leave-one-out error on a geometric grid of 24, from two median steps of x to twice its
            extent. A point that makes up more than 98 % of its own estimate is interpolated: it
            does not count in that error, and a bandwidth that interpolates more than 1 % of the
            points is excluded.
        local: choose the bandwidth place by place; else one bandwidth for each whole series.
        noise_correlation: between the noise of a point and of the next, in [0, 1); "reml" estimates
            it for each series. Leave-one-out then accounts for neighbors that share a point's
            noise, and the standard error for noise that does not average out.
        variance: variance of the noise at every point where it is known, as for a share of graded
            answers: (T,) for all series, or the shape of values, >= 0, NaN where unknown. It never
            lowers a standard error; it sets a lower bound.

    Raises:
        ValueError: shapes differ, x decreases, or an option is out of its range.
        TypeError: values, x or variance are not real numbers, or `local` is no bool.

    Example:
        >>> line = local_polynomial([1.0, 2.0, 3.0, 4.0, 5.0], bandwidth=2.0)
        >>> [round(float(y), 6) for y in line.curve]  # a line comes back as it is
        [1.0, 2.0, 3.0, 4.0, 5.0]

    Source: W. S. Cleveland, JASA 74 (1979), for the local fit; J. Fan, I. Gijbels, Local Polynomial
    Modelling and Its Applications (1996), 4, for bandwidths that vary; N. Altman, JASA 85 (1990),
    for noise that lasts.
    """
    y, at = _checked(values, x)
    _check_options(degree, bandwidth, noise_correlation)
    local = flag("local", local)
    known_variance = _variance(variance, y)
    degree = int(degree)
    shape = tuple(y.shape)
    rows = y.reshape(-1, shape[-1])
    with np.errstate(all="ignore"):  # series without a point divide by nothing
        series = Series.of(rows, at if at.ndim == 1 else at.reshape(-1, shape[-1]))
        rho = _correlation(series, noise_correlation)
        noise = NoiseModel(
            rho if bool((rho > 0).any()) else None,
            None if known_variance is None else known_variance / series.scale**2,
        )
        if bandwidth == "loo" and local:
            level, trend = series.without_polynomial(degree)
            levels = Levels(level, Grid.of(level, _GRID))
            place, narrowest = places(levels, degree, noise.rho)
            curve = placed(levels, place, narrowest, degree, noise)
        else:
            trend = 0.0
            if bandwidth == "loo":
                tau = leave_one_out(series, Grid.of(series, _GRID), degree, noise.rho)
            else:
                tau = float(bandwidth) / series.extent
            curve = everywhere(series, tau, degree, noise)
        found = _finished(series, y, curve, trend, rho)
    return Smoothed(*(arrays.like(part, values) for part in found))


def _correlation(series: Series, given: float | str) -> Array:
    """(S,)"""
    if given != "reml":
        rho = np.full(len(series.y), float(given))
    elif arrays.is_tensor(series.y):
        rho = correlation_of(series.y.cpu().numpy(), series.known.cpu().numpy())
    else:
        rho = correlation_of(series.y, series.known)
    return arrays.to(rho, series.y)


def _finished(series: Series, y: Array, curve: Curves, trend: Any, rho: Array) -> tuple[Any, ...]:
    """The parts of `Smoothed`, in the form that callers get."""
    xp = arrays.namespace(y)
    shape, dtype = tuple(y.shape), y.dtype

    def given(part: Array, unit: Array) -> Array:
        part = xp.where(series.known, part * unit, math.nan).reshape(shape)
        return part.to(dtype) if arrays.is_tensor(part) else part.astype(dtype, copy=False)

    middle = series.offset
    if not isinstance(trend, float):
        middle = middle + trend
    rho = xp.where(series.known.any(-1), rho, math.nan)
    return (
        given(curve.value + middle, series.scale),
        given(curve.standard_error, series.scale),
        given(curve.bandwidth, series.extent[:, None]),
        given(curve.low + middle, series.scale),
        given(curve.high + middle, series.scale),
        float(rho[0]) if len(shape) == 1 else rho.reshape(shape[:-1]),
    )


def _checked(values: Any, x: Any) -> tuple[Array, Array]:
    y = arrays.real(values, "values")
    if not y.ndim or not y.shape[-1]:
        raise ValueError(
            f"values must have shape (..., T) with T >= 1, got {tuple(y.shape)}. "
            "There is nothing to smooth."
        )
    if x is None:
        return y, arrays.to(np.arange(y.shape[-1], dtype=np.float64), y)
    at = arrays.to(arrays.real(x, "x", whole=True), y)
    if tuple(at.shape) not in (tuple(y.shape), (y.shape[-1],)):
        raise ValueError(
            f"x must have the shape of values, {tuple(y.shape)}, or ({y.shape[-1]},) for all "
            f"series, got {tuple(at.shape)}."
        )
    return y, at


def _variance(variance: Any, y: Array) -> Array | None:
    """(S | 1, T), float64."""
    if variance is None:
        return None
    known = arrays.double(arrays.to(arrays.real(variance, "variance", whole=True), y))
    if tuple(known.shape) not in (tuple(y.shape), (y.shape[-1],)):
        raise ValueError(
            f"variance must have the shape of values, {tuple(y.shape)}, or ({y.shape[-1]},) for "
            f"all series, got {tuple(known.shape)}."
        )
    if bool((known < 0).any()):
        least = float(known[known < 0].min())
        raise ValueError(
            f"variance must be >= 0, or NaN where it is not known, got {least!r}. It is the square "
            "of a standard deviation."
        )
    xp = arrays.namespace(y)
    return xp.broadcast_to(known, tuple(y.shape)).reshape(-1, y.shape[-1])


def _check_options(degree: int, bandwidth: float | str, noise_correlation: float | str) -> None:
    if not isinstance(degree, Integral) or degree not in (0, 1, 2):
        raise ValueError(f"degree must be 0, 1 or 2, got {degree!r}.")
    if bandwidth != "loo" and not (isinstance(bandwidth, Real) and 0 < bandwidth < math.inf):
        raise ValueError(
            f'bandwidth must be > 0 and finite, in the unit of x, or "loo", got {bandwidth!r}.'
        )
    if noise_correlation != "reml" and not (
        isinstance(noise_correlation, Real) and 0 <= noise_correlation < 1
    ):
        raise ValueError(
            'noise_correlation must be in [0, 1), or "reml" to estimate it, got '
            f"{noise_correlation!r}. For noise that is new at every point give 0.0."
        )
