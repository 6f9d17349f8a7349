"""The effect of lasting noise on a local quadratic: more variance, less new information per point.

The noise has correlation rho^n at n steps. All results are in closed form, because sums of q^n·n^k
are rational in q.
"""

from typing import Any

from rlviz.smooth import arrays
from rlviz.smooth.arrays import Array


def kernel(distance: Any) -> Any:
    """The weight that a local quadratic inside a series gives to a point at a distance of
    `distance` >= 0 bandwidths: ``exp(−|u|)·(1.2 − u²/10)/2``.

    >>> kernel(0.0), round(kernel(2.0), 7)
    (0.6, 0.0541341)
    """
    xp = arrays.namespace(distance)
    found = xp.exp(-distance) * (1.2 - 0.1 * distance**2) / 2
    return found if hasattr(distance, "shape") else float(found)


def autocorrelation(distance: Any) -> Any:
    """Autocorrelation of `kernel` at a distance of `distance` >= 0 bandwidths.

    >>> round(autocorrelation(1.0), 7)
    0.6821155
    """
    xp = arrays.namespace(distance)
    s = distance
    polynomial = 1 + s - 23 / 267 * s**2 - 16 / 267 * s**3 + s**5 / 4005
    found = xp.exp(-s) * polynomial
    return found if hasattr(s, "shape") else float(found)


def inflation(rho: Any, points: Any) -> Any:
    """The factor by which lasting noise inflates the curve's variance:
    ``1 + 2·Σ_m rho^m·A(m/points)``.

    Args:
        rho: the noise's correlation from point to point, in [0, 1).
        points: points in one bandwidth, > 0.

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
    """Moments 0, 1 and 2 of ``rho^|n|·exp(−|u|)`` around points whose neighbors are `spacing`
    bandwidths apart; for a bandwidth of many points, they are the sums of
    `rlviz.smooth.moments.Echo`.

    Args:
        rho: in [0, 1), (S, 1).
        spacing: in bandwidths, (G, S | 1, n).
        before, after: how many neighbors there are on either side, (S | 1, n), rising and falling
            along the last axis.
    """
    xp = arrays.namespace(spacing)
    q = rho * xp.exp(-spacing)
    rest = 1 / (1 - q)
    side = q * rest
    zeroth = 1 + 2 * side
    first = xp.zeros_like(q)
    second = spacing**2 * (2 * side * rest * (rest + side))
    # Near an end one side is cut short; for the second moment this is too little to matter.
    reach = _REACH / (1 - float(rho.max()))
    short = [(before < reach).sum(-1).max(), (after < reach).sum(-1).max()]
    count = q.shape[-1]
    ends = [slice(0, int(short[0])), slice(count - int(short[1]), count)]
    for end, neighbors, sign in zip(ends, (before, after), (1.0, -1.0), strict=True):
        near, apart = q[..., end], rest[..., end]
        missing = near ** (neighbors[..., end] + 1) * apart
        zeroth[..., end] -= missing
        first[..., end] += sign * missing * (neighbors[..., end] + apart)
    return [zeroth, spacing * first, second]


_REACH = 12.0
"""A neighbor this many times 1/(1 − rho) away does not affect the noise of a point."""
