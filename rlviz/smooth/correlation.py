"""How long noise lasts: its correlation from one step to the next, by restricted likelihood.

A lasting change in a series is either the curve or noise. Both are fitted at once: a penalized
spline plus first-order autoregressive noise. The likelihood of the noise alone, with the spline
integrated out, tells how much of each there is. It is computed on windows of the series, so that a
long series costs no more than a short one.

Source: H. D. Patterson, R. Thompson, Biometrika 58 (1971), for the restricted likelihood; T.
Krivobokova, G. Kauermann, JASA 102 (2007), for penalized splines beside noise that lasts.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RHO = np.array(
    [-0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98]
)
"""The correlations at which the likelihood is computed."""
LAMBDA = 10.0 ** np.arange(-4, 8.1, 0.5)
"""Penalties of the spline, in units of its middle eigenvalue."""
MOST = 0.97
FEWEST, SURE = 24, 60
"""With fewer points than `FEWEST` nothing is known. Up to `SURE` points a bend and lasting noise
look alike, and less is claimed."""
_WINDOW, _WINDOWS = 256, 8
_KNOTS = 30
_JUMPS = 4
_ROUNDING = 1e-13
_SILENT = 1e-8
"""A share of a window's power after its trend is removed: if the spline leaves less than this, the
rest is misfit or rounding and tells nothing about the noise."""


def noise_correlation(y: Floats, known: NDArray[np.bool_]) -> Floats:
    """Correlation between the noise of a point and of the next, in [0, 0.97]: its posterior mean.

    Args:
        y: series, (S, T).
        known: which points exist, (S, T) or (1, T); the others are skipped.

    Returns:
        (S,); 0 for a series of fewer than 24 points.
    """
    found = np.zeros(len(y))
    counts = np.broadcast_to(known.sum(-1), (len(y),))
    for count in np.unique(counts[counts >= FEWEST]):
        rows = np.flatnonzero(counts == count)
        values = y[rows]
        if count < y.shape[-1]:
            values = values[np.broadcast_to(known, y.shape)[rows]].reshape(len(rows), count)
        found[rows] = correlation_without_gaps(values)
    return found


def correlation_without_gaps(y: Sequence[Floats] | Floats) -> Floats:
    """The same for series of equal length in which every point exists, S of (T,); they need not
    stand in one array."""
    if len(y[0]) < FEWEST:
        return np.zeros(len(y))
    share = min(1.0, (len(y[0]) - 20) / (SURE - 20))
    return np.asarray(share * np.clip(posterior(y) @ RHO, 0.0, MOST))


def posterior(y: Sequence[Floats] | Floats) -> Floats:
    """Weights of `RHO`, (S, 16), for series (S, T) without gaps; the prior is flat. All weight is
    at 0 if no noise is visible."""
    length = len(y[0])
    window = min(length, _WINDOW)
    count = min(_WINDOWS, -(-length // _WINDOW))
    starts = np.linspace(0, length - window, count).astype(int)
    parts = np.array([[row[at : at + window] for at in starts] for row in y]).reshape(-1, window)
    parts = _without_trend(_without_jumps(parts))
    criterion = restricted(parts)
    least = criterion.min((1, 2), keepdims=True)
    of_window = np.log(np.exp((least - criterion) / 2).sum(-1))
    logs = of_window.reshape(len(y), count, len(RHO)).sum(1)
    weights = np.exp(logs - logs.max(1, keepdims=True)) * _widths(RHO)
    weights[_silent(parts).reshape(len(y), count).all(1)] = RHO == 0.0
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _silent(y: Floats) -> NDArray[np.bool_]:
    """Whether series (S, n) without a trend are smooth throughout: a spline of `_KNOTS` leaves
    almost nothing of them."""
    basis = _spline(y.shape[-1]).basis
    orthogonal, _ = np.linalg.qr(basis)
    power = (y * y).sum(-1)
    left = power - ((y @ orthogonal) ** 2).sum(-1)
    return np.asarray(left <= _SILENT * power)


def _widths(grid: Floats) -> Floats:
    """Weights of a grid's points in the trapezoidal rule."""
    steps = np.diff(grid)
    return np.asarray((np.append(steps, 0.0) + np.append(0.0, steps)) / 2)


def restricted(y: Floats) -> Floats:
    """−2·log restricted likelihood, up to a constant, of series (S, n) without gaps.

    Returns:
        (S, 16, 25), for every `RHO` and every `LAMBDA`.
    """
    count = y.shape[-1]
    spline = _spline(count)
    knots = spline.basis.shape[-1]
    own = y @ spline.basis
    beside = y @ spline.beside
    ends = y[:, :1] * spline.basis[0] + y[:, -1:] * spline.basis[-1]
    power = (y * y).sum(-1)
    neighbors = 2 * (y[:, 1:] * y[:, :-1]).sum(-1)
    edges = y[:, 0] ** 2 + y[:, -1] ** 2
    found = np.empty((len(y), len(RHO), len(LAMBDA)))
    for i, rho in enumerate(RHO):
        # The inverse of the noise's covariance has 1 + rho² on its diagonal, 1 at both ends, and
        # -rho beside it.
        projected = (1 + rho**2) * own - rho * beside - rho**2 * ends
        total = (1 + rho**2) * power - rho * neighbors - rho**2 * edges
        shrink = 1 / (1 + LAMBDA[:, None] * spline.penalties[i])
        residual = total[:, None] - (projected @ spline.rotations[i]) ** 2 @ shrink.T
        residual = np.maximum(residual, _ROUNDING * power[:, None] + 1e-300)
        found[:, i] = (count - 2) * np.log(residual) + (
            spline.volumes[i]
            - np.log(shrink).sum(-1)
            - (knots - 2) * np.log(LAMBDA)
            - math.log(1 - rho**2)
        )
    return found


class _Spline:
    """The part of the likelihood that depends only on the number of points.

    Attributes:
        basis: (n, k). beside: the sum of each row's neighbors, (n, k).
        rotations, penalties: for every `RHO` the basis in which both the whitened spline and its
            penalty are diagonal, (k, k), and that diagonal, (k,).
        volumes: for every `RHO` the logarithms of the determinants.
    """

    def __init__(self, count: int) -> None:
        knots = min(max(count // 4, 6), _KNOTS)
        self.basis = basis = _cubic(count, knots)
        self.beside = np.zeros_like(basis)
        self.beside[1:] += basis[:-1]
        self.beside[:-1] += basis[1:]
        ends = np.outer(basis[0], basis[0]) + np.outer(basis[-1], basis[-1])
        second = np.diff(np.eye(knots), 2, axis=0)
        penalty = second.T @ second
        self.rotations, self.penalties, self.volumes = [], [], []
        for rho in RHO:
            gram = (1 + rho**2) * basis.T @ basis - rho * basis.T @ self.beside - rho**2 * ends
            lower = np.linalg.cholesky(gram)
            inverse = np.linalg.inv(lower)
            values, vectors = np.linalg.eigh(inverse @ penalty @ inverse.T)
            values[:2] = 0.0  # a line is not penalized
            middle = np.median(values[2:])
            self.rotations.append(inverse.T @ vectors)
            self.penalties.append(values / middle)
            volume = 2 * np.log(np.diag(lower)).sum() + (knots - 2) * np.log(middle)
            self.volumes.append(float(volume))


_spline = functools.lru_cache(256)(_Spline)


def _cubic(count: int, knots: int) -> Floats:
    """Cubic B-splines of the index on equal intervals, clamped at both ends: (count, knots)."""
    x = np.arange(count) / (count - 1) * (knots - 3)
    at = np.clip(np.arange(-3.0, knots + 1), 0, knots - 3)
    splines = np.zeros((count, len(at) - 1))
    splines[np.arange(count), np.minimum(x.astype(int), knots - 4) + 3] = 1.0
    for degree in range(1, 4):  # Cox and de Boor
        higher = np.zeros((count, len(at) - 1 - degree))
        for i in range(higher.shape[-1]):
            rise, fall = at[i + degree] - at[i], at[i + degree + 1] - at[i + 1]
            if rise > 0:
                higher[:, i] += (x - at[i]) / rise * splines[:, i]
            if fall > 0:
                higher[:, i] += (at[i + degree + 1] - x) / fall * splines[:, i + 1]
        splines = higher
    return splines


def _without_trend(y: Floats) -> Floats:
    """The series minus the straight line through each: it does not affect the likelihood, only
    rounding."""
    index = np.arange(y.shape[-1]) - (y.shape[-1] - 1) / 2
    y = y - y.mean(-1, keepdims=True)
    return np.asarray(y - (y @ index / (index @ index))[:, None] * index)


def _without_jumps(y: Floats) -> Floats:
    """Series (S, n) minus their few clean jumps, as after a restart or with new data: a jump looks
    like noise that lasts forever. An outlier is not a jump: the medians on both sides agree."""
    y = y.copy()
    suspect = np.arange(len(y))
    for _ in range(_JUMPS):
        steps = np.diff(y[suspect])
        size = np.abs(steps)
        place = size.argmax(-1)
        largest = size[np.arange(len(size)), place]
        stands_out = largest > 6 * 1.4826 * np.median(size, axis=-1)
        suspect, place, largest = suspect[stands_out], place[stands_out], largest[stands_out]
        if not len(suspect):
            break
        stays = np.zeros(len(suspect), bool)
        for i, (row, t) in enumerate(zip(suspect, place, strict=True)):
            after, before = y[row, t + 1 : t + 6], y[row, max(0, t - 4) : t + 1]
            step = np.median(after) - np.median(before)
            if abs(step) >= 0.5 * largest[i]:
                stays[i] = True
                y[row, t + 1 :] -= step
        suspect = suspect[stays]
    return y
