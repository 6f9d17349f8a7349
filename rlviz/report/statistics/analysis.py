"""What a series did, read off its curve: segments, and the claims that follow from them.

The curve shows what may have happened; slopes over intervals tell what noise of single steps,
lasting or not, does not explain. Whether training caused it is another question, which needs more
seeds.
benchmarks/claims.py measures how often claims are false and how often true ones are found.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.curves import Curve
from rlviz.report.statistics.binned import Binned
from rlviz.report.statistics.moves import Piece
from rlviz.report.statistics.noise import is_drift
from rlviz.report.statistics.scatter import Scatter, scatter_of
from rlviz.report.statistics.segments import Segment, pieces_of, segments_of
from rlviz.smooth.correlation import FEWEST as FEWEST_OF_NOISE
from rlviz.smooth.long_series import distinct

Floats = NDArray[np.float64]

FEWEST = 20
"""With fewer points at distinct places nothing is claimed."""
LEAST_EXTENT = 1e-100
"""The smallest extent of the values, and the inverse of the largest: floats do not hold squares
beyond them."""
_TWICE = 2.0
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Dip:
    """The first fall after which the curve rises again by at least half.

    Attributes:
        place: where the curve is lowest, in the unit of the axis.
        value: the curve there.
        depth: how far it fell up to there.
    """

    place: float
    value: float
    depth: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """What happened in one series.

    Attributes:
        points: how many finite points it rests on.
        noise_correlation: between the noise of a bin and of the next, in [0, 1); NaN if unknown.
        drift: whether the noise lasts as long as a random walk does, which moves like anything.
        segments: from the first place to the last, without gaps; empty with fewer than 20 points at
            distinct places.
        scatter: of single steps; None with fewer than 20 points.
    """

    points: int
    noise_correlation: float = math.nan
    drift: bool = False
    segments: tuple[Segment, ...] = ()
    scatter: Scatter | None = None

    @property
    def tells_noise(self) -> bool:
        """Whether there are points enough to tell how long the noise lasts; else that is assumed,
        and nothing is certain."""
        return self.points >= FEWEST_OF_NOISE

    @property
    def is_certain(self) -> bool:
        """Whether any change is certain."""
        return any(part.certain and part.kind != "level" for part in self.segments)

    @property
    def trend(self) -> int:
        """1 if the curve ends higher than it starts, −1 if lower, 0 if neither is certain."""
        if not self.is_certain:
            return 0
        first, last = self.segments[0], self.segments[-1]
        change = last.y_end - first.y_start
        if len(self.segments) > 1:
            error = math.hypot(first.y_start_error or 0.0, last.y_end_error or 0.0)
            if abs(change) <= error:
                return 0
        return int(np.sign(change))

    @property
    def dip(self) -> Dip | None:
        """The first fall that the curve makes up for by half at least."""
        high = low = None
        for part in self.segments if self.is_certain else ():
            if part.kind == "falls":
                if high is None or low is None:
                    high, low = part.y_start, part
                elif part.y_end < low.y_end:
                    low = part
            elif part.kind == "rises":
                if high is not None and low is not None:
                    depth = high - low.y_end
                    if part.y_end - low.y_end >= _HALF * depth:
                        return Dip(low.x_end, low.y_end, depth)
                if high is None or part.y_end >= high:
                    high = low = None
        return None

    @property
    def acceleration(self) -> float | None:
        """Where the curve becomes at least twice as steep as all its movement before was on
        average; the largest such move."""
        biggest, travelled, place = 0.0, 0.0, None
        for before, part in pairwise(self.segments):
            travelled += abs(before.y_end - before.y_start)
            extent = part.x_start - self.segments[0].x_start
            change = abs(part.y_end - part.y_start)
            if part.kind == "level" or part.pace == "jump" or change <= biggest:
                continue
            if change * extent >= _TWICE * travelled * (part.x_end - part.x_start):
                biggest, place = change, part.x_start
        return place

    @property
    def plateaus(self) -> tuple[Segment, ...]:
        """The level segments of a series that changes elsewhere."""
        return tuple(p for p in self.segments if p.kind == "level" and self.is_certain)


def analyse(curve: Curve, x: Floats, y: Floats) -> Analysis:
    """Tell what a series did.

    Args:
        curve: the curve through it.
        x: positions, (T,), never decreasing, in the unit of the curve's axis.
        y: values, (T,); a point whose x or y is not finite is a gap.
    """
    known = np.isfinite(x) & np.isfinite(y)
    if curve.axis.log:
        known &= x > 0
    if not known.all():
        x, y = x[known], y[known]
    if distinct(x) < FEWEST:
        return Analysis(len(y))
    ends = float(x[0]), float(x[-1])
    lowest, highest = float(y.min()), float(y.max())
    if lowest == highest:
        flat = Piece(0, 1, 0, "constant", math.inf)
        return Analysis(len(y), segments=segments_of(curve, ends, [flat], x[[0, -1]]))
    if not LEAST_EXTENT < highest - lowest < 1 / LEAST_EXTENT:
        return Analysis(len(y))
    scatter = scatter_of(y)
    binned = Binned.of(curve, x, y)
    pieces = pieces_of(binned)
    correlation = binned.evidence.noise.correlation
    drift = is_drift(binned.still, correlation)
    if drift:
        last = len(binned.place) - 1
        pieces = [Piece(0, last, 0, "", pieces[0].strength, certain=False)]
    return Analysis(len(y), correlation, drift, segments_of(curve, ends, pieces, binned.x), scatter)
