"""What a run's curve could have been, had its noise been another: draws by a sieve bootstrap."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import lfilter

from rlviz.smooth.bins import averaged, averaged_ties
from rlviz.smooth.fit import MAX_LEVERAGE
from rlviz.smooth.local import local_polynomial

Floats = NDArray[np.float64]

_MOST = 500
"""A longer run is averaged to so many points: more say nothing about a whole curve."""
_PARTS = 40
_NARROWER = 0.7
_MOST_LASTING = 0.95


@dataclass(frozen=True, slots=True)
class Draws:
    """A curve and what it could have been."""

    x: Floats
    """(T,), increasing."""
    curve: Floats
    """(T,)."""
    draws: Floats
    """(resamples, T)."""
    leverage: Floats
    """(T,), how much of the curve at a point is that point itself, in [0, 1]."""


def draws(x: Floats, y: Floats, resamples: int, random: Generator) -> Draws:
    """Smooth a run, and smooth it again under other noise of the same kind.

    The bandwidth of the local-quadratic curve is the leave-one-out one of the means of 40 equal
    parts of the run, times 0.7. On single steps leave-one-out takes noise that lasts from step to
    step for signal, and its curve follows it; the factor gives up some smoothness for less bias,
    which no bootstrap sees. The noise is first-order autoregressive with innovations of random
    sign, so that it may last and may grow along the run.

    Args:
        x: (T,), finite, never decreasing.
        y: (T,), finite.
        resamples: how many draws.
        random: their source.

    Source: P. Bühlmann, Bernoulli 3 (1997), for the sieve; C. F. J. Wu, Annals of Statistics 14
    (1986), for the random signs; Hastie, Tibshirani, Friedman, The Elements of Statistical
    Learning, 5.4, for the degrees of freedom of a linear smoother.
    """
    x, y = averaged(*averaged_ties(x, y), _MOST)
    few_x, few_y = averaged(x, y, _PARTS)
    coarse = local_polynomial(few_y, x=few_x, local=False, noise_correlation=0.0)
    bandwidth = _NARROWER * float(coarse.bandwidth[0])
    # The fit is linear in y, so that its answers to single points hold all there is to know of it.
    single = local_polynomial(np.eye(len(x)), x=x, bandwidth=bandwidth, noise_correlation=0.0)
    smoother = single.curve.T
    curve = smoother @ y
    leverage = np.minimum(np.diag(smoother), MAX_LEVERAGE)
    # As if each point had been left out: at the ends a curve comes close to its points.
    residual = (y - curve) / (1 - leverage)
    lasting = _lasting(residual, float(leverage.sum()))
    innovations = residual - lasting * np.concatenate([[0.0], residual[:-1]])
    signs = random.choice([-1.0, 1.0], size=(resamples, len(x)))
    noise = lfilter([1.0], [1.0, -lasting], signs * innovations, axis=1)
    return Draws(x, curve, (curve + noise) @ smoother.T, leverage)


def _lasting(residual: Floats, freedom: float) -> float:
    """The share of the noise that goes on to the next step, in [0, 0.95]; a curve that follows the
    noise makes residuals alternate, for which the second term makes up."""
    power = float(residual @ residual)
    if not power > 0:
        return 0.0
    raw = float(residual[1:] @ residual[:-1]) / power + (1 + freedom) / len(residual)
    return min(max(raw, 0.0), _MOST_LASTING)
