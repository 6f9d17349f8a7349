"""Accuracy as a saturating function of compute: the curve, its ceiling, a forecast."""

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from scipy.special import stdtrit

from rlviz.scaling import ceiling, sigmoid
from rlviz.scaling.sigmoid import FitData, Floats, Sigmoids
from rlviz.smooth.bins import means

EARLY = 0.05
"""Share of the largest compute below which points are left out by default."""

_LIKELY, _DOUBTFUL, _SURE = 0.025, 0.0005, 3.4e-6
"""Tails of three intervals: the one that is given, the one within which a parabola is as good as
the curve, and the one that decides (4.5 standard errors)."""
_BINS = 250
_STRETCH = 0.02
_FEWEST = 8
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """``R(C) = R0 + (A − R0)/(1 + (C_mid/C)^B)``, fitted to a run.

    Where the ceiling is not `identifiable`, the numbers describe the data at best and must not be
    printed as findings; the intervals are NaN. All are NaN where there was nothing to fit.

    Attributes:
        A: the ceiling, in the unit of the accuracy.
        B: the exponent; larger is steeper. Comparable only between curves of equal A.
        C_mid: the compute at half of the rise, in the unit of the flops.
        R0: the value without compute, as given or else fitted; a fitted one is what the later
            points call for, not what was measured.
        identifiable: whether the data show the ceiling.
        why_not: if they do not, why, as a clause ("curves without a ceiling fit …"); else empty.
        ceiling_interval: 95 % interval of A, by profile likelihood; within [0, 1] if the data are.
        exclude_below: points below this compute were left out, in the unit of the flops.
        points: how many were used.
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
    _likely: "_LikelyCurves | None" = field(repr=False, compare=False)

    def predict(self, flops: Any) -> Any:
        """The curve at a compute >= 0: a float, or an array of the shape that came.

        Example:
            >>> import numpy as np
            >>> flops = np.linspace(1e20, 2e22, 200)
            >>> curve = fit(flops, 0.3 + 0.4 / (1 + 2e21 / flops))
            >>> round(curve.predict(4e22), 3)
            0.681
        """
        at = _compute(flops)
        found = (
            np.full(at.size, math.nan) if self._likely is None else self._likely.value(at.ravel())
        )
        return _like(found, at)

    def predict_interval(self, flops: Any) -> tuple[Any, Any]:
        """95 % interval of the curve, (low, high), each as `predict` gives it.

        Single steps scatter around the curve more widely. The interval is one of profile likelihood
        and has the uncertainty of all parameters, but not the risk that the run turns to another
        curve.
        """
        at = _compute(flops)
        if self._likely is None or not self.identifiable:
            return _like(np.full(at.size, math.nan), at), _like(np.full(at.size, math.nan), at)
        low, high = self._likely.interval(at.ravel())
        return _like(low, at), _like(high, at)


@dataclass(frozen=True, slots=True)
class _LikelyCurves:
    """The likely curves, the best one first, and the units of their data."""

    curves: Sigmoids
    squares: float
    compute: float
    offset: float
    unit: float
    limits: tuple[float, float]

    def value(self, flops: Floats) -> Floats:
        only = np.arange(len(self.curves.squares)) == 0
        curve: Floats = self.curves.where(only).value(self._log_compute(flops))[0]
        return self.offset + self.unit * curve

    def interval(self, flops: Floats) -> tuple[Floats, Floats]:
        low, high = self.curves.hull(self._log_compute(flops), self.squares)
        low, high = (np.clip(self.offset + self.unit * end, *self.limits) for end in (low, high))
        return low, high

    def _log_compute(self, flops: Floats) -> Floats:
        with np.errstate(divide="ignore"):  # C = 0 stands at −inf
            found: Floats = np.log(flops / self.compute)
        return found


def fit(
    flops: Any, accuracy: Any, *, r0: float | None = None, exclude_below: float | None = None
) -> Sigmoid:
    """Fit the compute–performance curve of ScaleRL, and say whether the data show its ceiling.

    Args:
        flops: cumulative compute of every step, >= 0, (n,), in any unit and order.
        accuracy: of the same steps, (n,). A point that is not finite in both is left out.
        r0: the accuracy without compute, where it was measured; by default it is fitted too.
        exclude_below: leaves out the points below this compute, in the unit of flops. The first
            steps follow another law (the model learns a format, the optimizer warms up), and if
            they pull the curve, the ceiling is wrong. By default 5 % of the largest compute, which
            leaves a factor of 20, but less where fewer than 100 points would remain. The paper
            leaves out the first 1,500 of 16,000 to 100,000 GPU hours, 9 to 1.5 %.

    The noise counts as AR(1); its autocorrelation widens all intervals as fewer points would. More
    than 500 points are first averaged into 250 bins of equal count, or more where a bin would span
    over 2 % of its compute. Over so short a stretch the curve is straight: the answer moves by a
    few percent of its standard error.

    The ceiling is identifiable if at least 100 points over a factor of 10 in compute were used,
    worth at least 30 independent ones; if all curves within 4.5 standard errors rise, pass their
    C_mid within the data and have an exponent between 0.1 and 10; if no parabola is within 3.3;
    and, for data within [0, 1], if A is at most 1.

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
    if exclude_below is None:
        start = _end_of_early(c)
    elif (start := _option(exclude_below, "exclude_below")) < 0:
        raise ValueError(f"exclude_below must be >= 0, in the unit of flops, got {exclude_below}.")
    c, y = c[c >= start], y[c >= start]
    why_not = _nothing_to_fit(c, y, r0)
    if why_not:
        nan = math.nan
        return Sigmoid(nan, nan, nan, nan, False, why_not, (nan, nan), start, len(c), None)
    return _fitted(c, y, r0, start)


def _fitted(c: Floats, y: Floats, r0: float | None, start: float) -> Sigmoid:
    offset, unit = float(y.mean()), float(np.ptp(y))
    data = _averaged(c / c[-1], (y - offset) / unit, None if r0 is None else (r0 - offset) / unit)
    center = sigmoid.best(data)
    curve = sigmoid.regress(data, center[None])
    noise = ceiling.residual_noise(data, curve)
    freedom = max(noise.effective_points - data.parameters, 1.0)
    rounding = 1e-12 * data.squares()
    likely, doubtful, sure = (
        float(curve.squares[0]) + max(stdtrit(freedom, 1 - tail) ** 2 * noise.variance, rounding)
        for tail in (_LIKELY, _DOUBTFUL, _SURE)
    )
    curves = sigmoid.allowed(data, center, sure)
    is_share = bool(y.min() >= 0 and y.max() <= 1)
    limits = (0.0, 1.0) if is_share else (-math.inf, math.inf)
    drawn = _LikelyCurves(
        curves.where(curves.squares <= likely), likely, c[-1], offset, unit, limits
    )
    r0_found, a = drawn.value(np.array([0.0, math.inf])).tolist()
    why_not = ceiling.too_little(c) or ceiling.not_shown(
        data, curves, noise, doubtful=doubtful, sure=sure
    )
    if not why_not and is_share and a > 1:
        why_not = f"the fitted ceiling, {a:.3g}, is above 1"
    low, high = drawn.interval(np.array([math.inf]))
    return Sigmoid(
        A=a,
        B=math.exp(center[1]),
        C_mid=math.exp(center[0]) * float(c[-1]),
        R0=r0_found,
        identifiable=not why_not,
        why_not=why_not,
        ceiling_interval=(math.nan, math.nan) if why_not else (float(low[0]), float(high[0])),
        exclude_below=start,
        points=len(c),
        _likely=drawn,
    )


def _averaged(share: Floats, y: Floats, r0: float | None) -> FitData:
    weight = np.ones(len(y))
    with np.errstate(divide="ignore"):  # C = 0 stands at −inf
        if len(y) > 2 * _BINS:
            column = np.arange(len(y)) * _BINS // len(y)
            stretch = np.floor(np.log(share) / _STRETCH)
            is_new = (column[1:] != column[:-1]) | (stretch[1:] != stretch[:-1])
            starts = np.concatenate([[0], np.flatnonzero(is_new) + 1])
            count = np.diff(starts, append=len(y))
            share, y = means(share, y, starts)
            weight = count / count.mean()
        return FitData(np.log(share), y, weight, r0)


def _end_of_early(c: Floats) -> float:
    if not len(c):
        return 0.0
    return float(min(EARLY * c[-1], c[max(len(c) - ceiling.MIN_POINTS, 0)]))


def _nothing_to_fit(c: Floats, y: Floats, r0: float | None) -> str:
    if len(c) < _FEWEST or c[-1] == 0:
        return ceiling.too_little(c)
    size = max(float(np.abs(y).max()), abs(r0 or 0.0))
    return "the accuracy does not change" if np.ptp(y) <= 1e-9 * size else ""


def _pairs(flops: Any, accuracy: Any) -> tuple[Floats, Floats]:
    """The points that are known in both, in the order of compute."""
    c, y = _numbers(flops, "flops"), _numbers(accuracy, "accuracy")
    if c.ndim != 1 or c.shape != y.shape:
        raise ValueError(
            f"flops and accuracy must be one series each, of equal length, got shapes {c.shape} "
            f"and {y.shape}. Fit one run at a time."
        )
    known = np.isfinite(c) & np.isfinite(y)
    c, y = _compute(c[known]), y[known]
    if (np.abs(y) > _LARGEST).any():
        raise ValueError(f"accuracy must be within ±{_LARGEST:g}, got {y[np.abs(y).argmax()]:g}.")
    order = np.argsort(c, kind="stable")
    return c[order], y[order]


def _compute(flops: Any) -> Floats:
    at = _numbers(flops, "flops")
    if (at < 0).any():
        raise ValueError(
            f"flops must be >= 0, got {np.nanmin(at):g}. Give cumulative compute, as of each step."
        )
    return at


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
    number = float(value)
    if not abs(number) <= _LARGEST:
        raise ValueError(f"{name} must be within ±{_LARGEST:g}, got {value!r}.")
    return number


def _like(values: Floats, at: Floats) -> Any:
    return float(values[0]) if at.ndim == 0 else values.reshape(at.shape)
