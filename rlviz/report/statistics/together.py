"""Whether two curves of a run move together, beyond the fact that both change along it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rlviz.report.statistics.noise import around

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Together:
    """The correlation of two curves' noise.

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


def together(x: Floats, first: Floats, second: Floats) -> Together:
    """Compare two series on the same positions.

    Args:
        x: positions, (n,), increasing, n >= 20.
        first, second: finite values, (n,), not constant.
    """
    a, b = _evened(around(x, first)), _evened(around(x, second))
    r, p_around = _correlated(a, b)
    _, p_changes = _correlated(np.diff(a), np.diff(b))
    return Together(r, p_around, p_changes)


def _evened(noise: Floats) -> Floats:
    """Noise in units of its local size: scatter that grows in both curves is not a connection."""
    width = max(len(noise) // 10, 5)
    counts = np.convolve(np.ones_like(noise), np.ones(width), "same")
    size = np.convolve(np.abs(noise), np.ones(width), "same") / counts
    return noise / np.where(size > 0, size, np.inf)


def _correlated(a: Floats, b: Floats) -> tuple[float, float]:
    """Correlation, and its p by the effective number of points (Bartlett 1935)."""
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    if not size > 0:
        return 0.0, 1.0
    r = float(a @ b / size)
    lasting = 1 + 2 * sum(_lag(a, k) * _lag(b, k) for k in range(1, 6))
    count = len(a) / max(lasting, 1.0)
    t = r * np.sqrt(max(count - 2, 1) / max(1 - r * r, 1e-12))
    return r, float(2 * stats.t.sf(abs(t), max(count - 2, 1)))


def _lag(a: Floats, k: int) -> float:
    return float(a[k:] @ a[:-k] / (a @ a))
