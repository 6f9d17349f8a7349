"""Accuracy as a saturating function of compute, and whether the data show its ceiling."""

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import stdtrit

from rlviz.report import sigmoid
from rlviz.report.sigmoid import Floats, Points, Shapes

MIN_POINTS = 100
MIN_FACTOR = 10.0
MIN_EFFECTIVE_POINTS = 30.0
"""A random walk of any length is worth about 10 points; what lies between is noise."""
EARLY = 0.05
"""Share of the largest compute below which points are left out by default."""

_TAIL = 0.025
_SURE_TAIL = 3.4e-6
"""Of a normal distribution beyond 4.5 standard errors: the shape was searched for, and noise has
many shapes. A curve that can be foretold at all passes this by far."""
_BINS = 250
_FEWEST = 8
_FEWEST_MEANS = 60


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """``R(C) = R0 + (A − R0)/(1 + (C_mid/C)^B)``, fitted to a run.

    Where the curve is not `identifiable`, its numbers describe the data at best and must not be
    printed as findings; the intervals are NaN. All numbers are NaN where there was nothing to fit.

    Attributes:
        A: the ceiling, in the unit of the accuracy.
        B: the exponent; larger is steeper. Comparable only between curves of equal A.
        C_mid: the compute at half of the rise, in the unit of the flops.
        R0: the accuracy without compute, as fitted or given. Where only later points are used it
            says little: it is what the curve needs, not what was measured.
        identifiable: whether the data show the ceiling.
        why_not: if they do not, why, as a clause ("the data do not pass C_mid, …"); else empty.
        ceiling_interval: 95 % interval of A, by profile likelihood; within [0, 1] if the data are.
        exclude_below: points below this compute were left out.
        points: how many were used.
        effective_points: how many independent ones they are worth.
    """

    A: float
    B: float
    C_mid: float
    R0: float
    identifiable: bool
    why_not: str
    ceiling_interval: tuple[float, float]
    exclude_below: float
    points: int
    effective_points: float
    _forecast: "_Forecast | None" = field(repr=False, compare=False)

    def predict(self, flops: Any) -> Any:
        """The curve at a compute >= 0: a float, or an array of the shape that came.

        Example:
            >>> import numpy as np
            >>> flops = np.linspace(1e20, 2e22, 200)
            >>> curve = fit(flops, 0.3 + 0.4 / (1 + 2e21 / flops))
            >>> round(curve.predict(4e22), 3)
            0.681
        """
        return self._at(flops, lambda forecast, at: forecast.curve.value(at)[0])

    def predict_interval(self, flops: Any) -> tuple[Any, Any]:
        """95 % interval of the curve (not of a step, which scatters around it), (low, high).

        It is a profile likelihood interval, so it holds the uncertainty of all parameters. It says
        how far the curve can be told from these data, provided that the run goes on as before.
        """
        ends = [
            self._at(flops, lambda forecast, at, end=end: forecast.interval(at)[end])
            for end in (0, 1)
        ]
        if not self.identifiable:
            ends = [end * math.nan for end in ends]
        return ends[0], ends[1]

    def _at(self, flops: Any, what: Any) -> Any:
        at = _numbers(flops, "flops")
        if (at < 0).any():
            raise ValueError(f"flops must be >= 0, got {at.min():g}.")
        if self._forecast is None:
            found = np.full(at.shape, math.nan)
        else:
            with np.errstate(divide="ignore"):
                log_compute = np.log(at / self._forecast.flops_unit).reshape(-1)
            found = self._forecast.offset + self._forecast.unit * what(self._forecast, log_compute)
            found = found.reshape(at.shape)
        return float(found) if at.ndim == 0 else found


@dataclass(frozen=True, slots=True)
class _Forecast:
    """What a curve needs to be drawn: the shapes that are left, the best one first, with units."""

    shapes: Shapes
    allowed: float
    flops_unit: float
    offset: float
    unit: float

    @property
    def curve(self) -> Shapes:
        first = np.zeros(len(self.shapes.squares), dtype=bool)
        first[0] = True
        return self.shapes.where(first)

    def interval(self, log_compute: Floats) -> tuple[Floats, Floats]:
        return self.shapes.hull(log_compute, self.allowed)


def fit(
    flops: Any, accuracy: Any, *, r0: float | None = None, exclude_below: float | None = None
) -> Sigmoid:
    """Fit the compute–performance curve of ScaleRL, and say whether the data show its ceiling.

    Args:
        flops: cumulative compute of every step, >= 0, (n,), in any unit and order.
        accuracy: of the same steps, (n,). A point that is not finite in both is left out.
        r0: the accuracy without compute, where it was measured; by default it is fitted too.
        exclude_below: leaves out the points below this compute, in the unit of flops. The first
            steps follow another law (a format is learned, the optimiser warms up), and what they
            pull the curve to, the ceiling pays for. By default 5 % of the largest compute: the
            paper left out its first 1,500 of 16,000 to 100,000 GPU hours, which is 9 to 1.5 %, and
            a factor of 20 in compute remains. Less is left out where fewer than 100 points would
            remain.

    The noise is taken as AR(1): its autocorrelation widens all intervals, as fewer points would.
    More than 500 points are averaged first into 250 bins of equal count; over so short a stretch
    the curve is straight, so the answer stays the same to a few percent of its standard error.

    The curve is identifiable if at least 100 points over a factor of 10 in compute were used, worth
    at least 30 independent ones, and if all curves within 4.5 standard errors rise, pass their
    C_mid within the data, and have an exponent between 0.1 and 10, and if A is not above 1 for
    data within [0, 1].

    Raises:
        ValueError: shapes differ, flops are negative, or an option is out of its range.
        TypeError: something is no real number.

    Example:
        >>> import numpy as np
        >>> flops = np.linspace(1e20, 2e22, 200)
        >>> curve = fit(flops, 0.3 + 0.4 / (1 + 2e21 / flops))
        >>> curve.identifiable, round(curve.A, 3), f"{curve.C_mid:.3g}"
        (True, 0.7, '2e+21')
        >>> fit(flops[:50], 0.3 + 1e-23 * flops[:50]).why_not
        'there are 50 points, and a ceiling needs 100'

    Source: D. Khatri et al., The Art of Scaling Reinforcement Learning Compute for LLMs,
    arXiv:2510.13786.
    """
    c, y = _pairs(flops, accuracy)
    r0 = None if r0 is None else _option(r0, "r0")
    if exclude_below is not None and _option(exclude_below, "exclude_below") < 0:
        raise ValueError(f"exclude_below must be >= 0, in the unit of flops, got {exclude_below}.")
    order = np.argsort(c, kind="stable")
    c, y = c[order], y[order]
    start = _end_of_early(c) if exclude_below is None else float(exclude_below)
    c, y = c[c >= start], y[c >= start]
    if len(c) < _FEWEST or c[-1] == 0 or np.ptp(y) == 0:
        return _nothing(c, y, start)
    return _fitted(c, y, r0, start)


def _fitted(c: Floats, y: Floats, r0: float | None, start: float) -> Sigmoid:
    offset, unit = float(y.mean()), float(np.ptp(y))
    scaled_r0 = None if r0 is None else (r0 - offset) / unit
    points = _averaged(c / c[-1], (y - offset) / unit, scaled_r0)
    center = sigmoid.best(points)
    curve = sigmoid.regress(points, center[None])
    effective, variance = _noise(points, curve)
    freedom = max(effective - points.parameters, 1.0)
    tiny = 1e-12 * points.squares()  # what rounding leaves of data without noise
    reach, sure = (
        float(curve.squares[0]) + max(float(stdtrit(freedom, 1 - tail)) ** 2 * variance, tiny)
        for tail in (_TAIL, _SURE_TAIL)
    )
    shapes = sigmoid.allowed(points, center, sure)
    a, r0_found = (offset + unit * curve.value(np.array([math.inf, -math.inf]))[0]).tolist()
    is_share = bool(0 <= y.min() and y.max() <= 1)
    why_not = (
        _too_little(c, len(c))
        or _no_rise(points, curve, sure)
        or _drift(effective, len(c), points)
        or _no_ceiling(points, shapes)
        or _bent(points, reach)
        or (f"the fitted ceiling, {a:.3g}, is above 1" if is_share and a > 1 else "")
    )
    forecast = _Forecast(shapes.where(shapes.squares <= reach), reach, float(c[-1]), offset, unit)
    low, high = (offset + unit * float(end[0]) for end in forecast.interval(np.array([math.inf])))
    if is_share:
        low, high = max(low, 0.0), min(high, 1.0)
    return Sigmoid(
        A=a,
        B=math.exp(center[1]),
        C_mid=math.exp(center[0]) * float(c[-1]),
        R0=r0_found,
        identifiable=not why_not,
        why_not=why_not,
        ceiling_interval=(math.nan, math.nan) if why_not else (low, high),
        exclude_below=start,
        points=len(c),
        effective_points=effective * len(c) / len(points.value),
        _forecast=forecast,
    )


def _noise(points: Points, curve: Shapes) -> tuple[float, float]:
    """Effective number of the points, and the long-run variance: n times that of a mean.

    For AR(1) residuals n falls by (1 − rho)/(1 + rho), and the variance grows by its inverse. A
    slow drift under a larger scatter shows a small rho from point to point, so rho is asked again
    of the means of 2, 4, 8, … points, and the largest variance counts.
    """
    n = len(points.value)
    residual = np.sqrt(points.weight) * (points.value - curve.value(points.log_compute)[0])
    variance = float(residual @ residual) / (n - points.parameters)
    if variance < 1e-12:  # of a range of 1: data without noise, and rounding is no AR(1)
        return float(n), variance
    largest = 0.0
    while True:
        largest = max(largest, _long_run(residual, points.parameters))
        if len(residual) < 2 * _FEWEST_MEANS:
            return n * min(variance / largest, 1.0), largest
        pairs = len(residual) // 2
        residual = residual[-2 * pairs :].reshape(pairs, 2).sum(1) / math.sqrt(2)


def _long_run(residual: Floats, k: int) -> float:
    n = len(residual)
    squares = float(residual @ residual)
    rho = float(residual[1:] @ residual[:-1]) / squares
    # A regression with k parameters takes this much from rho (Kendall 1954 for k = 1, 2).
    rho = min(max(rho + (k + (k + 2) * rho) / n, 0.0), 1 - 1e-6)
    return squares / max(n - k, 1) * (1 + rho) / (1 - rho)


def _too_little(c: Floats, n: int) -> str:
    if n < MIN_POINTS:
        return f"there are {n} points, and a ceiling needs {MIN_POINTS}"
    factor = float(c[-1] / c[c > 0][0])
    if factor < MIN_FACTOR * (1 - 1e-9):
        return (
            f"the compute grows by a factor of {factor:.2g} over the points, and a ceiling needs "
            f"a factor of {MIN_FACTOR:g}"
        )
    return ""


def _no_rise(points: Points, curve: Shapes, sure: float) -> str:
    low, high = curve.value(np.array([-math.inf, math.inf]))[0]
    if points.squares() <= sure or high <= low:
        return "the accuracy does not rise beyond its scatter"
    return ""


def _drift(effective: float, n: int, points: Points) -> str:
    if effective >= MIN_EFFECTIVE_POINTS:
        return ""
    worth = effective * n / len(points.value)
    return (
        f"what the curve leaves lasts from step to step, so the {n} points are worth {worth:.0f}: "
        "random drift or another shape cannot be excluded"
    )


def _no_ceiling(points: Points, shapes: Shapes) -> str:
    low, high = points.bounds()
    first, last = shapes.shape.min(0), shapes.shape.max(0)
    edge = 1e-6 * (high - low)
    if (first[1] <= low[1] + edge[1]) or (last[0] >= high[0] - edge[0]):
        return "the data do not pass C_mid: curves without a ceiling fit them as well"
    if last[0] >= 0:
        return "the data do not pass C_mid, the compute at half of the rise, with certainty"
    if last[1] >= high[1] - edge[1]:
        return "the rise is as steep as a jump, and a jump does not show where it leads"
    return ""


def _bent(points: Points, reach: float) -> str:
    share = np.exp(points.log_compute)
    root = np.sqrt(points.weight)
    powers = np.vander(share, 3) * root[:, None]
    left = points.value * root - powers @ np.linalg.lstsq(powers, points.value * root, rcond=None)[0]
    if float(left @ left) <= reach:
        return "a parabola fits the data as well, and it has no ceiling"
    return ""


def _averaged(share: Floats, y: Floats, r0: float | None) -> Points:
    if len(y) > 2 * _BINS:
        edges = np.linspace(0, len(y), _BINS + 1).astype(int)
        count = np.diff(edges)
        share = np.add.reduceat(share, edges[:-1]) / count
        y = np.add.reduceat(y, edges[:-1]) / count
        weight = count / count.mean()
    else:
        weight = np.ones(len(y))
    with np.errstate(divide="ignore"):
        return Points(np.log(share), y, weight, r0)


def _end_of_early(c: Floats) -> float:
    if not len(c):
        return 0.0
    return float(min(EARLY * c[-1], c[max(len(c) - MIN_POINTS, 0)]))


def _nothing(c: Floats, y: Floats, start: float) -> Sigmoid:
    why_not = _too_little(c, len(c)) if len(c) < MIN_POINTS else ""
    why_not = why_not or "the accuracy does not rise beyond its scatter"
    nan = math.nan
    return Sigmoid(nan, nan, nan, nan, False, why_not, (nan, nan), start, len(c), nan, None)


def _pairs(flops: Any, accuracy: Any) -> tuple[Floats, Floats]:
    c, y = _numbers(flops, "flops"), _numbers(accuracy, "accuracy")
    if c.ndim != 1 or c.shape != y.shape:
        raise ValueError(
            f"flops and accuracy must be one series each, of equal length, got shapes {c.shape} "
            f"and {y.shape}. Fit one run at a time."
        )
    known = np.isfinite(c) & np.isfinite(y)
    c, y = c[known], y[known]
    if (c < 0).any():
        raise ValueError(
            f"flops must be >= 0, got {c.min():g}. Give the cumulative compute of every step."
        )
    return c, y


def _numbers(values: Any, name: str) -> Floats:
    found = np.asarray(values)
    if found.dtype.kind not in "fiubO":
        raise TypeError(f"{name} must be real numbers, got {found.dtype}.")
    try:
        return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be real numbers: {error}.") from None


def _option(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}.")
    return float(value)
