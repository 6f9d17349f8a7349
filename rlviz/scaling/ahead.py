"""What lies ahead of a run: how far its level may go, and whether it foretold itself so far.

A rise that slows down ends where it stands, or goes on as fast as now, or does something between.
Every sigmoid beyond its bend, every power law of 1 − R and every logarithm of compute that has the
level and the slope of the run now lies between these two lines. So the distance between the lines
is the error of the law. To it come the noise of both levels, now and then, and the largest error
that the same lines made earlier in this run, over the same factor of compute.
"""

import math
from dataclasses import dataclass

import numpy as np

from rlviz.scaling.noise import long_run
from rlviz.scaling.sigmoid import Floats

FACTORS = tuple(2 ** (k / 4) for k in range(1, 9))
"""How far ahead is looked, as factors of the compute so far: 1.19 to 4."""
WIDEST = 0.1
"""Half-width of the widest forecast that is given of a share."""

_SPAN = 2.0
"""A run stands where its last points are: those of the last half of its compute."""
_FEWEST = 10
_ORIGINS = 6
_FEWEST_BEFORE = 15
_Z = 2.0
_SURE = 4.5


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: the end of a straight line in log compute through its last points.

    Attributes:
        level: the value at the end, and `error` its standard error.
        gain: the slope there, times the compute: what doubling brings at an unchanged pace.
        gain_error: the standard error of the gain.
    """

    level: float
    error: float
    gain: float
    gain_error: float

    def lines(self, factor: float) -> tuple[float, float]:
        """The lower and the higher of the two lines, at a factor of the compute."""
        on = self.level + self.gain * (factor - 1)
        return min(self.level, on), max(self.level, on)


@dataclass(frozen=True, slots=True)
class Range:
    """Where the level may be.

    Attributes:
        low, high: the 95 % interval.
        unchanged_low, unchanged_high: that of "it stays as it is", by its own errors so far.
    """

    low: float
    high: float
    unchanged_low: float
    unchanged_high: float

    def within(self, least: float, most: float) -> "Range":
        """The range, as far as it can be."""
        ends = (self.low, self.high, self.unchanged_low, self.unchanged_high)
        return Range(*(min(max(end, least), most) for end in ends))

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2

    @property
    def half_unchanged(self) -> float:
        return (self.unchanged_high - self.unchanged_low) / 2


def standing(c: Floats, y: Floats, until: float) -> Standing:
    """Where a run stands at a compute, by the points of the last half, but 10; c is sorted."""
    end = int(np.searchsorted(c, until * (1 + 1e-9), side="right"))
    start = int(np.searchsorted(c, until / _SPAN, side="right"))
    start = max(min(start, end - _FEWEST), 0)
    u, v = np.log(np.maximum(c[start:end] / until, 1e-9)), y[start:end]
    middle = float(u.mean())
    spread = max(float(np.square(u - middle).sum()), 1e-12)
    gain = float((u - middle) @ v) / spread
    level = float(v.mean()) - gain * middle
    variance = long_run(v - level - gain * u, 2)
    error = math.sqrt(variance * (1 / len(v) + middle**2 / spread))
    return Standing(level, error, gain, math.sqrt(variance / spread))


def ahead(c: Floats, y: Floats, until: float, factor: float) -> Range | None:
    """Where the level may be at `factor` times a compute, by the points up to that compute.

    None if the run has too few points for two looks back over the same factor.
    """
    now = standing(c, y, until)
    errors, moves = [], []
    for share in 0.5 ** np.linspace(0, 1, _ORIGINS):
        origin = until / factor * float(share)
        if np.searchsorted(c, origin, side="right") < _FEWEST_BEFORE:
            break
        before, after = standing(c, y, origin), standing(c, y, origin * factor)
        low, high = before.lines(factor)
        errors.append((max(low - after.level, 0.0), max(after.level - high, 0.0)))
        moves.append(after.level - before.level)
    if len(errors) < 2:
        return None
    under, over = np.max(errors, axis=0).tolist()
    low, high = now.lines(factor)
    noise = _Z * math.sqrt(2) * now.error
    stays = math.hypot(_Z * math.sqrt(float(np.mean(np.square(moves)))), noise)
    return Range(low - noise - under, high + noise + over, now.level - stays, now.level + stays)


def not_slowing(c: Floats, y: Floats) -> str:
    """Why the end of a run is no rise that slows down, as a clause; empty if it is one."""
    now = standing(c, y, float(c[-1]))
    early = max(_FEWEST, len(y) // 20)
    rise = now.level - float(y[:early].mean())
    rounding = 1e-9 * float(np.abs(y).max())
    if rise <= _SURE * now.error + rounding:
        return "the accuracy does not rise beyond its scatter"
    if now.gain + 2 * now.gain_error < 0:
        return "the accuracy falls at the end"
    if now.gain > rise / (1 - float(c[:early].mean()) / float(c[-1])):
        return "the rise does not slow down yet, so where it leads is open"
    return ""


def not_foretold(
    c: Floats, y: Floats, factor: float, limits: tuple[float, float]
) -> tuple[Range | None, str]:
    """The range at a factor of the compute, and why it is no forecast; empty if it is one.

    Args:
        c, y: the points, (n,), in the order of compute.
        factor: how far ahead.
        limits: what the values can be; finite for a share.
    """
    until = float(c[-1])
    found = ahead(c, y, until, factor)
    before = ahead(c, y, until / factor, factor) if found is not None else None
    if found is None:
        return None, "the run is too short to try a forecast on its own past"
    found = found.within(*limits)
    if math.isfinite(limits[1]) and found.half > WIDEST:
        return found, (
            f"at {factor:.3g} times the compute it could be anything from {100 * found.low:.0f} to "
            f"{100 * found.high:.0f} %"
        )
    if found.half > found.half_unchanged:
        return found, (
            "it would be no more certain than to say that the accuracy stays as it is, judged by "
            "the run so far"
        )
    if before is None:
        return found, "the run is too short to try a forecast on its own past"
    level = standing(c, y, until).level
    if not before.low <= level <= before.high:
        return found, "a forecast from earlier in the run would have missed what came"
    return found, ""
