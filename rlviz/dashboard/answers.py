"""The answers to the page's requests, as bytes: runs, series, forecasts, figures, tables."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz.dashboard import lines, payload, query
from rlviz.dashboard.cache import Cache
from rlviz.dashboard.lines import Line
from rlviz.dashboard.query import Arguments, QueryError
from rlviz.dashboard.rows import Source
from rlviz.dashboard.series import Points, View, points, view
from rlviz.dashboard.store import Run, Store
from rlviz.dashboard.thinning import dots

_JSON = "application/json"
_BINARY = "application/octet-stream"
_CACHE_BYTES = 256 << 20
_MOST_PIXELS = 10_000
_AXES = ("flops", "step", "wall_time", "tokens")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out."""

    content: bytes
    content_type: str
    tag: str = ""
    """Its ETag, where it is asked for again and again."""
    file_name: str = ""
    """Where it is to be saved rather than shown."""


class Answers:
    """Answers every route but the assets; any thread may ask.

    Args:
        provider: TensorBoard's data provider.
        server: what tells this process from others.
        sampling_hint: see `Store`.
    """

    def __init__(self, provider: Any, *, server: str, sampling_hint: int | None = None) -> None:
        self._store = Store(Source(provider), sampling_hint=sampling_hint)
        self._server = server
        self._points: Cache[Points] = Cache(_CACHE_BYTES, lambda found: found.nbytes)
        self._lines: Cache[Line] = Cache(_CACHE_BYTES, lambda found: found.nbytes)

    def runs(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """Every run: how far it is and what it has."""
        found = self._store.refresh(context, experiment)
        listed = [{"name": run.name, "version": run.version, **run.listing} for run in found]
        content = _json({"runs": listed, "unread": self._store.unread, "server": self._server})
        return Answer(content, _JSON, tag=f'"{hashlib.sha256(content).hexdigest()[:24]}"')

    def series(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """The points and the curve of one metric of one run."""
        x = query.choice(arguments, "x", _AXES, "flops")
        log = query.flag(arguments, "log")
        smooth = arguments.get("smooth", lines.AUTO)
        lines.ema_weight(smooth)
        limits = query.interval(arguments, ("from", "to"))
        heights = query.interval(arguments, ("low", "high"))
        width = query.whole(arguments, "width", 600, _MOST_PIXELS)
        height = query.whole(arguments, "height", 300, _MOST_PIXELS)
        metric = query.text(arguments, "metric")
        run = self._run(context, experiment, query.text(arguments, "run"))
        key = (run.version, metric, x, log)
        found = self._points.computed(key, lambda: points(run.history, metric, x, log=log))
        seen = view(found, limits, heights, width, height)
        curve = self._lines.get((*key, smooth))
        if curve is None:
            curve = lines.whole(found, smooth)
            if curve is not None:
                self._lines.put((*key, smooth), curve)
        return Answer(_series(run, seen, None if curve is None else lines.visible(curve, seen)), _BINARY)

    def _run(self, context: Any, experiment: str, name: str) -> Run:
        run = self._store.get(context, experiment, name)
        if run is None:
            raise QueryError(f"there is no run {query.shown(name)}.", 404)
        return run


def _series(run: Run, seen: View, curve: Line | None) -> bytes:
    found = seen.points
    y = found.y[seen.part]
    kept = dots(found.place[seen.part], y, seen.panel)
    rows = found.rows[seen.part][kept]
    arrays: dict[str, NDArray[Any]] = {
        "x": found.x[seen.part][kept],
        "y": y[kept],
        "step": run.history.columns["step"][rows],
    }
    interval = seen.interval(run.history, rows)
    if interval is not None:
        arrays["low"], arrays["high"] = interval
    if curve is not None:
        arrays["curve_x"], arrays["curve"] = curve.x, curve.y
        if curve.low is not None and curve.high is not None:
            arrays["curve_low"], arrays["curve_high"] = curve.low, curve.high
    header: Mapping[str, Any] = {
        "version": run.version,
        "total": len(y),
        "shown": len(kept),
        "thinned": len(kept) < len(y),
        "domain": found.domain,
        "range": (float(np.min(y)), float(np.max(y))) if len(y) else None,
        "bandwidth": None if curve is None else curve.bandwidth,
        "label": found.measure.label,
        "scale": found.measure.scale,
        "x_label": found.axis.label,
        "x_unit": found.axis.unit,
        "bandwidth_unit": found.axis.scaled_unit,
    }
    return payload.encode(header, arrays)


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
