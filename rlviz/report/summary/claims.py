"""What happened in a run, for somebody who was not there: moves, values, costs, losses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.report.history import History
from rlviz.report.series import curves
from rlviz.report.series.axis import choose
from rlviz.report.series.curves import Curve, Value
from rlviz.report.series.forecast import drawn_to
from rlviz.report.series.measures import Measure, default_measures, measure
from rlviz.report.statistics import Segment, analyse
from rlviz.report.statistics.analysis import FEWEST, LEAST_EXTENT
from rlviz.report.statistics.together import together
from rlviz.report.summary import facts
from rlviz.report.summary.findings import findings, p_text, statistics
from rlviz.report.summary.narrative import few_values, story
from rlviz.report.summary.places import Places
from rlviz.report.summary.result import Claim, Summary
from rlviz.report.summary.values_text import form_of

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
    told = _Telling(history)
    for name in _names(history, metrics):
        told.tell(measure(name, [history]))
    told.connection()
    told.forecast()
    told.not_recorded()
    return Summary(
        f"Run {Path(history.logdir).resolve().name}" if history.logdir else "Run",
        tuple(told.claims),
        facts.facts(history),
        facts.notes(history),
        tuple(told.unsure),
        told.groups,
        told.segments,
        tuple(told.statistics),
    )


def _names(history: History, metrics: Sequence[str] | None) -> list[str]:
    chosen = default_measures([history]) if metrics is None else metrics
    names = [chosen] if isinstance(chosen, str) else list(chosen)
    if not names:
        raise ValueError("metrics is empty, expected at least one name, such as 'accuracy'.")
    return list(dict.fromkeys(measure(name, [history]).name for name in names))


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
        self._x = self._axis.positions(history)
        known = self._x[np.isfinite(self._x)]
        self._places = Places(float(known[0]), float(known[-1]), self._axis.name == "flops")

    def tell(self, what: Measure) -> None:
        """What one metric did."""
        name, label = what.name, label_of(what)
        curve, values = self._curve(what), what.values(self._history)
        if curve is None or values is None:
            self.segments[name] = ()
            return
        x, y = curves.finite(self._x, values)
        found = analyse(curve, x, y)
        form = form_of(name, found.segments)
        self.segments[name] = found.segments
        rows: Sequence[tuple[str, str]] = ()
        if found.segments:
            told = story(label, form, self._places, curve, found)
            rows = findings(label, form, self._places, found)
            self.statistics.append(statistics(label, found))
            shown = _values(curve, x)
        else:
            recorded = np.isfinite(values)
            y, steps = values[recorded], self._history.step[recorded]
            told = few_values(label, form, _lack(x, y), y, steps)
            shown = {**_values(curve, x), "start": Value(float(y[0])), "end": Value(float(y[-1]))}
        self.claims.append(Claim(name, label, told, shown, tuple(rows)))
        if name == schema.ACCURACY:
            self._tell_groups()

    def _curve(self, what: Measure) -> Curve | None:
        """The curve that the figure draws; with too few points for a curve, the points."""
        values = what.values(self._history)
        if values is None:
            return None
        x, y = curves.finite(self._x, values)
        if not len(x):
            return None
        if len(np.unique(x)) >= FEWEST and np.ptp(y) < 1 / LEAST_EXTENT:
            return curves.curve_of(self._history, what, self._axis)
        return curves.joined(self._axis, x, y)

    def _tell_groups(self) -> None:
        """The values of each task family that had a graded answer."""
        for group in self._history.groups:
            what = measure(f"{schema.ACCURACY}/{group}", [self._history])
            curve, values = self._curve(what), what.values(self._history)
            if curve is not None and values is not None:
                self.groups[group] = _values(curve, curves.finite(self._x, values)[0])

    def forecast(self) -> None:
        """What twice the compute would bring, or as much as a forecast reaches, and the ceiling."""
        history = self._history
        if schema.ACCURACY not in self.segments or not history.has_compute_axis:
            return
        if np.isfinite(history.accuracy).sum() < FEWEST:
            return
        from rlviz.scaling.fitting import fit  # scipy.optimize is slow to load

        curve = fit(history.flops, history.accuracy)
        if not curve.identifiable:
            self.unsure.append(f"What more compute would bring: {curve.why_not}.")
            return
        times = drawn_to(curve)
        then = times * float(history.flops[np.isfinite(history.flops)][-1])
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
        x, history = self._x, self._history
        known = np.isfinite(x) & np.isfinite(history.accuracy) & np.isfinite(history.parallelism)
        x, first, second = x[known], history.accuracy[known], history.parallelism[known]
        if len(np.unique(x)) < FEWEST or not np.ptp(first) > 0:
            return
        if not 0 < np.ptp(second) < 1 / LEAST_EXTENT:
            return
        names = (schema.ACCURACY, schema.PARALLELISM)
        one, two = (curves.curve_of(history, measure(n, [history]), self._axis) for n in names)
        if one is None or two is None:
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
        return schema.QUANTITIES[what.name].words
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
