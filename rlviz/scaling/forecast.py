"""The forecast of a run: how far it reaches, and where the level will be until then."""

import math
from dataclasses import dataclass

import numpy as np

from rlviz.scaling.ahead import FACTORS, not_foretold, not_slowing, standing
from rlviz.scaling.sigmoid import Floats
from rlviz.smooth.bins import averaged

_MOST = 500


@dataclass(frozen=True, slots=True)
class LevelForecast:
    """Where the level of a run will be, from the end of its data on.

    Attributes:
        why_not: why there is none, as a clause; else empty.
        reach: the largest factor of the compute so far up to which it is given; 1 if there is none.
        end: the compute of the last point.
        level: the level there.
        gain: what doubling would bring at the pace there.
        factors: factors of `end`, (k,), from 1 on.
        low, high: the 95 % interval at these, each (k,); they never come closer.
        limits: what the values can be.
    """

    why_not: str
    reach: float
    end: float
    level: float
    gain: float
    factors: Floats
    low: Floats
    high: Floats
    limits: tuple[float, float]

    @classmethod
    def of(cls, c: Floats, y: Floats) -> "LevelForecast":
        """The forecast by points, (n,), that are enough and in the order of compute."""
        limits = (0.0, 1.0) if y.min() >= 0 and y.max() <= 1 else (-math.inf, math.inf)
        c, y = averaged(c, y, _MOST)
        now = standing(c, y, float(c[-1]))
        why_not, reach = not_slowing(c, y), 1.0
        factors, low, high = [1.0], [now.level - 2 * now.error], [now.level + 2 * now.error]
        for factor in FACTORS:
            found, why = not_foretold(c, y, factor, limits)
            if found is None:
                why_not = why_not or (why if reach == 1 else "")
                break
            factors.append(factor)
            low.append(min(low[-1], found.low))
            high.append(max(high[-1], found.high))
            if not why and not why_not:
                reach = factor
            elif reach == 1:
                why_not = why_not or why
        last, at = float(c[-1]), np.array(factors)
        least, most = np.clip(np.array(low), *limits), np.clip(np.array(high), *limits)
        return cls(why_not, reach, last, now.level, now.gain, at, least, most, limits)

    def interval(self, flops: Floats) -> tuple[Floats, Floats]:
        """The 95 % interval at a compute beyond the data, (m,) -> each (m,)."""
        factor = flops / self.end
        low, high = (np.interp(factor, self.factors, end) for end in (self.low, self.high))
        unknown = factor > self.factors[-1]
        return np.where(unknown, self.limits[0], low), np.where(unknown, self.limits[1], high)

    def between_lines(self, flops: Floats, value: Floats) -> Floats:
        """Values at a compute beyond the data, moved to between the two lines, each (m,)."""
        on = self.level + self.gain * (flops / self.end - 1)
        low, high = np.minimum(self.level, on), np.maximum(self.level, on)
        return np.clip(np.clip(value, low, high), *self.interval(flops))
