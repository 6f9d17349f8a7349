"""What noise that lasts does to a local quadratic: more variance, and less news in a point.

Noise of correlation rho^n at n steps, all of it in closed form: sums of q^n·n^k are rational in q.
"""

from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array


def autocorrelation(distance: Any) -> Any:
    """Of the kernel that a local quadratic has inside a series, ``exp(−|u|)·(1.2 − u²/10)/2``, at a
    distance of `distance` >= 0 bandwidths.

    >>> round(autocorrelation(1.0), 7)
    0.6821155
    """
    xp = arrays.namespace(distance)
    s = distance
    polynomial = 1 + s - 23 / 267 * s**2 - 16 / 267 * s**3 + s**5 / 4005
    found = xp.exp(-s) * polynomial
    return found if hasattr(s, "shape") else float(found)


def inflation(rho: Any, points: Any) -> Any:
    """What noise that lasts makes of the curve's variance: ``1 + 2·Σ_m rho^m·A(m/points)``.

    Args:
        rho: the noise's correlation from point to point, in [0, 1).
        points: how many there are in one bandwidth, > 0.

    >>> inflation(0.0, 10.0), round(inflation(0.5, 1e9), 6), round(inflation(0.8, 1e9), 6)
    (1.0, 3.0, 9.0)
    """
    xp = arrays.namespace(points)
    step = 1 / points
    q = rho * xp.exp(-step)
    rest = 1 / (1 - q)
    total = rest  # Σ q^(m−1), and so on with m, m², m³, m⁵
    total = total + step * rest**2
    total = total - 23 / 267 * step**2 * (1 + q) * rest**3
    total = total - 16 / 267 * step**3 * (1 + 4 * q + q**2) * rest**4
    fifth = 1 + q * (26 + q * (66 + q * (26 + q)))
    total = total + step**5 / 4005 * fifth * rest**6
    found = 1 + 2 * q * total
    return found if hasattr(found, "shape") and found.shape else float(found)


def echoes(rho: Array, spacing: Array, before: Array, after: Array) -> list[Array]:
    """Moments 0, 1 and 2 of ``rho^|n|·exp(−|u|)`` around a point whose neighbors stand `spacing`
    bandwidths apart; for a bandwidth of many points, the sums of `rlviz.smooth.moments.Echo`.

    Args:
        rho: in [0, 1).
        spacing: in bandwidths.
        before, after: how many neighbors there are on either side.
    """
    xp = arrays.namespace(spacing)
    q = rho * xp.exp(-spacing)
    rest = 1 / (1 - q)
    sides = []
    for count in (before, after):
        end = q**count
        zeroth = q * (1 - end) * rest
        first = q * (1 - end * (1 + count * (1 - q))) * rest**2
        sides.append((zeroth, first))
    (zeroth_before, first_before), (zeroth_after, first_after) = sides
    second = 2 * q * (1 + q) * rest**3
    return [
        1 + zeroth_before + zeroth_after,
        spacing * (first_after - first_before),
        spacing**2 * second,
    ]
