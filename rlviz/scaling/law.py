"""The saturating curve of a run: the best one, all likely ones, and why it may show no ceiling."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from rlviz.scaling import ceiling, sigmoid
from rlviz.scaling.sigmoid import FitData, Floats, Sigmoids
from rlviz.smooth.bins import averaged, means
from rlviz.smooth.long_series import parts

EARLY = (0.0, 0.01, 0.02, 0.05, 0.1)
"""Shares of the largest compute below which points may be left out."""

_LIKELY, _DOUBTFUL, _SURE = 0.025, 0.0005, 3.4e-6
"""Tails of three intervals: the one that is given, the one within which a parabola is as good as
the curve, and the one that decides (4.5 standard errors)."""
_BINS = 250
_STRETCH = 0.02
_FEW_BINS = 100
_HALF = 0.5
_FEWEST_BEFORE = 15
_AS_WELL = 1.05


@dataclass(frozen=True, slots=True)
class Law:
    """The best curve, the likely ones, and the units of their data.

    Attributes:
        curves: the likely curves, the best one first.
        squares: the largest sum of squares of a likely curve.
        compute: the unit of the curves' compute.
        offset, unit: their value is `offset` plus `unit` times theirs.
        limits: what the values can be.
        why_not: why the data do not show the ceiling, as a clause; else empty.
    """

    curves: Sigmoids
    squares: float
    compute: float
    offset: float
    unit: float
    limits: tuple[float, float]
    why_not: str

    @classmethod
    def of(cls, c: Floats, y: Floats, r0: float | None) -> "Law":
        """The curve of points, (n,), in the order of compute, whose values differ."""
        offset, unit = float(y.mean()), float(np.ptp(y))
        data = _data(c, y, offset, unit, r0)
        center = sigmoid.best(data)
        curve = sigmoid.regress(data, center[None])
        noise = ceiling.residual_noise(data, curve)
        freedom = max(noise.effective_points - data.parameters, 1.0)
        rounding = 1e-12 * data.squares()
        likely, doubtful, sure = (
            float(curve.squares[0])
            + max(stdtrit(freedom, 1 - tail) ** 2 * noise.variance, rounding)
            for tail in (_LIKELY, _DOUBTFUL, _SURE)
        )
        curves = sigmoid.allowed(data, center, sure)
        is_share = bool(y.min() >= 0 and y.max() <= 1)
        limits = (0.0, 1.0) if is_share else (-math.inf, math.inf)
        why_not = ceiling.too_little(c) or ceiling.not_shown(
            data, curves, noise, doubtful=doubtful, sure=sure
        )
        inside = curves.where(curves.squares <= likely)
        law = cls(inside, likely, float(c[-1]), offset, unit, limits, why_not)
        if not why_not and limits[1] < law.A:
            return replace(law, why_not=f"the best saturating curve ends at {100 * law.A:.4g} %")
        return law

    @property
    def A(self) -> float:  # noqa: N802
        return float(self.value(np.array([math.inf]))[0])

    @property
    def R0(self) -> float:  # noqa: N802
        return float(self.value(np.array([0.0]))[0])

    @property
    def B(self) -> float:  # noqa: N802
        return math.exp(self.curves.shape[0, 1])

    @property
    def C_mid(self) -> float:  # noqa: N802
        return math.exp(self.curves.shape[0, 0]) * self.compute

    def intervals(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        """95 % intervals of A, B and C_mid, by profile likelihood."""
        low, high = self.interval(np.array([math.inf]))
        first, last = self.curves.shape.min(0), self.curves.shape.max(0)
        middle = (math.exp(first[0]) * self.compute, math.exp(last[0]) * self.compute)
        return (float(low[0]), float(high[0])), (math.exp(first[1]), math.exp(last[1])), middle

    def value(self, flops: Floats) -> Floats:
        """The best curve at some compute, (m,) -> (m,)."""
        only = np.arange(len(self.curves.squares)) == 0
        curve: Floats = self.curves.where(only).value(self._log_compute(flops))[0]
        return self.offset + self.unit * curve

    def interval(self, flops: Floats) -> tuple[Floats, Floats]:
        """The lowest and the highest likely curve at some compute, each (m,)."""
        low, high = self.curves.hull(self._log_compute(flops), self.squares)
        low, high = (np.clip(self.offset + self.unit * end, *self.limits) for end in (low, high))
        return low, high

    def _log_compute(self, flops: Floats) -> Floats:
        with np.errstate(divide="ignore"):  # C = 0 stands at −inf
            found: Floats = np.log(flops / self.compute)
        return found


def first_half(c: Floats, y: Floats, r0: float | None) -> Law | None:
    """The best curve of the first half of the compute, alone; None if it has too few points."""
    before = int(np.searchsorted(c, _HALF * c[-1], side="right"))
    c, y = c[:before], y[:before]
    if _counted(c) < _FEWEST_BEFORE or np.ptp(y) == 0:
        return None
    offset, unit = float(y.mean()), float(np.ptp(y))
    data = _data(c, y, offset, unit, r0)
    best = sigmoid.regress(data, sigmoid.best(data)[None])
    return Law(best, math.inf, float(c[-1]), offset, unit, (-math.inf, math.inf), "")


def end_of_early(c: Floats, y: Floats, r0: float | None) -> float:
    """The compute before which points follow another law.

    Of the shares in `EARLY`, the data decide: the smallest without which the first half of the
    compute foretells the second half as well as without any other, but for 5 % of the squared
    error. What stays must be enough for a ceiling.
    """
    errors: dict[float, float] = {}
    for start in [share * float(c[-1]) for share in EARLY]:
        rest, values = from_on(c, y, start)
        if errors and ceiling.too_little(rest):
            break
        x, v = averaged(rest, values, _FEW_BINS)
        before = x <= _HALF * c[-1]
        if _counted(x[before]) < _FEWEST_BEFORE:
            break
        if np.ptp(v[before]) > 0:
            errors[start] = _error_after(x, v, before, r0)
    least = min(errors.values(), default=0.0)
    return next((start for start, error in errors.items() if error <= _AS_WELL * least), 0.0)


def from_on(c: Floats, y: Floats, start: float) -> tuple[Floats, Floats]:
    """The points from some compute on; c is in order."""
    first = int(np.searchsorted(c, start))
    return c[first:], y[first:]


def _counted(c: Floats) -> int:
    """How many points have spent anything: the others have no place on a curve."""
    return int(np.count_nonzero(c))


def _error_after(c: Floats, y: Floats, before: NDArray[np.bool_], r0: float | None) -> float:
    """The mean squared error, after some points, of the best curve of these."""
    offset, unit = float(y[before].mean()), float(np.ptp(y[before]))
    data = _data(c[before], y[before], offset, unit, r0)
    curve = sigmoid.regress(data, sigmoid.best(data)[None])
    foretold = offset + unit * curve.value(np.log(c[~before] / c[before][-1]))[0]
    return float(np.square(y[~before] - foretold).mean()) if len(foretold) else 0.0


def _data(c: Floats, y: Floats, offset: float, unit: float, r0: float | None) -> FitData:
    """Points, (n,), in the units of a fit; many are averaged first, some of them at a time."""
    r0 = None if r0 is None else (r0 - offset) / unit
    with np.errstate(divide="ignore"):  # C = 0 stands at −inf
        if len(y) <= 2 * _BINS:
            return FitData(np.log(c / c[-1]), (y - offset) / unit, np.ones(len(y)), r0)
        starts = _starts(c)
        ends = [*starts[1:].tolist(), len(c)]
        found = [
            means(c[first:end] / c[-1], (y[first:end] - offset) / unit, np.zeros(1, int))
            for first, end in zip(starts.tolist(), ends, strict=True)
        ]
        share, value = np.concatenate(found, axis=1)
        count = np.diff(starts, append=len(y))
        return FitData(np.log(share), value, count / count.mean(), r0)


def _starts(c: Floats) -> NDArray[np.int64]:
    """Where the bins of a fit begin: each holds points of one of many equal parts of the run, and
    of one stretch of log compute."""
    found = [0]
    for part in parts(len(c) - 1):
        own = slice(part.start, part.stop + 1)
        column = np.arange(own.start, own.stop) * _BINS // len(c)
        stretch = np.floor(np.log(c[own] / c[-1]) / _STRETCH)
        is_new = (column[1:] != column[:-1]) | (stretch[1:] != stretch[:-1])
        found += (np.flatnonzero(is_new) + own.start + 1).tolist()
    return np.array(found)
