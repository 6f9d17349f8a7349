"""Whether two series of a run move together, beyond the fact that both change along it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from rlviz.report.series.curves import Curve
from rlviz.smooth.correlation import correlation_without_gaps
from rlviz.smooth.long_series import PART, parts, steps

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
    lasting = correlation_without_gaps((first, second))
    a, b = (_noise(curve, x, y) for curve, y in zip(curves, (first, second), strict=True))
    _even(a)
    _even(b)
    both = [(a[part], b[part]) for part in parts(len(x))]
    r, p_around = _correlated(lambda: iter(both), float(lasting.prod()))
    # The changes of AR(1) noise have these correlations with the next ones.
    of_changes = (lasting - 1) / 2
    _, p_changes = _correlated(
        lambda: zip(steps(a), steps(b), strict=True), float(of_changes.prod())
    )
    return Together(r, p_around, p_changes)


def _noise(curve: Curve, x: Floats, y: Floats) -> Floats:
    """Values less their curve, (n,)."""
    noise = np.empty(len(y))
    for part in parts(len(y)):
        noise[part] = y[part] - curve.line_at(x[part])
    return noise


def _even(noise: Floats) -> None:
    """Put noise in units of its local size: scatter that grows in both series is not a
    connection."""
    size = max(float(noise.max()), -float(noise.min()))
    if size > 0:
        noise /= size
    width = max(len(noise) // 10, 5)
    sums, low = np.zeros(1), 0  # of the first `low`, `low` + 1, … sizes
    for part in parts(len(noise), max(width // 8, PART)):
        least = max(part.start - width // 2, 0)
        most = min(part.stop + width - width // 2, len(noise))
        ahead = np.abs(noise[low + len(sums) - 1 : most])  # what is behind is even already
        ahead = np.cumsum(np.concatenate([sums[-1:], ahead]))[1:]
        sums, low = np.concatenate([sums[least - low :], ahead]), least
        begin = np.arange(part.start, part.stop) - width // 2
        first, last = np.maximum(begin, 0), np.minimum(begin + width, len(noise))
        near = (sums[last - low] - sums[first - low]) / (last - first)
        noise[part] /= np.where(near > 0, near, np.inf)


def _correlated(
    pairs: Callable[[], Iterator[tuple[Floats, Floats]]], lasting: float
) -> tuple[float, float]:
    """Correlation, and its p by the effective number of points.

    Source: M. S. Bartlett, JRSS 98 (1935).

    Args:
        pairs: gives the two series, some points at a time.
        lasting: the product of both series' correlations from a point to the next.
    """
    points = sum(len(a) for a, _ in pairs())
    sums = np.array([[a.sum(), b.sum()] for a, b in pairs()]).sum(0)
    products = np.zeros(3)
    for a, b in pairs():
        a, b = a - sums[0] / points, b - sums[1] / points
        products += a @ a, b @ b, a @ b
    size = np.sqrt(products[0] * products[1])
    if not size > 0:
        return 0.0, 1.0
    r = float(products[2] / size)
    count = max(points * (1 - lasting) / (1 + lasting) - 2, 1.0)
    t = r * np.sqrt(count / max(1 - r * r, 1e-12))
    return r, float(2 * stdtr(count, -abs(t)))
