"""What the accounts need to know of a stretch of rows without reading them again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepSpan:
    """The steps and the times of some rows, in the order of writing; rows without a step are left
    out.

    Attributes:
        count: how many rows have a step.
        first, last: the steps of the first and of the last of them; NaN if there is none.
        least, most: the smallest and the largest step.
        backwards: how many steps were not greater than the step before.
        is_completed: whether the last row is the one before it once more, of the same step and
            time: what came for no later step was added to it.
        began, ended: the first and the last known time, seconds since 1970-01-01 UTC, or NaN.
        clock_back: the largest jump back between two known times, in seconds.
    """

    count: int = 0
    first: float = np.nan
    last: float = np.nan
    least: float = np.inf
    most: float = -np.inf
    backwards: int = 0
    is_completed: bool = False
    began: float = np.nan
    ended: float = np.nan
    clock_back: float = 0.0

    @classmethod
    def of(cls, steps: Floats, wall: Floats | None) -> "StepSpan":
        """The span of some rows: their steps, and their times if there are any, each (n,)."""
        steps = np.ascontiguousarray(steps)  # columns of a table are slow to go through
        valid = np.isfinite(steps)
        if not valid.all():
            steps, wall = steps[valid], None if wall is None else wall[valid]
        if not len(steps):
            return cls()
        wall = np.full(len(steps), np.nan) if wall is None else np.ascontiguousarray(wall)
        times = _finite(wall)
        is_again = len(steps) > 1 and steps[-1] == steps[-2] and wall[-1] == wall[-2]
        return cls(
            len(steps),
            float(steps[0]),
            float(steps[-1]),
            float(steps.min()),
            float(steps.max()),
            int(np.count_nonzero(steps[1:] <= steps[:-1])),
            bool(is_again),
            float(times[0]) if len(times) else np.nan,
            float(times[-1]) if len(times) else np.nan,
            float(np.max(times[:-1] - times[1:], initial=0.0)),
        )

    def then(self, other: "StepSpan") -> "StepSpan":
        """The span of these rows and the ones behind them."""
        if not self.count or not other.count:
            return other if not self.count else self
        back = self.ended - other.began
        return StepSpan(
            self.count + other.count,
            self.first,
            other.last,
            min(self.least, other.least),
            max(self.most, other.most),
            self.backwards + other.backwards + (other.first <= self.last),
            other.is_completed
            or (other.count == 1 and other.first == self.last and other.began == self.ended),
            other.began if np.isnan(self.began) else self.began,
            self.ended if np.isnan(other.ended) else other.ended,
            max(self.clock_back, other.clock_back, 0.0 if np.isnan(back) else back),
        )


def _finite(values: Floats) -> Floats:
    known = np.isfinite(values)
    return values if known.all() else values[known]
