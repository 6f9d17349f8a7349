"""Numbers with their 95 % intervals, and the one rule for what is said of their differences."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.curves import student_half_width

Floats = NDArray[np.float64]

TAIL = 2.5
"""Percent of the draws beyond either end of an interval."""
_LARGEST_EXPONENT = 700.0
_NORMAL = 1.96
"""Half the width of a 95 % interval, in standard errors."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def plain(self) -> tuple[float | None, float | None, float | None]:
        """Value, low and high as JSON can hold them: None where one is not finite."""
        value, low, high = (
            part if math.isfinite(part) else None for part in (self.value, self.low, self.high)
        )
        return value, low, high

    def differs_from(self, value: float) -> bool:
        """Whether the interval leaves the value out: only then a difference is told as one."""
        return self.low > value or self.high < value


@dataclass(frozen=True, slots=True)
class Estimates:
    """Numbers with their 95 % intervals, each array of the same shape; NaN where nothing is
    known."""

    value: Floats
    low: Floats
    high: Floats

    @classmethod
    def of_draws(cls, value: Floats, draws: Floats) -> "Estimates":
        """Values, (n,), and the middle 95 % of their random draws, (resamples, n)."""
        low, high = np.percentile(draws, [TAIL, 100 - TAIL], axis=0)
        return cls(value, np.minimum(low, value), np.maximum(high, value))

    @classmethod
    def over_seeds(cls, seeds: "Estimates") -> "Estimates":
        """The mean over seeds, (S, n) -> (n,), S >= 2, with Student's interval."""
        errors = (seeds.high - seeds.low) / (2 * _NORMAL)
        mean, half = student_half_width(seeds.value, errors)
        return cls(mean, mean - half, mean + half)

    def minus(self, other: "Estimates") -> "Estimates":
        """The difference. The halves of the intervals add up like independent errors, which for
        means over a few seeds is never too narrow.

        Source: M. R. Mickey, M. B. Brown, Bounds on the Distribution Functions of the
        Behrens–Fisher Statistic, Annals of Mathematical Statistics 37 (1966).
        """
        value = self.value - other.value
        below = np.hypot(self.value - self.low, other.high - other.value)
        above = np.hypot(self.high - self.value, other.value - other.low)
        return Estimates(value, value - below, value + above)

    def widened(self, factor: float) -> "Estimates":
        """The same with intervals that are wider by a factor."""
        low = self.value - factor * (self.value - self.low)
        return Estimates(self.value, low, self.value + factor * (self.high - self.value))

    def turned(self, up: float) -> "Estimates":
        """The same with less as better where `up` is −1."""
        low, high = (self.low, self.high) if up > 0 else (-self.high, -self.low)
        return Estimates(up * self.value, low, high)

    def where(self, known: NDArray[np.bool_]) -> "Estimates":
        """The same with NaN elsewhere."""
        parts = (np.where(known, part, np.nan) for part in (self.value, self.low, self.high))
        return Estimates(*parts)

    def __getitem__(self, k: int) -> Estimate:
        return Estimate(float(self.value[k]), float(self.low[k]), float(self.high[k]))


def exponential(logarithms: Estimates, k: int) -> Estimate | None:
    """An estimate back from logarithms; None if nothing is known."""
    found = logarithms[k]
    if not math.isfinite(found.value):
        return None
    parts = np.clip([found.value, found.low, found.high], -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    return Estimate(*np.exp(parts).tolist())
