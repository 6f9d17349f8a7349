"""The offline curve: local polynomial regression with a Laplace kernel, for many series at once.

Every point is weighed by ``exp(−|x_i − x_j| / tau)`` around the point that is estimated, so that
all that a fit needs are moments which `rlviz.smooth.moments` gives for every point in O(T).
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array
from rlviz.smooth.fit import fit, leave_one_out
from rlviz.smooth.series import Series

_GRID = 24
_BAND = 2.0
"""Standard errors on either side; benchmarks/smoothers.py measures what they cover."""


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A smoothed curve, or one for each of many series.

    Arrays have the shape, dtype, library and device of the values that were smoothed; they hold NaN
    where x or the value is not finite.

    Attributes:
        curve: the estimate at every point, (..., T).
        standard_error: its pointwise standard error, (..., T), in the unit of the values; NaN also
            where the curve just repeats its point (leverage above 0.98).
        bandwidth: tau, in the unit of x; a float for one series, else (...); NaN for a series
            without a finite point.
        low, high: the band, (..., T): the hull of ``curve ± 2·standard_error`` and of the same at
            half the bandwidth. The second shows what the first smooths away, so that the band also
            covers a bend which the curve cuts short. For independent noise it covers the truth at
            about 95 % of the points (benchmarks/smoothers.py), for noise that lasts from point to
            point less.
    """

    curve: Array
    standard_error: Array
    bandwidth: Any
    low: Array
    high: Array


def local_polynomial(
    values: Any,
    *,
    x: Any = None,
    degree: int = 2,
    bandwidth: float | Literal["loo"] = "loo",
) -> Smoothed:
    """Smooth series with a locally weighted polynomial.

    Args:
        values: one series, shape (T,), or many, (..., T): an array, a tensor on any device, or
            numbers. What is not finite is a gap. Computed in float64, given back as it came.
        x: where they stand: (T,) for all, or the shape of values; never decreasing; by default 0,
            1, 2, …. A point whose x is not finite is a gap too.
        degree: of the polynomial, 0, 1 or 2; a lower one is used at points where there are not
            enough distinct neighbors for it.
        bandwidth: tau of the kernel, > 0, in the unit of x; "loo" takes for each series the one
            with the smallest leave-one-out error on a geometric grid of 24, from two median steps
            of x to twice its extent. A point that makes up more than 98 % of its own estimate is
            interpolated: it has no part in that error, and a bandwidth at which more than 1 % of
            the points are is out.

    Raises:
        ValueError: shapes differ, x decreases, or an option is out of its range.
        TypeError: values or x are no real numbers.

    Example:
        >>> line = local_polynomial([1.0, 2.0, 3.0, 4.0, 5.0], bandwidth=2.0)
        >>> [round(float(y), 6) for y in line.curve]  # a line comes back as it is
        [1.0, 2.0, 3.0, 4.0, 5.0]

    Source: W. S. Cleveland, JASA 74 (1979), for the local fit; Hastie, Tibshirani, Friedman, The
    Elements of Statistical Learning, 7.10, for the leave-one-out residual.
    """
    y, at = _checked(values, x)
    _check_options(degree, bandwidth)
    degree = int(degree)
    shape = tuple(y.shape)
    rows = y.reshape(-1, shape[-1])
    with np.errstate(all="ignore"):  # series without a point divide by nothing
        series = Series.of(rows, at if at.ndim == 1 else at.reshape(-1, shape[-1]))
        if bandwidth == "loo":
            tau = leave_one_out(series, degree, grid=_GRID)
        else:
            tau = float(bandwidth) / series.extent
        best, half = fit(series, [tau, series.halved(tau)], degree)
        found = _finished(series, y, best, half, tau)
    return Smoothed(*(arrays.like(part, values) for part in found))


def _finished(series: Series, y: Array, best: Any, half: Any, tau: Array) -> tuple[Any, ...]:
    """Curve, standard error, bandwidth, low and high, as they are given back."""
    xp = arrays.namespace(y)
    shape, dtype = tuple(y.shape), y.dtype
    reach, reach_half = _BAND * best.standard_error, _BAND * half.standard_error
    low = xp.fmin(best.value - reach, half.value - reach_half)
    high = xp.fmax(best.value + reach, half.value + reach_half)

    def given(part: Array, offset: Any = 0.0) -> Array:
        part = xp.where(series.known, (part + offset) * series.scale, math.nan).reshape(shape)
        return part.to(dtype) if arrays.is_tensor(part) else part.astype(dtype, copy=False)

    width = tau * series.extent
    width = xp.where(series.known.any(-1), width, math.nan)
    width = xp.broadcast_to(width, (len(series.y),)) + 0.0  # one tau may be that of all series
    middle = series.offset
    return (
        given(best.value, middle),
        given(best.standard_error),
        float(width[0]) if len(shape) == 1 else width.reshape(shape[:-1]),
        given(low, middle),
        given(high, middle),
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


def _check_options(degree: int, bandwidth: float | str) -> None:
    if not isinstance(degree, Integral) or degree not in (0, 1, 2):
        raise ValueError(f"degree must be 0, 1 or 2, got {degree!r}.")
    if bandwidth != "loo" and not (isinstance(bandwidth, Real) and 0 < bandwidth < math.inf):
        raise ValueError(
            f'bandwidth must be > 0 and finite, in the unit of x, or "loo", got {bandwidth!r}.'
        )
