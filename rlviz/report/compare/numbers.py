"""Numbers of a comparison as text, with their intervals."""

import math
import re

from rlviz import wording
from rlviz.report.compare.estimate import Estimate
from rlviz.report.series.measures import Measure

_MOST_DECIMALS = 9
_PLUS = re.compile(r"(?<!e)\+")


def value(what: Measure, e: Estimate) -> str:
    """A value of the measure with its interval; of a share, within [0, 1]."""
    if what.scale == "percent":  # an interval over seeds may leave [0, 1]
        middle, low, high = (100 * min(max(part, 0.0), 1.0) for part in (e.value, e.low, e.high))
        return f"{middle:.1f} % [{low:.1f}, {high:.1f}]"
    return f"{e.value:.3g} [{e.low:.3g}, {e.high:.3g}]"


def difference(what: Measure, e: Estimate) -> str:
    """A difference with its interval and signs: of two shares in percentage points."""
    if what.scale == "percent":
        return _around(_times(e, 100), 0.0, 1, sign="+", unit=" points")
    size = max(abs(e.value), abs(e.low), abs(e.high))
    decimals = max(0, 2 - math.floor(math.log10(size))) if 0 < size < math.inf else 0
    if decimals > _MOST_DECIMALS or size >= 1e6:
        return f"{e.value:+.3g} [{e.low:+.3g}, {e.high:+.3g}]"
    return _around(e, 0.0, decimals, sign="+")


def distance(what: Measure, e: Estimate) -> str:
    """A difference without signs, as "by" needs it.

    >>> from rlviz.report.series.measures import measure
    >>> distance(measure("accuracy", []), Estimate(-0.02, -0.03, -0.01))
    '2.0 points [1.0, 3.0]'
    """
    if e.value < 0:
        e = Estimate(-e.value, -e.high, -e.low)
    return _PLUS.sub("", difference(what, e))


def level(what: Measure, at: float) -> str:
    return f"{100 * at:.4g} %" if what.scale == "percent" else f"{at:.6g}"


def flops(e: Estimate | None) -> str:
    """Compute with its interval; "–" where it is unknown."""
    if e is None:
        return "–"
    middle, low, high = (amount(part) for part in (e.value, e.low, e.high))
    return f"{middle} [{low}, {high}]"


def amount(compute: float) -> str:
    return wording.flops(round(compute))


def times(e: Estimate | None) -> str:
    """A multiplier with its interval; "–" where it is unknown.

    >>> times(Estimate(1.1, 1.004, 1.2)), times(Estimate(2.0, 1.5, 2.6))
    ('1.100 [1.004, 1.200]', '2.00 [1.50, 2.60]')
    """
    return "–" if e is None else _around(e, 1.0, 2)


def _times(e: Estimate, factor: float) -> Estimate:
    return Estimate(factor * e.value, factor * e.low, factor * e.high)


def _around(e: Estimate, none: float, decimals: int, *, sign: str = "", unit: str = "") -> str:
    """The numbers with as many decimals as it takes that a reader sees on which side of "no
    difference" the ends of the interval are."""
    ends = [end for end in (e.low, e.high) if math.isfinite(end) and end != none]
    while decimals < _MOST_DECIMALS and any(round(end - none, decimals) == 0 for end in ends):
        decimals += 1
    form = f"{sign}.{decimals}f"
    middle = 0.0 if round(e.value, decimals) == 0 else e.value  # no "-0.0"
    return f"{middle:{form}}{unit} [{e.low:{form}}, {e.high:{form}}]"
