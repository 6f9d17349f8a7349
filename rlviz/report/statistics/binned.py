"""A series in bins, with the curve through it and what is known of its noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.curves import Curve
from rlviz.report.statistics.evidence import Evidence
from rlviz.report.statistics.jumps import Jump, jumps_of
from rlviz.report.statistics.noise import noise_of
from rlviz.smooth.bins import averaged, averaged_ties

Floats = NDArray[np.float64]

MOST = 200
"""Longer series are averaged into this many bins of equal count: what is told is wider than a bin,
and noise lasts for fewer bins the more steps a bin has."""
_LEAST_JUMP = 0.1
"""The height of the smallest jump, as a share of the curve's range."""
_SILENT = 1e-6
"""The least deviation of the noise, as a share of the extent of the values."""


@dataclass(frozen=True, slots=True)
class Binned:
    """A series in n bins, values in units of the curve's range.

    Attributes:
        x: the middle of each bin, in the unit of the axis, (n,).
        place: the same, as a share of the axis as drawn, (n,).
        curve: the curve at these places, (n,).
        still: the mean of each bin, without the jumps, (n,).
        jumps: of the series, in order.
        evidence: of the series. still_evidence: of the series without its jumps.
    """

    x: Floats
    place: Floats
    curve: Floats
    still: Floats
    jumps: list[Jump]
    evidence: Evidence
    still_evidence: Evidence

    @classmethod
    def of(cls, curve: Curve, x: Floats, y: Floats) -> "Binned":
        """The bins of finite points, (T,), at 20 distinct places at least."""
        places, means = averaged_ties(curve.axis.scaled(x), y)
        place, binned = averaged(places, means, MOST)
        at = curve.axis.unscaled(place)
        smooth = curve.values_at(at)[0]
        lowest, extent = float(y.min()), float(np.ptp(y))
        unit = float(np.ptp(smooth)) or extent
        series = (binned - lowest) / unit
        jumps, still = jumps_of(series, _LEAST_JUMP)
        noise = noise_of(still, _SILENT * extent / unit)
        evidence = Evidence(series, noise)
        return cls(
            at,
            (place - places[0]) / (places[-1] - places[0]),
            (smooth - lowest) / unit,
            still,
            jumps,
            evidence,
            Evidence(still, noise) if jumps else evidence,
        )
