"""The family of saturating curves: the best one for some data, and all that the data allow.

``R(C) = R0 + (A − R0)/(1 + (C_mid/C)^B)`` is a straight line in the share of the rise that is done,
``s(C) = 1/(1 + (C_mid/C)^B)``. So C_mid and B, the shape, are searched on a grid, and A and R0 are
a linear regression at each of its nodes (variable projection: Golub and Pereyra, SIAM J. Numer.
Anal. 10, 1973). Such a regression is a parabola in every number that is linear in A and R0, be it A
or the curve at some C. Hence the profile likelihood of each of them is the hull of parabolas.
"""

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Floats = NDArray[np.float64]

EXPONENTS = (0.1, 10.0)
"""Published exponents lie from 1.6 to 2. Below this range a rise looks like a logarithm, which has
no ceiling; above it, like a jump."""
_BELOW, _ABOVE = math.log(10.0), math.log(1000.0)
"""How far beyond the data C_mid is searched: there the data can't tell the curve from a power
law."""
_NODES = 32
_ROUNDS = 12
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class FitData:
    """Data as the fit takes them, in the order of compute.

    Attributes:
        log_compute: natural logarithm of C over its maximum, (n,), at most 0; −inf for C = 0.
        value: (n,).
        weight: (n,), with a mean of 1.
        r0: the value at C = 0 where it is given, else None.
    """

    log_compute: Floats
    value: Floats
    weight: Floats
    r0: float | None

    @property
    def parameters(self) -> int:
        return 4 if self.r0 is None else 3

    def squares(self) -> float:
        """Weighted sum of squares around the mean."""
        middle = np.average(self.value, weights=self.weight)
        return float(self.weight @ (self.value - middle) ** 2)

    def bounds(self) -> tuple[Floats, Floats]:
        """The lowest and the highest (log C_mid, log B) of the search."""
        counted = self.log_compute[np.isfinite(self.log_compute)]
        first = float(counted[len(counted) // 100])  # one tiny first step does not coarsen the grid
        low, high = np.log(EXPONENTS)
        return np.array([first - _BELOW, low]), np.array([_ABOVE, high])


@dataclass(frozen=True, slots=True)
class Sigmoids:
    """k sigmoids, each ``value = intercept + slope·z``, regressed at its own shape; arrays (k,).

    z is the share of the rise that is done, divided by its largest value in the data, so it keeps
    all its digits where C_mid lies far beyond them.

    Attributes:
        shape: log C_mid and log B, (k, 2).
        unit: the share for which z is 1.
        intercept, slope: of the regression.
        center, spread: weighted mean of z, and sum of squares around it.
        weight: sum of the weights; infinite where the intercept is given.
        squares: weighted sum of squared residuals.
    """

    shape: Floats
    unit: Floats
    intercept: Floats
    slope: Floats
    center: Floats
    spread: Floats
    weight: Floats
    squares: Floats

    def where(self, keep: NDArray[np.bool_]) -> "Sigmoids":
        return Sigmoids(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})

    def and_those(self, other: "Sigmoids") -> "Sigmoids":
        return Sigmoids(
            **{
                f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
                for f in fields(self)
            }
        )

    def value(self, log_compute: Floats) -> Floats:
        """The k curves at m places, (k, m); at −inf it is R0, at inf A."""
        return self.intercept[:, None] + self.slope[:, None] * self._z(log_compute)

    def hull(self, log_compute: Floats, squares: float) -> tuple[Floats, Floats]:
        """Lowest and highest value at m places, each (m,), at up to this sum of squares."""
        inside = self.where(self.squares <= squares)
        slack = squares - inside.squares[:, None]
        low, high = np.empty_like(log_compute), np.empty_like(log_compute)
        for first in range(0, len(log_compute), _CHUNK):
            part = slice(first, first + _CHUNK)
            z = inside._z(log_compute[part]) - inside.center[:, None]
            variance = 1 / inside.weight[:, None] + np.square(z) / inside.spread[:, None]
            reach = np.sqrt(slack * variance)
            value = inside.value(log_compute[part])
            low[part], high[part] = (value - reach).min(0), (value + reach).max(0)
        return low, high

    def _z(self, log_compute: Floats) -> Floats:
        return _share(log_compute, self.shape) / self.unit[:, None]


def regress(data: FitData, shape: Floats) -> Sigmoids:
    """The sigmoids of k shapes (log C_mid, log B), (k, 2), that fit the data best."""
    w, y = data.weight, data.value
    z = _share(data.log_compute, shape)
    unit = z.max(1)
    z /= unit[:, None]
    total = math.inf if data.r0 is not None else float(w.sum())
    middle = data.r0 if data.r0 is not None else float(w @ y) / total
    center = z @ w / total
    z -= center[:, None]
    # A shape that is flat over the data has a spread of 0, and no slope.
    spread = np.maximum(np.square(z) @ w, 1e-20 * w.sum())
    slope = z @ (w * (y - middle)) / spread
    around = float(w @ (y - middle) ** 2)
    squares = np.maximum(around - slope**2 * spread, 0.0)
    intercept = middle - slope * center
    weight = np.full(len(shape), total)
    return Sigmoids(shape, unit, intercept, slope, center, spread, weight, squares)


def best(data: FitData) -> Floats:
    """The shape (log C_mid, log B), (2,), with the least squares: of a grid, then refined."""
    low, high = data.bounds()
    nodes = regress(data, _grid(low, high))
    start = nodes.shape[nodes.squares.argmin()]
    root = np.sqrt(data.weight)

    def residuals(shape: Floats) -> Floats:
        curve = regress(data, shape[None]).value(data.log_compute)[0]
        return np.asarray(root * (data.value - curve), dtype=np.float64)

    inner = (high - low) * 1e-9
    start = np.clip(start, low + inner, high - inner)
    with np.errstate(all="ignore"):  # where all shapes do as well, there is nothing to solve
        found = least_squares(
            residuals, start, bounds=(low, high), xtol=1e-10, ftol=1e-14, gtol=None
        )
    return np.asarray(found.x if np.isfinite(found.x).all() else start, dtype=np.float64)


def allowed(data: FitData, center: Floats, squares: float) -> Sigmoids:
    """All sigmoids whose sum of squares is at most this, on a grid that is made to fit them.

    center is the best shape, (2,), and comes first in the result. A box around it shrinks until the
    shapes fill it, and grows where it cuts through them.
    """
    lowest, highest = low, high = data.bounds()
    for _ in range(_ROUNDS):
        nodes = regress(data, _grid(low, high))
        inside = nodes.where(nodes.squares <= squares)
        found = np.concatenate([center[None], inside.shape])
        first, last = found.min(0), found.max(0)
        size = high - low
        cell = size / (_NODES - 1)
        is_cut_low = (first <= low + cell / 2) & (low > lowest)
        is_cut_high = (last >= high - cell / 2) & (high < highest)
        low = np.maximum(first - np.where(is_cut_low, size / 4, cell), lowest)
        high = np.minimum(last + np.where(is_cut_high, size / 4, cell), highest)
        is_cut = (is_cut_low | is_cut_high).any()
        if not is_cut and (high - low >= 0.75 * size).all():
            break
    return regress(data, center[None]).and_those(inside)


def _grid(low: Floats, high: Floats) -> Floats:
    mid, exponent = np.linspace(low, high, _NODES).T
    return np.stack(np.meshgrid(mid, exponent, indexing="ij"), -1).reshape(-1, 2)


def _share(log_compute: Floats, shape: Floats) -> Floats:
    """Share of the rise that is done at m places for k shapes, (k, m)."""
    rate = np.exp(shape[:, 1:])
    share: Floats = expit(rate * (log_compute - shape[:, :1]))
    return share
