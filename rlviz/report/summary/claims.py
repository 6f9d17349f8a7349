"""What happened in a run, for somebody who was not there: moves, values, costs, losses."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.given import names
from rlviz.report.history import History
from rlviz.report.history.run_account import account_of
from rlviz.report.series import curves
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import Curve, Value
from rlviz.report.series.defaults import default_measures
from rlviz.report.series.forecast import drawn_to
from rlviz.report.series.measures import Measure, measure
from rlviz.report.series.points import Points, points_of
from rlviz.report.statistics import Segment, analyse
from rlviz.report.statistics.analysis import FEWEST, LEAST_EXTENT
from rlviz.report.statistics.together import together
from rlviz.report.summary import facts
from rlviz.report.summary.findings import findings, p_text, statistics
from rlviz.report.summary.narrative import few_values, story
from rlviz.report.summary.places import Places
from rlviz.report.summary.result import Claim, Summary
from rlviz.report.summary.values_text import form_of
from rlviz.smooth.long_series import distinct

Floats = NDArray[np.float64]


def summarise(history: History, *, metrics: Sequence[str] | None = None) -> Summary:
    """Sum up a run: what its curves did, what it cost, what is not known, and what was lost.

    Places along the run are cumulative RL FLOPs, or steps if a run has no such axis. Values come
    from the figure's curve, ± half the width of its band, and all that is told of a metric is read
    off its segments, see `rlviz.report.statistics`. With fewer than 20 points the summary has only
    the recorded values.

    Args:
        history: the run.
        metrics: what to tell of: "accuracy", "average_parallelism", "accuracy/<group>" or a group's
            name, a metric's name, or the name of any column. The default are those that the figure
            shows.

    Raises:
        TypeError: it is not a `History`.
        ValueError: the run has no metric of such a name, or `metrics` is empty.

    Example:
        >>> import numpy as np
        >>> run = History({"step": np.array([1.0, 2.0]), "correct": np.array([1.0, 3.0]),
        ...                "graded": np.array([4.0, 4.0])}, logdir="runs/a")
        >>> summarise(run).claims[0].values["end"].value
        0.75
    """
    if not isinstance(history, History):
        raise TypeError(
            f"summarise() takes a run, got {type(history).__name__}. Read it first: "
            "rlviz.summarise(rlviz.read(logdir))."
        )
    account = account_of(history)  # before the axis, which needs the FLOPs
    told = _Telling(history)
    for name in _names(history, metrics):
        told.tell(measure(name, [history]))
    told.connection()
    told.forecast()
    told.not_recorded()
    return Summary(
        f"Run {Path(history.logdir).resolve().name}" if history.logdir else "Run",
        tuple(told.claims),
        facts.facts(history, account),
        facts.notes(history, account),
        tuple(told.unsure),
        told.groups,
        told.segments,
        tuple(told.statistics),
    )


def _names(history: History, metrics: Sequence[str] | None) -> list[str]:
    chosen = default_measures([history]) if metrics is None else metrics
    asked = names("metrics", chosen)
    return list(dict.fromkeys(measure(name, [history]).name for name in asked))


class _Telling:
    """Takes down what there is to say of one run."""

    def __init__(self, history: History) -> None:
        self.claims: list[Claim] = []
        self.segments: dict[str, tuple[Segment, ...]] = {}
        self.groups: dict[str, dict[str, Value]] = {}
        self.statistics: list[str] = []
        self.unsure: list[str] = []
        self._history = history
        self._axis = choose("flops", [history])
        self._known: dict[str, Points | None] = {}
        self._curves: dict[str, Curve] = {}
        self._x = x = self._axis.positions(history)
        known = np.isfinite(x)
        first, last = x[known.argmax()], x[len(x) - 1 - known[::-1].argmax()]
        self._places = Places(float(first), float(last), self._axis.name == "flops")

    def tell(self, what: Measure) -> None:
        """What one metric did."""
        name, label = what.name, label_of(what)
        points, curve = self._points(what), self._curve(what)
        if points is None or curve is None:
            self.segments[name] = ()
            return
        found = analyse(curve, points.x, points.y)
        form = form_of(name, found.segments)
        self.segments[name] = found.segments
        rows: Sequence[tuple[str, str]] = ()
        shown = _values(curve, points.x)
        if found.segments:
            told = story(label, form, self._places, curve, found)
            rows = findings(label, form, self._places, found)
            self.statistics.append(statistics(label, found))
        else:
            y, steps = self._recorded(what)
            told = few_values(label, form, _lack(points.x, y), y, steps)
            shown |= {"start": Value(float(y[0])), "end": Value(float(y[-1]))}
        self.claims.append(Claim(name, label, told, shown, tuple(rows)))
        if name == schema.ACCURACY:
            self._tell_groups()

    def _recorded(self, what: Measure) -> tuple[Floats, NDArray[np.int64]]:
        """All values of a metric, also those without a place on the axis, and their steps."""
        values = what.values(self._history)
        assert values is not None  # it has points
        known = np.isfinite(values)
        return values[known], self._history.step[known]

    def _points(self, what: Measure) -> Points | None:
        if what.name not in self._known:
            self._known[what.name] = points_of(self._history, what, self._axis, self._x)
        return self._known[what.name]

    def _curve(self, what: Measure) -> Curve | None:
        """The curve that the figure draws; with too few points for a curve, the points."""
        points = self._points(what)
        if points is None:
            return None
        if what.name not in self._curves:
            enough = distinct(points.x) >= FEWEST and np.ptp(points.y) < 1 / LEAST_EXTENT
            self._curves[what.name] = (
                curves.curve_through(points, self._axis)
                if enough
                else curves.joined(self._axis, points.x, points.y)
            )
            # Of a long run it takes much memory, and only the curve needs it.
            self._known[what.name] = replace(points, variance=None)
        return self._curves[what.name]

    def _tell_groups(self) -> None:
        """The values of each task family that had a graded answer."""
        for group in self._history.groups:
            what = measure(f"{schema.ACCURACY}/{group}", [self._history])
            points, curve = self._points(what), self._curve(what)
            if points is not None and curve is not None:
                self.groups[group] = _values(curve, points.x)

    def forecast(self) -> None:
        """What twice the compute would bring, or as much as a forecast reaches, and the ceiling."""
        history = self._history
        if schema.ACCURACY not in self.segments or not history.has_compute_axis:
            return
        points = self._points(measure(schema.ACCURACY, [history]))
        if points is None or len(points.x) < FEWEST:
            return
        from rlviz.scaling.fitting import fit  # scipy.optimize is slow to load

        curve = fit(points.x, points.y)
        if not curve.identifiable:
            self.unsure.append(f"What more compute would bring: {curve.why_not}.")
            return
        times = drawn_to(curve)
        then = times * self._places.last
        low, high = curve.predict_interval(then)
        told = (
            f"With {'twice' if times == 2 else f'{times:.1f} times'} the compute the training "
            f"accuracy would be {100 * curve.predict(then):.1f} % (95 %: {100 * low:.1f} to "
            f"{100 * high:.1f} %)"
        )
        if curve.has_ceiling:
            least, most = curve.ceiling_interval
            told += (
                f", under a ceiling of {100 * curve.A:.1f} % ({100 * least:.1f} to "
                f"{100 * most:.1f} %)"
            )
        else:
            self.unsure.append(f"The ceiling of the training accuracy: {curve.why_no_ceiling}.")
        self.claims.append(Claim("forecast", "Forecast", f"{told}.", {}))

    def connection(self) -> None:
        """Whether accuracy and parallelism move together, beyond the fact that both change along
        the run."""
        if not {schema.ACCURACY, schema.PARALLELISM} <= self.segments.keys():
            return
        history = self._history
        both = [measure(name, [history]) for name in (schema.ACCURACY, schema.PARALLELISM)]
        one, two = map(self._curve, both)
        if one is None or two is None:
            return
        x, first, second = self._shared(*both)
        if distinct(x) < FEWEST or not np.ptp(first) > 0:
            return
        if not 0 < np.ptp(second) < 1 / LEAST_EXTENT:
            return
        found = together((one, two), x, first, second)
        self.statistics.append(
            f"Accuracy and parallelism: correlation {found.correlation:.2f} around their curves "
            f"({p_text(found.p_around)}; of the changes from step to step, "
            f"{p_text(found.p_changes)})"
        )
        if not found.is_claimed:
            self.unsure.append(
                "Whether accuracy and parallelism depend on each other: both change along the run, "
                "but around their curves they show no sure connection."
            )
            return
        side = "above" if found.correlation > 0 else "below"
        told = (
            "Accuracy and parallelism go "
            f"{'together' if found.correlation > 0 else 'against each other'}: a step above the "
            f"curve of the one tends to be {side} that of the other (correlation "
            f"{found.correlation:.2f})."
        )
        self.claims.append(Claim("connection", "Connection", told, {}))

    def _shared(self, one: Measure, two: Measure) -> tuple[Floats, Floats, Floats]:
        """The positions of the steps that are points of two metrics, and their values."""
        first, second = self._points(one), self._points(two)
        assert first is not None  # they have curves
        assert second is not None
        if len(first.x) == len(second.x) == len(self._x):
            return self._x, first.y, second.y
        a, b = one.values(self._history), two.values(self._history)
        assert a is not None
        assert b is not None
        known = np.isfinite(self._x) & np.isfinite(a) & np.isfinite(b)
        return self._x[known], a[known], b[known]

    def not_recorded(self) -> None:
        """Which of what was asked for, and of what every run should have, it lacks."""
        told = {claim.name for claim in self.claims}
        core = [known.name for known in self._history.quantities if known.is_core]
        for name in dict.fromkeys([*self.segments, *core]):
            what = measure(name, [self._history])
            if name not in told and self._curve(what) is None:
                self.unsure.append(f"{label_of(what)} was not recorded.")


def label_of(what: Measure) -> str:
    """The name of a metric at the beginning of a sentence."""
    if what.name in schema.QUANTITIES:
        known = schema.QUANTITIES[what.name]
        return known.words + what.label.removeprefix(known.label)  # with a unit, where it says one
    first, _, group = what.name.partition("/")
    if first == schema.ACCURACY and what.scale == "percent":
        return f"Accuracy of {group}"
    return what.name.capitalize() if what.name.isalpha() and what.name.islower() else what.name


def _lack(x: Floats, y: Floats) -> str:
    """What keeps a metric from being told, as a clause."""
    places = len(np.unique(x))
    if len(y) < FEWEST:
        lack = f"has only {wording.counted(len(y), 'value')}"
    elif places < FEWEST:
        lack = f"has values at only {wording.counted(places, 'place')} of the axis"
    else:
        return "has values too large or too close to each other to be compared"
    return f"{lack}, too few to tell a change from chance"


def _values(curve: Curve, x: Floats) -> dict[str, Value]:
    middle = float(x[0]) + 0.5 * float(x[-1] - x[0])
    if not curve.is_smooth:  # points without a curve: take the nearest
        middle = float(x[np.abs(x - middle).argmin()])
    return {"start": curve.at(x[0]), "middle": curve.at(middle), "end": curve.at(x[-1])}
