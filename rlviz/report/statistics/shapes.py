"""Simple shapes fitted to one or many curves at once: line, bend, shift, parabola."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.statistics.noise import whitened

Floats = NDArray[np.float64]

_POSITIONS = 44


@dataclass(frozen=True, slots=True)
class Fits:
    """Residual sums of squares of each shape, for each of R series.

    Attributes:
        constant, line, parabola: (R,).
        bends: for a line that bends at each position, (R, positions).
        shifts: for a line with a level shift at each position, (R, positions).
    """

    constant: Floats
    line: Floats
    parabola: Floats
    bends: Floats
    shifts: Floats

    @property
    def best_bend(self) -> Floats:
        return np.asarray(self.bends.min(1))

    @property
    def best_shift(self) -> Floats:
        return np.asarray(self.shifts.min(1))


class Shapes:
    """The shapes over given positions, under AR(1) noise of a given correlation.

    Args:
        x: positions, (n,), from 0 to 1.
        correlation: of the noise.
    """

    def __init__(self, x: Floats, correlation: float) -> None:
        n = len(x)
        self.x = x
        self.correlation = correlation
        at = np.unique(np.linspace(0.06 * n, 0.94 * n, _POSITIONS).astype(int))
        self.positions = x[at]
        """Where a bend or a shift may be, (positions,)."""
        self.line = np.column_stack([np.ones(n), x])
        self.parabola = np.column_stack([self.line, x * x])
        self._bends = np.maximum(x[:, None] - self.positions, 0)
        self._shifts = (x[:, None] > self.positions).astype(np.float64)
        self._constant_q = self._basis(self.line[:, :1])
        self._line_q = self._basis(self.line)
        self._parabola_q = self._basis(self.parabola)
        self._bends_q = self._beside_the_line(self._bends)
        self._shifts_q = self._beside_the_line(self._shifts)

    def bend(self, position: int) -> Floats:
        """Design of a line that bends there: columns 1, x, x beyond the bend."""
        return np.column_stack([self.line, self._bends[:, position]])

    def shift(self, position: int) -> Floats:
        """Design of a line with a level shift there: columns 1, x, 1 beyond the shift."""
        return np.column_stack([self.line, self._shifts[:, position]])

    def coefficients(self, design: Floats, white: Floats) -> Floats:
        """Coefficients by generalized least squares; `white` is a whitened series, (n,)."""
        return np.asarray(np.linalg.lstsq(whitened(design, self.correlation), white, rcond=None)[0])

    def white(self, values: Floats) -> Floats:
        """A series, (n,), whitened."""
        return whitened(values[:, None], self.correlation)[:, 0]

    def fit(self, white: Floats) -> Fits:
        """Fit every shape to whitened series, (R, n)."""
        total = (white * white).sum(1)
        line = _projected(white, self._line_q)
        return Fits(
            _left(total, _projected(white, self._constant_q)),
            _left(total, line),
            _left(total, _projected(white, self._parabola_q)),
            _left(total[:, None], line[:, None] + (white @ self._bends_q) ** 2),
            _left(total[:, None], line[:, None] + (white @ self._shifts_q) ** 2),
        )

    def _basis(self, design: Floats) -> Floats:
        return np.linalg.qr(whitened(design, self.correlation))[0]

    def _beside_the_line(self, columns: Floats) -> Floats:
        """The parts of the columns that a line does not explain, each scaled to length 1."""
        white = whitened(columns, self.correlation)
        white = white - self._line_q @ (self._line_q.T @ white)
        length = np.linalg.norm(white, axis=0)
        return np.asarray(white / np.where(length > 1e-9, length, np.inf))


def _projected(white: Floats, basis: Floats) -> Floats:
    return np.asarray(((white @ basis) ** 2).sum(1))


def _left(total: Floats, explained: Floats) -> Floats:
    """The unexplained sum of squares, never less than rounding leaves in a series without noise."""
    return np.asarray(np.maximum(total - explained, 1e-12 * total))
