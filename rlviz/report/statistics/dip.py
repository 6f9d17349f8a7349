"""An initial dip: the curve falls at first, and then rises."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.noise import Noise, innovations, p_value, whitened

Floats = NDArray[np.float64]

_POSITIONS = 14
_SIMULATED = 299


@dataclass(frozen=True, slots=True)
class Dip:
    """Where the curve turns from falling to rising.

    Attributes:
        p: p value of the weaker arm: how often chance alone makes one as steep anywhere.
        at: the place of the lowest point, as a share of the extent of x.
        depth: how far the curve falls up to there, in the unit of y.
        depth_error: the standard error of the depth.
    """

    p: float
    at: float
    depth: float
    depth_error: float


def find_dip(x: Floats, y: Floats, noise: Noise) -> Dip | None:
    """A V at the start: both arms significant, and better than a level shift.

    The best continuous curve of two or three straight pieces is taken, three only if the third
    improves the fit enough: a curve that misses the data elsewhere may fall at its start to make up
    for it. The weaker arm is compared with the steepest piece of any curve through noise.
    """
    white = whitened(y[:, None], noise.correlation)[:, 0]
    curves = [_Curves(x, noise.correlation, bends) for bends in (1, 2)]
    left = [curve.left(white) for curve in curves]
    gain = len(x) * np.log(left[0].min() / left[1].min())
    kind = int(gain > 2 * np.log(len(x)))  # BIC for two more parameters
    best = int(left[kind].argmin())
    if left[kind][best] >= _left_by_a_shift(x, white, noise.correlation):
        return None
    turn = curves[kind].turn(best, white)
    if turn is None:
        return None
    weaker, at, depth, depth_error = turn
    chance = innovations(len(x), _SIMULATED)
    steepest = np.maximum(*(curve.steepest(chance) for curve in curves))
    p = p_value(steepest, weaker)
    return Dip(p, at, depth, depth_error) if p <= 0.05 else None


class _Curves:
    """Continuous curves of straight pieces, with a given number of bends anywhere."""

    def __init__(self, x: Floats, correlation: float, bends: int) -> None:
        n = len(x)
        at = np.unique(np.linspace(0.08 * n, 0.85 * n, _POSITIONS).astype(int))
        self._x = x
        self._bends = x[np.array(list(itertools.combinations(at, bends)))]  # (curves, bends)
        columns = [np.broadcast_to(column, (len(self._bends), n)) for column in (np.ones(n), x)]
        columns += [np.maximum(x - self._bends[:, [i]], 0) for i in range(bends)]
        design = np.stack(columns, axis=-1)  # (curves, n, 2 + bends)
        white = design.copy()
        white[:, 1:] -= correlation * design[:, :-1]
        white[:, 0] *= np.sqrt(1 - correlation**2)
        self._basis, triangle = np.linalg.qr(white)
        self._coefficients = np.linalg.inv(triangle) @ self._basis.swapaxes(1, 2)
        self._slopes = np.cumsum(self._coefficients[:, 1:], axis=1)  # of each piece
        self._sizes = np.linalg.norm(self._slopes, axis=2)
        self._freedom = n - 2 - bends

    def left(self, white: Floats) -> Floats:
        """Residual sums of squares of a whitened series, (curves,)."""
        explained = ((white @ self._basis) ** 2).sum(1)
        return np.asarray(np.maximum(white @ white - explained, 1e-300))

    def steepest(self, white: Floats) -> Floats:
        """The largest t of any piece of any curve, for each whitened series, (R, n) -> (R,)."""
        curves, n, width = self._basis.shape
        together = self._basis.swapaxes(0, 1).reshape(n, curves * width)
        explained = ((white @ together) ** 2).reshape(len(white), curves, width).sum(2)
        size = np.sqrt(((white * white).sum(1)[:, None] - explained) / self._freedom)
        slopes = white @ self._slopes.reshape(-1, n).T
        t = slopes.reshape(len(white), curves, -1) / (size[:, :, None] * self._sizes)
        return np.asarray(t.max(axis=(1, 2)))

    def turn(self, curve: int, white: Floats) -> tuple[float, float, float, float] | None:
        """Where a curve first turns from falling to rising, if it falls up to there.

        Returns:
            t of the weaker arm, position of the turn, depth and its standard error.
        """
        slopes = self._slopes[curve] @ white
        size = np.sqrt(self.left(white)[curve] / self._freedom)
        t = slopes / (size * self._sizes[curve])
        if slopes[0] >= 0 or not (slopes > 0).any():
            return None
        rising = int((slopes > 0).argmax())
        at = self._bends[curve, rising - 1]
        # The fall is the difference of two fitted values, linear in the series.
        columns = [0.0, at - self._x[0], *np.maximum(at - self._bends[curve], 0)]
        fall = -np.array(columns) @ self._coefficients[curve]
        return (
            float(min(-t[rising - 1], t[rising])),
            float(at),
            float(fall @ white),
            float(size * np.linalg.norm(fall)),
        )


def _left_by_a_shift(x: Floats, white: Floats, correlation: float) -> float:
    """The residual sum of squares of the best level shift."""
    n = len(x)
    constant = np.linalg.qr(whitened(np.ones((n, 1)), correlation))[0]
    at = np.unique(np.linspace(0.08 * n, 0.92 * n, 2 * _POSITIONS).astype(int))
    shifts = whitened((x[:, None] > x[at]).astype(np.float64), correlation)
    shifts = shifts - constant @ (constant.T @ shifts)
    shifts /= np.linalg.norm(shifts, axis=0)
    flat = (white**2).sum() - ((white @ constant) ** 2).sum()
    return float(flat - ((white @ shifts) ** 2).max())
