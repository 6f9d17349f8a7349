"""The noise that is left around a curve, counted as AR(1)."""

import math

from rlviz.scaling.sigmoid import Floats

_FEWEST_MEANS = 30


def long_run(left: Floats, parameters: int) -> float:
    """The long-run variance of residuals, (n,): n times the variance of their mean.

    With autocorrelation rho it is (1 + rho)/(1 − rho) times that of independent residuals. A slow
    drift under a larger scatter shows only a small rho from point to point. So rho is also
    estimated from the means of 2, 4, 8, … points, and the largest variance counts. n points are
    taken to be worth 2 at least.

    Args:
        left: the residuals, in order, n > parameters.
        parameters: how many the curve has.
    """
    largest = _as_ar1(left, parameters)
    while len(left) >= 2 * _FEWEST_MEANS:
        left = left[len(left) % 2 :].reshape(-1, 2).sum(1) / math.sqrt(2)
        largest = max(largest, _as_ar1(left, parameters))
    return largest


def _as_ar1(left: Floats, k: int) -> float:
    n, squares = len(left), float(left @ left)
    if squares == 0:
        return 0.0
    rho = float(left[1:] @ left[:-1]) / squares
    # A regression with k parameters takes this much from rho (Kendall 1954, for k = 1 and 2).
    rho = min(max(rho + (k + (k + 2) * rho) / n, 0.0), (n - 2) / (n + 2))
    return squares / (n - k) * (1 + rho) / (1 - rho)
