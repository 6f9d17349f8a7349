"""The answers to the page's requests, as bytes: runs, series, forecasts, figures, tables."""

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from rlviz import schema
from rlviz.dashboard import lines, payload, query
from rlviz.dashboard.cache import Cache
from rlviz.dashboard.catalog import Catalog, Run
from rlviz.dashboard.grouping import prefix_of
from rlviz.dashboard.lines import ScreenCurve
from rlviz.dashboard.means import Seed, mean
from rlviz.dashboard.query import Arguments, QueryError
from rlviz.dashboard.screen_series import screen_series
from rlviz.dashboard.series import MetricPoints, points, view
from rlviz.dashboard.turns import Counter, Locks
from rlviz.report.history import History
from rlviz.report.series.thinning import MOST_DOTS, thinned_for_screen
from rlviz.schema import AxisName

_JSON = "application/json"
_BINARY = "application/octet-stream"
_TYPES = {"svg": "image/svg+xml", "png": "image/png", "pdf": "application/pdf", "csv": "text/csv"}
_CACHE_BYTES = 256 << 20
_PIXELS = (1, 10_000)
_MOST_OF_A_GROUP, _MOST_COMPARED = 1000, 100
"""Runs of one group that have a mean, and of all groups of a comparison, whose curves are drawn
500 times."""
_MOST_RUNS = 16
"""Runs whose series come in one answer."""
_IN_LINE, _RETRY_SECONDS = 4, 5
"""Downloads, or comparisons, asked for at the same time, and when others may ask again."""
_AXES: tuple[AxisName, ...] = tuple(schema.AXES)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to the page."""

    content: bytes
    content_type: str
    tag: str = ""
    """Its ETag, for answers that the page requests repeatedly."""
    file_name: str = ""
    """The file name to save it under; such an answer is never shown."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a request for series asks of each of its runs."""

    metric: str
    x: AxisName
    log: bool
    smooth: str
    limits: tuple[float, float]
    heights: tuple[float, float]
    size: tuple[int, int]
    most: int

    @staticmethod
    def of(arguments: Arguments) -> "_Wanted":
        """
        Raises:
            QueryError: a parameter is missing or wrong.
        """
        x = query.choice(arguments, "x", _AXES, _AXES[0])
        log = query.flag(arguments, "log")
        smooth = arguments.get("smooth", lines.AUTO)
        lines.ema_weight(smooth)  # raises before anything is read
        limits = query.interval(arguments, ("from", "to"))
        heights = query.interval(arguments, ("low", "high"))
        size = query.size(arguments, (600, 300), _PIXELS)
        most = query.whole(arguments, "dots", MOST_DOTS, (100, MOST_DOTS))
        query.text(arguments, "metric")
        metric, *_ = query.metrics(arguments)
        return _Wanted(metric, x, log, smooth, limits, heights, size, most)


class Answers:
    """Answers every route except the assets; any thread may ask.

    Args:
        catalog: the runs.
        server: identifies this process among others.
    """

    def __init__(self, catalog: Catalog, *, server: str) -> None:
        self._catalog = catalog
        self._server = server
        self._points: Cache[MetricPoints] = Cache(_CACHE_BYTES, lambda found: found.nbytes)
        self._lines: Cache[ScreenCurve] = Cache(_CACHE_BYTES, lambda found: found.nbytes)
        self._forecasts: Cache[bytes] = Cache(_CACHE_BYTES, len)
        self._compared: Cache[bytes] = Cache(_CACHE_BYTES, len)
        # The series of one run follow each other: its metrics share what was read, and threads
        # would pass the GIL back and forth. No run waits for another.
        self._turns = Locks()
        self._comparisons = Counter(
            _IN_LINE, "comparisons are made one at a time", retry_seconds=_RETRY_SECONDS
        )
        self._downloads = Counter(
            _IN_LINE, "downloads are made one at a time", retry_seconds=_RETRY_SECONDS
        )

    def runs(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """Every run: how far it got and what it has."""
        found = self._catalog.refresh(context, experiment)
        listed = [
            {
                "name": run.name,
                "version": run.version,
                **run.listing,
                "prefix": prefix_of(run.name),
            }
            for run in found
        ]
        content = _json({"runs": listed, "unread": self._catalog.unread, "server": self._server})
        return Answer(content, _JSON, tag=hashlib.sha256(content).hexdigest()[:24])

    def told(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """What the script of every run said: its configuration, and whether it is done."""
        found = self._catalog.told(context, experiment)
        content = _json({name: told.plain() for name, told in found.items()})
        return Answer(content, _JSON, tag=hashlib.sha256(content).hexdigest()[:24])

    def series(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """The visible points and curve of one metric, of one run or of several.

        Of several runs each has the answer that it would have alone, or an error and its code;
        their lengths in bytes stand before them, in the order of the runs.
        """
        wanted = _Wanted.of(arguments)
        names = query.texts(arguments, "run", _MOST_RUNS)
        if len(names) == 1:
            return Answer(self._series(context, experiment, names[0], wanted), _BINARY)
        parts = []
        for name in names:
            try:
                parts.append(self._series(context, experiment, name, wanted))
            except QueryError as error:
                parts.append(payload.encode({"error": str(error), "status": error.code}, {}))
        head = payload.encode({"sizes": [len(part) for part in parts]}, {})
        return Answer(b"".join([head, *parts]), _BINARY)

    def _series(self, context: Any, experiment: str, name: str, wanted: "_Wanted") -> bytes:
        run, history = self._run(context, experiment, name)
        metric, x, log = wanted.metric, wanted.x, wanted.log
        with self._turns.of(run.name):
            found = self._points_of(run, history, metric, x, log)
            seen = view(found, wanted.limits, wanted.heights, *wanted.size)
            curve = None
            if wanted.smooth != lines.NONE and len(found.y):
                curve = lines.visible(self._line(run, history, found, wanted.smooth), seen)
            kept = thinned_for_screen(seen.place, seen.y, seen.viewport, wanted.most)
            header, arrays = screen_series(history, seen, curve, kept)
            return payload.encode({"version": run.version, **header}, arrays)

    def curve(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """The curve of a group of runs: the mean over those that have the metric and the axis; an
        error and its code where they have none."""
        x = query.choice(arguments, "x", _AXES, _AXES[0])
        log = query.flag(arguments, "log")
        query.text(arguments, "metric")
        metric, *_ = query.metrics(arguments)
        seeds = []
        for name in query.texts(arguments, "run", _MOST_OF_A_GROUP):
            run, history = self._run(context, experiment, name)
            with self._turns.of(name):
                try:
                    found = self._points_of(run, history, metric, x, log)
                except QueryError:  # it lacks the metric or the axis
                    continue
                if len(found.y) and (line := self._line(run, history, found, lines.AUTO)).whole:
                    seeds.append(Seed(name, history, found, line.whole))
        try:
            of_group = mean(seeds)
        except QueryError as error:  # no mistake of who asked: an answer, and none to repeat
            return Answer(payload.encode({"error": str(error), "status": error.code}, {}), _BINARY)
        return Answer(payload.encode(of_group.header(), of_group.arrays()), _BINARY)

    def comparison(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """What groups of runs spent for the same level, compared with one of them."""
        query.text(arguments, "metric")
        metric, *_ = query.metrics(arguments)
        asked = query.parts(arguments, "group", "count", "run", _MOST_COMPARED)
        reference = query.choice(arguments, "reference", tuple(asked), next(iter(asked)))
        found = {
            name: [self._run(context, experiment, run) for run in runs]
            for name, runs in asked.items()
        }
        versions = tuple((name, *(run.version for run, _ in runs)) for name, runs in found.items())

        def compute() -> bytes:
            from rlviz.dashboard.comparisons import compared  # loads matplotlib
            from rlviz.report.series.groups import Group

            groups = [
                Group(name, tuple(history for _, history in runs)) for name, runs in found.items()
            ]
            return _json(compared(groups, metric, [reference]))

        with self._comparisons.turn():
            key = (metric, reference, versions)
            return Answer(self._compared.computed(key, compute), _JSON)

    def forecast(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """Where a run's accuracy would go with twice the compute."""
        run, history = self._run(context, experiment, query.text(arguments, "run"))

        def compute() -> bytes:
            from rlviz.dashboard.forecasts import forecast  # loads scipy

            return _json({"version": run.version, **forecast(history)})

        with self._turns.of(run.name):
            return Answer(self._forecasts.computed(run.version, compute), _JSON)

    def figure(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """rlviz's own figure of one or several runs, as a download."""
        from rlviz.dashboard import downloads

        format = query.choice(arguments, "format", ("svg", "pdf", "png"), "svg")
        x = query.choice(arguments, "x", _AXES, _AXES[0])
        log = query.flag(arguments, "log")
        forecast = query.flag(arguments, "forecast")
        metrics = query.metrics(arguments)
        names = query.texts(arguments, "run", downloads.MOST_RUNS)
        smooth = arguments.get("smooth", lines.AUTO)
        weight = lines.ema_weight(smooth)
        low, high = query.interval(arguments, ("from", "to"))
        heights = query.limits_of_each(arguments, "height")
        logs = query.texts(arguments, "logy", len(metrics)) if "logy" in arguments else []
        looks = downloads.Looks(
            xlim=(low if math.isfinite(low) else None, high if math.isfinite(high) else None),
            ylim=dict(zip(metrics, heights, strict=False)),
            log_y=[name for name in logs if name in metrics],
            dots=arguments.get("dots", "1") != "0",
            colors=query.colors(arguments, "color", downloads.MOST_RUNS) or None,
            smooth="none" if smooth == lines.NONE else "auto" if weight is None else weight,
        )
        with self._downloads.turn():
            content = downloads.figure(
                {name: self._run(context, experiment, name)[1] for name in names},
                x=x,
                metrics=metrics,
                log_x=log,
                forecast=forecast,
                format=format,
                looks=looks,
            )
        return Answer(content, _TYPES[format], file_name=downloads.file_name(names, format))

    def rows(self, context: Any, experiment: str, arguments: Arguments) -> Answer:
        """A run's table, as a download."""
        from rlviz.dashboard import downloads

        format = query.choice(arguments, "format", ("csv",), "csv")
        x = query.choice(arguments, "x", _AXES, _AXES[0])
        limits = query.interval(arguments, ("from", "to"))
        name = query.text(arguments, "run")
        with self._downloads.turn():
            content = downloads.table(self._run(context, experiment, name)[1], x, limits)
        return Answer(content, _TYPES[format], file_name=downloads.file_name([name], format))

    def _points_of(
        self, run: Run, history: History, metric: str, x: AxisName, log: bool
    ) -> MetricPoints:
        key = (run.version, metric, x, log)
        return self._points.computed(key, lambda: points(history, metric, x, log=log))

    def _line(self, run: Run, history: History, found: MetricPoints, smooth: str) -> ScreenCurve:
        key = (run.version, found.measure.name, found.axis.name, found.axis.log, smooth)
        return self._lines.computed(key, lambda: lines.whole(history, found, smooth))

    def _run(self, context: Any, experiment: str, name: str) -> tuple[Run, History]:
        found = self._catalog.get(context, experiment, name)
        if found is None:
            raise QueryError(f"there is no run {query.shown(name)}.", 404)
        if not len(found[1]):
            raise QueryError(f"the run {query.shown(name)} has no steps that can be read.", 404)
        return found


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
