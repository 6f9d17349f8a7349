"""The offline curve: local polynomial regression with a Laplace kernel.

Every point is weighed by ``exp(−|x_i − x_j| / tau)`` around the point that is estimated. The
moments of such weights obey a recurrence from point to point, and the operators of that recurrence
compose, so all of them come from one scan in O(T log T) instead of O(T²).
"""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_GRID = 24
_MAX_LEVERAGE = 0.98
"""A bandwidth at which any point makes up this much of its own estimate is out: it interpolates."""
_FORGOTTEN = 45.0
"""Beyond this many bandwidths a weight is below 3e-20: nothing is left to add."""
_OUT_OF_REACH = 800.0
"""From here on a weight is exactly 0, and a distance's powers would only overflow."""
_SINGULAR = 1e-10


@dataclass(frozen=True, slots=True)
class Smoothed:
    """A smoothed curve.

    Attributes:
        curve: the estimate at every point, shape (T,); NaN where x or the value is not finite.
        standard_error: its pointwise standard error, shape (T,), in the unit of the values; NaN
            also where the curve just repeats its point (leverage above 0.98).
        bandwidth: tau, in the unit of x; NaN when there is no finite point.
    """

    curve: Floats
    standard_error: Floats
    bandwidth: float


def local_polynomial(
    values: ArrayLike,
    *,
    x: ArrayLike | None = None,
    degree: int = 2,
    bandwidth: float | Literal["loo"] = "loo",
) -> Smoothed:
    """Smooth one series with a locally weighted polynomial.

    Args:
        values: shape (T,); values that are not finite are gaps.
        x: where they stand, shape (T,), never decreasing; by default 0, 1, 2, …. A point whose x is
            not finite is a gap too.
        degree: of the polynomial, 0, 1 or 2; a lower one is used at points where there are not
            enough distinct neighbors for it.
        bandwidth: tau of the kernel, > 0, in the unit of x; "loo" takes the one with the smallest
            leave-one-out error on a geometric grid.

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
    y, xs = _checked(values, x, degree, bandwidth)
    finite = np.isfinite(y) & np.isfinite(xs)
    curve, error = np.full(len(y), math.nan), np.full(len(y), math.nan)
    if not finite.any():
        return Smoothed(curve, error, math.nan)
    y, xs = y[finite], xs[finite]
    if (np.diff(xs) < 0).any():
        raise ValueError("x must never decrease. Sort the points, or smooth each pass on its own.")
    extent = float(xs[-1] - xs[0]) or 1.0
    u = (xs - xs[0]) / extent
    tau = _leave_one_out(u, y, degree) if bandwidth == "loo" else float(bandwidth) / extent
    fit = _fit(u / tau, y, degree)
    curve[finite] = fit.value
    error[finite] = _standard_error(u / tau, y, fit)
    return Smoothed(curve, error, tau * extent)


def _checked(
    values: ArrayLike, x: ArrayLike | None, degree: int, bandwidth: float | str
) -> tuple[Floats, Floats]:
    y = _real(values, "values")
    xs = np.arange(len(y), dtype=np.float64) if x is None else _real(x, "x")
    if xs.shape != y.shape:
        raise ValueError(f"x must have the shape of values, {y.shape}, got {xs.shape}.")
    if not isinstance(degree, Integral) or degree not in (0, 1, 2):
        raise ValueError(f"degree must be 0, 1 or 2, got {degree!r}.")
    if bandwidth != "loo" and not (isinstance(bandwidth, Real) and 0 < bandwidth < math.inf):
        raise ValueError(
            f'bandwidth must be > 0 and finite, in the unit of x, or "loo", got {bandwidth!r}.'
        )
    return y, xs


def _real(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be real numbers, got dtype {array.dtype}.")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must have shape (T,) with T >= 1, got {array.shape}.")
    return array.astype(np.float64)


def _leave_one_out(u: Floats, y: Floats, degree: int) -> float:
    """The bandwidth, in units of u, with the smallest leave-one-out error."""
    steps = np.diff(u)
    smallest = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    grid = np.geomspace(min(2 * smallest, 1.0), 2.0, _GRID)
    best, tau = math.inf, float(grid[-1])
    for candidate in grid:
        fit = _fit(u / candidate, y, degree)
        if fit.leverage.max() > _MAX_LEVERAGE:
            continue
        loss = float(np.mean(((y - fit.value) / (1 - fit.leverage)) ** 2))
        if loss < best:
            best, tau = loss, float(candidate)
    return tau


@dataclass(frozen=True, slots=True)
class _Fit:
    value: Floats
    """Estimate at every point, (T,)."""
    leverage: Floats
    """How much of its own value is in a point's estimate, (T,)."""
    weights: Floats
    """Coefficients l_k of the equivalent kernel ``w(u)·Σ_k l_k u^k``, (degree + 1, T)."""


def _fit(u: Floats, y: Floats, degree: int) -> _Fit:
    """Fit at every point; u is x in bandwidths."""
    moments = _moments(np.stack([np.ones_like(y), y]), u, 2 * degree)
    s, t = moments[0], moments[1]
    weights = _first_row_of_inverse(s, degree)
    value = np.einsum("kt,kt->t", weights, t[: degree + 1])
    return _Fit(value, weights[0], weights)


def _first_row_of_inverse(s: Floats, degree: int) -> Floats:
    """Solve for the equivalent kernel's coefficients, point by point, lowering the degree where
    the moment matrix is singular. s: moments 0 … 2·degree, (2·degree + 1, T)."""
    solution = np.zeros((degree + 1, s.shape[1]))
    solution[0] = 1 / s[0]
    if degree >= 1:
        determinant = s[0] * s[2] - s[1] ** 2
        regular = determinant > _SINGULAR * s[0] * s[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            linear = np.stack([s[2], -s[1]]) / determinant
        solution[:2] = np.where(regular, linear, solution[:2])
    if degree == 2:
        minors = np.stack(
            [s[2] * s[4] - s[3] ** 2, s[2] * s[3] - s[1] * s[4], s[1] * s[3] - s[2] ** 2]
        )
        determinant = s[0] * minors[0] + s[1] * minors[1] + s[2] * minors[2]
        regular = determinant > _SINGULAR * s[0] * s[2] * s[4]
        with np.errstate(divide="ignore", invalid="ignore"):
            quadratic = minors / determinant
        solution = np.where(regular, quadratic, solution)
    return solution


def _standard_error(u: Floats, y: Floats, fit: _Fit) -> Floats:
    """Square root of Σ_j (l_j)²·r_j²/(1−h_j): the squared kernel decays twice as fast."""
    residual_variance = (y - fit.value) ** 2 / np.maximum(1 - fit.leverage, 1 - _MAX_LEVERAGE)
    count = len(fit.weights)
    # In units of the doubled decay u is 2u: moment k comes out 2^k too large.
    moments = _moments(residual_variance[None], 2 * u, 2 * (count - 1))[0]
    q = moments / 2.0 ** np.arange(len(moments))[:, None]
    variance = np.zeros_like(u)
    for a in range(count):
        for b in range(count):
            variance += fit.weights[a] * fit.weights[b] * q[a + b]
    error = np.sqrt(np.maximum(variance, 0.0))
    return np.where(fit.leverage > _MAX_LEVERAGE, math.nan, error)


def _moments(masses: Floats, u: Floats, order: int) -> Floats:
    """Moments ``Σ_j m_j·exp(−|u_j − u_i|)·(u_j − u_i)^k`` around every point i.

    Args:
        masses: m, shape (n, T).
        u: positions in bandwidths, never decreasing, shape (T,).
        order: highest k.

    Returns:
        Shape (n, order + 1, T).
    """
    before = _one_sided(masses, u, order)
    after = _one_sided(masses[:, ::-1], -u[::-1], order)[..., ::-1]
    after[:, 1::2] *= -1  # seen from the other side, odd moments change sign
    total = before + after
    total[:, 0] -= masses  # the own point stands in both
    return total


def _one_sided(masses: Floats, u: Floats, order: int) -> Floats:
    """The same over j <= i only, by doubling: after round r each point has seen 2^r points."""
    state = np.zeros((masses.shape[0], order + 1, masses.shape[1]))
    state[:, 0] = masses
    reach = 1
    while reach < len(u):
        distance = u[reach:] - u[:-reach]
        if distance.min() > _FORGOTTEN:
            break
        state[..., reach:] += _moved(state[..., :-reach], distance)
        reach *= 2
    return state


def _moved(state: Floats, distance: Floats) -> Floats:
    """Moments around points `distance` further right: ``S_k' = e·Σ_j C(k,j)(−d)^(k−j) S_j``."""
    distance = np.minimum(distance, _OUT_OF_REACH)
    moved: Any = np.empty_like(state)
    powers = [np.ones_like(distance)]
    for _ in range(state.shape[1] - 1):
        powers.append(powers[-1] * -distance)
    decay = np.exp(-distance)
    for k in range(state.shape[1]):
        terms = (math.comb(k, j) * powers[k - j] * state[:, j] for j in range(k + 1))
        moved[:, k] = decay * sum(terms)
    return np.asarray(moved)
