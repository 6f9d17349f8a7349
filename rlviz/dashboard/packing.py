"""What of a run stands in a page that is a file: its series over several axes, in few bytes."""

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard import lines, payload
from rlviz.dashboard.lines import ScreenCurve
from rlviz.dashboard.means import Seed
from rlviz.dashboard.query import QueryError
from rlviz.dashboard.screen_series import screen_series
from rlviz.dashboard.series import View, points, view
from rlviz.report.history import History
from rlviz.report.series.thinning import Indices, thinned_for_screen
from rlviz.schema import AxisName

Floats = NDArray[np.float64]

_EVERYTHING = (-np.inf, np.inf)
_WIDTH, _HEIGHT = 600, 300
"""Pixels of the panel that the dots and curves are made for."""
_FLAT = 2e-4
"""How far a curve may be from its computed points, as a share of the panel's height."""
_BITS = 15
"""Of curves, bands and intervals: they are exact to 1 part in 2^15 of their value or their range,
whichever is less. Dots are exact."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An axis on which a metric is drawn."""

    metric: str
    x: AxisName
    log: bool


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A metric of a run on an axis, with all points."""

    view: View
    curve: ScreenCurve | None


class Packer:
    """A run, ready to be packed with more or fewer dots.

    Args:
        history: the run.
        places: what the file should have; it passes over what the run lacks.
        tell: called after each curve, which is what takes time.
    """

    def __init__(self, history: History, places: Sequence[Place], tell: Callable[[], None]) -> None:
        self._history = history
        self._drawn: dict[Place, _Drawn] = {}
        for place in places:
            drawn = _drawn(history, place)
            if drawn is not None:
                self._drawn[place] = drawn
            tell()

    def packed(self, places: Sequence[Place], most: int) -> str:
        """Some places as text in base 64.

        A metric shows the same steps on all its axes, those that the server would draw on any: most
        of their arrays are the same then, and stand in the file once.

        Args:
            places: which of them.
            most: how many dots each may keep.
        """
        drawn = {place: self._drawn[place] for place in places if place in self._drawn}
        rows = self._rows(drawn, most)
        pool = Pool()
        series = []
        for place, one in drawn.items():
            kept = np.flatnonzero(np.isin(one.view.rows, rows[place.metric]))
            header, arrays = screen_series(self._history, one.view, one.curve, kept)
            series.append(pool.entry(place, header, arrays))
        return compact(series, pool)

    def seed(self, name: str, place: Place) -> Seed | None:
        """The run by a name as one of a group; None if it has no points there."""
        one = self._drawn.get(place)
        if one is None or one.curve is None or one.curve.whole is None:
            return None
        return Seed(name, self._history, one.view.points, one.curve.whole)

    def height(self, place: Place) -> float:
        """How much of the metric's unit a panel shows of the run."""
        viewport = self._drawn[place].view.viewport
        return viewport.high - viewport.low

    def _rows(self, drawn: Mapping[Place, _Drawn], most: int) -> dict[str, Indices]:
        """Metric -> the steps of its dots: on the first axis those that the server draws there, on
        another also those that have no place on the first."""
        nothing = np.empty(0, dtype=np.int64)
        kept: dict[str, Indices] = {}
        placed: dict[tuple[str, bool], Indices] = {}
        for place, one in drawn.items():
            seen, key = one.view, (place.metric, place.log)
            before = placed.get(key, nothing)
            fresh = np.flatnonzero(~np.isin(seen.rows, before))
            dots = thinned_for_screen(seen.place[fresh], seen.y[fresh], seen.viewport, most)
            new = seen.rows[fresh][dots]
            kept[place.metric] = np.union1d(kept.get(place.metric, nothing), new)
            placed[key] = np.union1d(before, seen.rows)
        return kept


def _drawn(history: History, place: Place) -> _Drawn | None:
    try:
        found = points(history, place.metric, place.x, log=place.log)
    except QueryError:  # the run lacks the metric or the axis
        return None
    seen = view(found, _EVERYTHING, _EVERYTHING, _WIDTH, _HEIGHT)
    if not len(found.y):
        return _Drawn(seen, None)
    curve = lines.visible(lines.whole(history, found, lines.AUTO), seen)
    return _Drawn(seen, _straightened(curve, seen))


def _straightened(curve: ScreenCurve, seen: View) -> ScreenCurve:
    """The curve with fewer points: between two that are kept, straight lines are near enough."""
    if not len(curve.x):
        return curve
    place = seen.points.axis.scaled(curve.x)
    parts = [part for part in (curve.y, curve.low, curve.high) if part is not None]
    kept = flat(place, parts, seen.viewport.high - seen.viewport.low)

    def of(part: Floats | None) -> Floats | None:
        return None if part is None else part[kept]

    return replace(curve, x=curve.x[kept], y=curve.y[kept], low=of(curve.low), high=of(curve.high))


def flat(place: Floats, parts: Sequence[Floats], height: float) -> Indices:
    """Points that are enough for lines in a panel of some height, in the unit of the lines."""
    return bends(place, parts, _FLAT * height)


def bends(x: Floats, parts: Sequence[Floats], tolerance: float) -> Indices:
    """Points of lines such that straight lines between these are within a tolerance of the others.

    Args:
        x: (n,), never decreasing, n at least 1.
        parts: lines over x, each (n,).
        tolerance: in their unit.

    >>> bends(np.arange(5.0), [np.array([0.0, 1.0, 2.0, 1.0, 0.0])], 0.1)
    array([0, 2, 4])
    """
    kept = np.unique([0, len(x) - 1])
    while True:
        away = np.zeros(len(x))
        for part in parts:
            off = np.abs(part - np.interp(x, x[kept], part[kept]))
            np.maximum(away, np.nan_to_num(off, nan=0.0), out=away)
        away[kept] = 0.0
        starts = kept[:-1]
        if not len(starts) or not (np.maximum.reduceat(away, starts) > tolerance).any():
            return kept
        worst = [
            begin + int(np.argmax(away[begin:end]))
            for begin, end in pairwise(kept)
            if away[begin:end].max() > tolerance
        ]
        kept = np.unique(np.concatenate([kept, worst]))


def _rounded(name: str, array: Floats) -> Floats:
    """Curves, bands and intervals are rounded; the dots are not."""
    if name in ("low", "high", "curve", "curve_low", "curve_high"):
        return rounded(array)
    return array.astype(np.float32).astype(np.float64) if name == "curve_x" else array


def rounded(values: Floats) -> Floats:
    """Values of few digits, which compress well; NaN and infinities stay.

    >>> rounded(np.array([0.0, 1 / 3, 1.0]))
    array([0.        , 0.33333588, 1.        ])
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return values
    span = float(np.ptp(known)) or np.inf
    size = np.minimum(np.abs(np.where(np.isfinite(values), values, 0.0)), span)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.exp2(np.floor(np.log2(size)) - _BITS)
        return np.where(unit > 0, np.round(values / unit) * unit, values)


class Pool:
    """Arrays, each once."""

    def __init__(self) -> None:
        self.arrays: dict[str, Floats] = {}
        self._places: dict[bytes, int] = {}

    def add(self, array: Floats) -> int:
        """The number of the array."""
        key = array.tobytes()
        if key not in self._places:
            self._places[key] = len(self._places)
            self.arrays[str(self._places[key])] = array
        return self._places[key]

    def entry(
        self, place: Place, header: Mapping[str, Any], arrays: Mapping[str, Floats]
    ) -> dict[str, Any]:
        """What stands in a pack of a metric on an axis; its arrays are in the pool."""
        at = [(name, self.add(_rounded(name, array))) for name, array in arrays.items()]
        key = {"metric": place.metric, "x": place.x, "log": int(place.log)}
        return {**key, "header": dict(header), "arrays": at}


def compact(series: Sequence[Mapping[str, Any]], pool: Pool) -> str:
    """Entries and their pool as text in base 64."""
    encoded = payload.encode({"series": list(series)}, pool.arrays)
    return base64.b64encode(zlib.compress(_in_planes(encoded), 9)).decode()


def _in_planes(encoded: bytes) -> bytes:
    """The numbers byte by byte, all first bytes first: neighbors are alike then, and compress."""
    begin = 4 + int.from_bytes(encoded[:4], "little")
    numbers = np.frombuffer(encoded, np.uint8, offset=begin).reshape(-1, 8)
    return encoded[:begin] + numbers.T.tobytes()
