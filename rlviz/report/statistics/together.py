"""Whether two series of a run move together, beyond the fact that both change along it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from rlviz.report.series.curves import Curve
from rlviz.smooth.correlation import noise_correlation

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Together:
    """The correlation of two series' noise.

    Any two rising curves are correlated; that says nothing. The test asks whether the series go up
    and down together around their curves, and from step to step.

    Attributes:
        correlation: around the two curves, in [-1, 1].
        p_around: its p value, with the effective number of points under lasting noise.
        p_changes: p value of the correlation of the changes from point to point.
    """

    correlation: float
    p_around: float
    p_changes: float

    @property
    def is_claimed(self) -> bool:
        """Whether both tests reject at 5 %."""
        return self.p_around <= 0.05 and self.p_changes <= 0.05


def together(curves: tuple[Curve, Curve], x: Floats, first: Floats, second: Floats) -> Together:
    """Compare two series of the same steps around their curves.

    Args:
        curves: those of the two series.
        x: positions, (n,), never decreasing, n >= 20, in the unit of the curves' axis.
        first, second: finite values, (n,).
    """
    a, b = (
        _evened(y - curve.values_at(x)[0]) for curve, y in zip(curves, (first, second), strict=True)
    )
    both = np.array([first, second])
    lasting = noise_correlation(both, np.ones((1, len(x)), bool))
    r, p_around = _correlated(a, b, float(lasting.prod()))
    # The changes of AR(1) noise have these correlations with the next ones.
    steps = (lasting - 1) / 2
    _, p_changes = _correlated(np.diff(a), np.diff(b), float(steps.prod()))
    return Together(r, p_around, p_changes)


def _evened(noise: Floats) -> Floats:
    """Noise in units of its local size: scatter that grows in both series is not a connection."""
    size = np.abs(noise).max()
    noise = noise / size if size > 0 else noise
    width = max(len(noise) // 10, 5)
    counts = np.convolve(np.ones_like(noise), np.ones(width), "same")
    size = np.convolve(np.abs(noise), np.ones(width), "same") / counts
    return np.asarray(noise / np.where(size > 0, size, np.inf))


def _correlated(a: Floats, b: Floats, lasting: float) -> tuple[float, float]:
    """Correlation, and its p by the effective number of points.

    Source: M. S. Bartlett, JRSS 98 (1935).

    Args:
        lasting: the product of both series' correlations from a point to the next.
    """
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    if not size > 0:
        return 0.0, 1.0
    r = float(a @ b / size)
    count = max(len(a) * (1 - lasting) / (1 + lasting) - 2, 1.0)
    t = r * np.sqrt(count / max(1 - r * r, 1e-12))
    return r, float(2 * stdtr(count, -abs(t)))
