"""Accuracy as a saturating function of compute: the curve, its ceiling, a forecast."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rlviz.scaling import ceiling, inputs
from rlviz.scaling.forecast import LevelForecast
from rlviz.scaling.law import Law, end_of_early, first_half, from_on
from rlviz.scaling.sigmoid import Floats

_FEWEST = 8
_UNSTEADY = 0.25
Interval = tuple[float, float]
_NONE = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """``R(C) = R0 + (A − R0)/(1 + (C_mid/C)^B)``, fitted to a run, and the run's forecast.

    A forecast does not need the ceiling: where the run goes on from its level is known better than
    where it will end. So there are two answers, `identifiable` and `has_ceiling`. Where there is no
    ceiling, A, B, C_mid and R0 describe the data at best and must not be printed as findings; their
    intervals are NaN. All are NaN where there was nothing to fit.

    Attributes:
        A: the ceiling, in the unit of the accuracy.
        B: the exponent; larger is steeper. Comparable only between curves of equal A.
        C_mid: the compute at half of the rise, in the unit of the flops.
        R0: the value without compute, as given or else fitted; a fitted one is what the later
            points call for, not what was measured.
        identifiable: whether a forecast is given.
        why_not: if none is, why, as a clause ("the accuracy falls at the end"); else empty.
        reach: the largest multiple of the compute so far up to which the forecast is given, 1 to 4.
        ceiling_interval: 95 % interval of A; within [0, 1] if the data are.
        B_interval, C_mid_interval: 95 % intervals of the two.
        why_no_ceiling: why the data do not show the ceiling, as a clause; else empty.
        exclude_below: points below this compute were left out of the curve, in the unit of the
            flops.
        points: how many were used.
    """

    A: float
    B: float
    C_mid: float
    R0: float
    identifiable: bool
    why_not: str
    reach: float
    ceiling_interval: Interval
    B_interval: Interval
    C_mid_interval: Interval
    why_no_ceiling: str
    exclude_below: float
    points: int
    _law: Law | None = field(repr=False, compare=False)
    _forecast: LevelForecast | None = field(repr=False, compare=False)

    @property
    def has_ceiling(self) -> bool:
        """Whether the data show A, B and C_mid."""
        return not self.why_no_ceiling

    def predict(self, flops: Any) -> Any:
        """The accuracy at a compute >= 0: a float, or an array of the shape that came.

        Within the data it is the fitted curve. Beyond them it is where the run stands, plus what
        the curve still rises from there, but no less than nothing and no more than at the pace of
        the end.

        Example:
            >>> import numpy as np
            >>> flops = np.linspace(1e20, 2e22, 200)
            >>> curve = fit(flops, 0.3 + 0.4 / (1 + 2e21 / flops))
            >>> round(curve.predict(4e22), 2)
            0.68
        """
        at = inputs.compute(flops)
        x = at.ravel()
        found = np.full(x.size, math.nan)
        if self._law is not None:
            found = self._law.value(x)
        if self._law is not None and self._forecast is not None:
            ahead, end = x > self._forecast.end, np.array([self._forecast.end])
            on = self._forecast.level + found[ahead] - self._law.value(end)
            found[ahead] = self._forecast.between_lines(x[ahead], on)
        return _like(found, at)

    def predict_interval(self, flops: Any) -> tuple[Any, Any]:
        """95 % interval of the level, (low, high), each as `predict` gives it; NaN if no forecast.

        The level is that of the curve that a figure will draw then; single steps scatter around it
        more widely. Up to `reach` times the compute so far the interval passed the tests of `fit`.
        Beyond that it is wide, and from 4 times on, or where the run is too short to tell, it is
        everything that is possible.
        """
        at = inputs.compute(flops)
        x = at.ravel()
        if self._law is None or self._forecast is None or not self.identifiable:
            return _like(np.full(at.size, math.nan), at), _like(np.full(at.size, math.nan), at)
        low, high = self._law.interval(x)
        ahead = x > self._forecast.end
        low[ahead], high[ahead] = self._forecast.interval(x[ahead])
        return _like(low, at), _like(high, at)


def fit(
    flops: Any, accuracy: Any, *, r0: float | None = None, exclude_below: float | None = None
) -> Sigmoid:
    """Fit the compute–performance curve of ScaleRL, and forecast the run as far as that holds.

    Args:
        flops: cumulative compute of every step, >= 0, (n,), in any unit and order.
        accuracy: of the same steps, (n,). A point that is not finite in both is left out, so a
            metric of every k-th step can be given as it is.
        r0: the accuracy without compute, where it was measured; by default it is fitted too.
        exclude_below: leaves out the points below this compute, in the unit of flops. The first
            steps follow another law (the model learns a format, the optimizer warms up), and if
            they pull the curve, the ceiling is wrong. By default up to 10 % of the largest compute
            are left out of the curve: as much as lets the first half of the run foretell its
            second half best. The paper leaves out the first 1,500 of 16,000 to 100,000 GPU hours.

    **The forecast.** At least 30 points over a factor of 10 in compute must rise beyond their
    scatter, by 4.5 standard errors, and the rise must slow down. Then the accuracy lies between two
    lines from where the run stands: it stays, or it goes on at the pace of the last half. Every
    saturating curve beyond its bend, every power law of 1 − R and every logarithm lies between
    them. The interval holds both lines, the noise of both levels (AR(1)), and the largest error
    that such lines made earlier in the run, over the same factor of compute. It is given for 1.2 to
    4 times the compute, as far as the run's own past allows a look; if its half-width is at most
    10 points of a share, and no more than that of "it stays as it is" by the run's past; and if the
    same forecast, from earlier in the run, holds where the run is now.

    **The ceiling.** It is shown if the points are worth at least 30 independent ones; if all curves
    within 4.5 standard errors rise, pass half of their rise within the data and have an exponent
    between 0.1 and 10; if no parabola is within 3.3; if A is at most 1 for data within [0, 1]; and
    if the curve of the first half of the compute leads to nearly the same place. By how far it does
    not is in the intervals, beside the profile likelihood. More than 500 points are first averaged.

    Raises:
        ValueError: shapes differ, flops are negative, or an option is out of its range.
        TypeError: something is no real number.

    Example:
        >>> import numpy as np
        >>> flops = np.linspace(1e20, 2e22, 200)
        >>> curve = fit(flops, 0.3 + 0.4 / (1 + 2e21 / flops))
        >>> curve.identifiable, curve.has_ceiling, round(curve.A, 3), f"{curve.C_mid:.3g}"
        (True, True, 0.7, '2e+21')
        >>> fit(flops[:20], 0.3 + 1e-23 * flops[:20]).why_not
        'there are 20 points, and a forecast needs 30'

    Source: D. Khatri et al., The Art of Scaling Reinforcement Learning Compute for LLMs,
    arXiv:2510.13786.
    """
    c, y = inputs.pairs(flops, accuracy)
    r0 = None if r0 is None else inputs.option(r0, "r0")
    start = None if exclude_below is None else inputs.option(exclude_below, "exclude_below")
    if start is not None and start < 0:
        raise ValueError(f"exclude_below must be >= 0, in the unit of flops, got {exclude_below}.")
    if start is not None:
        c, y = from_on(c, y, start)
    why_not = _nothing_to_fit(c, y, r0)
    if why_not:
        return _unfitted(why_not, start or 0.0, len(c))
    return _fitted(c, y, r0, start)


def _unfitted(why_not: str, start: float, points: int) -> Sigmoid:
    nan = math.nan
    return Sigmoid(
        *(nan, nan, nan, nan, False, why_not, 1.0, _NONE, _NONE, _NONE, why_not, start, points),
        None,
        None,
    )


def _fitted(c: Floats, y: Floats, r0: float | None, given: float | None) -> Sigmoid:
    start = end_of_early(c, y, r0) if given is None else given
    used, values = from_on(c, y, start)
    law = Law.of(used, values, r0)
    short = ceiling.too_little(c)
    forecast = None if short else LevelForecast.of(c, y)
    why_not = short if forecast is None else forecast.why_not if forecast.reach == 1 else ""
    why_no_ceiling, intervals = _ceiling(law, used, values, r0)
    return Sigmoid(
        A=law.A,
        B=law.B,
        C_mid=law.C_mid,
        R0=law.R0,
        identifiable=not why_not,
        why_not=why_not,
        reach=1.0 if forecast is None else forecast.reach,
        ceiling_interval=intervals[0],
        B_interval=intervals[1],
        C_mid_interval=intervals[2],
        why_no_ceiling=why_no_ceiling,
        exclude_below=start,
        points=len(used),
        _law=law,
        _forecast=forecast,
    )


def _ceiling(
    law: Law, c: Floats, y: Floats, r0: float | None
) -> tuple[str, tuple[Interval, Interval, Interval]]:
    """Why there is no ceiling, and the intervals of A, B and C_mid, which know the law's error."""
    if law.why_not:
        return law.why_not, (_NONE, _NONE, _NONE)
    before = first_half(c, y, r0)
    if before is None or abs(before.A - law.A) > _UNSTEADY * (law.A - law.R0):
        why = "the first half of the compute would have led to another ceiling"
        return why, (_NONE, _NONE, _NONE)
    a, b, middle = law.intervals()
    a = _wider(a, law.A, abs(before.A - law.A))
    return "", (
        (max(a[0], law.limits[0]), min(a[1], law.limits[1])),
        _factored(b, law.B, before.B),
        _factored(middle, law.C_mid, before.C_mid),
    )


def _wider(ends: Interval, best: float, error: float) -> Interval:
    return best - math.hypot(best - ends[0], error), best + math.hypot(ends[1] - best, error)


def _factored(ends: Interval, best: float, before: float) -> Interval:
    """The interval of a number > 0, wider by the factor that it moved."""
    low, high = (math.log(end) for end in ends)
    low, high = _wider((low, high), math.log(best), abs(math.log(best / before)))
    return math.exp(low), math.exp(high)


def _nothing_to_fit(c: Floats, y: Floats, r0: float | None) -> str:
    if len(c) < _FEWEST or c[-1] == 0:
        return ceiling.too_little(c)
    size = max(float(np.abs(y).max()), abs(r0 or 0.0))
    return "the accuracy does not change" if np.ptp(y) <= 1e-9 * size else ""


def _like(values: Floats, at: Floats) -> Any:
    return float(values[0]) if at.ndim == 0 else values.reshape(at.shape)
