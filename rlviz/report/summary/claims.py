"""What happened in a run, for somebody who was not there: claims, values, costs, losses."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.report.history import History
from rlviz.report.series import curves
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.curves import Curve, Value
from rlviz.report.series.forecast import drawn_to
from rlviz.report.series.measures import Measure, default_measures, measure
from rlviz.report.statistics.analysis import FEWEST, LEAST_EXTENT, analyse
from rlviz.report.statistics.together import together
from rlviz.report.summary import facts
from rlviz.report.summary.narrative import Axis, p_text, sentence
from rlviz.report.summary.result import Claim, Summary
from rlviz.report.summary.values_text import form_of

Floats = NDArray[np.float64]


def summarise(history: History) -> Summary:
    """Sum up a run: what its curves did, what it cost, what can't be concluded, and what was lost.

    Places along the run are cumulative RL FLOPs, or steps if a run has no such axis. Values come
    from the figure's curve, ± half the width of its band; `rlviz.report.statistics` tests the
    claims. With fewer than 20 points the summary has only the recorded values.

    Raises:
        TypeError: it is not a `History`.

    Example:
        >>> import numpy as np
        >>> run = History({"step": np.array([1.0, 2.0]), "correct": np.array([1.0, 3.0]),
        ...                "graded": np.array([4.0, 4.0])}, logdir="runs/a")
        >>> summarise(run).claims[0].sentence
        'Training accuracy went from 25.0 % to 75.0 %.'
    """
    if not isinstance(history, History):
        raise TypeError(
            f"summarise() takes a run, got {type(history).__name__}. Read it first: "
            "rlviz.summarise(rlviz.read(logdir))."
        )
    over = choose("flops", [history])
    names = [known.name for known in history.quantities]
    # As in the figure if there is no accuracy.
    names += [name for name in default_measures([history]) if name in history.metrics]
    unsure: list[str] = []
    claims = [_claim(measure(name, [history]), history, over, unsure) for name in names]
    claims.sort(key=lambda claim: not claim.values)  # recorded measures first
    claims += _forecast(history, unsure)
    claims += _connection(history, over, unsure)
    return Summary(
        f"Run {Path(history.logdir).resolve().name}" if history.logdir else "Run",
        tuple(claims),
        facts.facts(history),
        facts.notes(history),
        tuple(unsure),
        _groups(history, over),
    )


def _claim(what: Measure, history: History, over: XAxis, unsure: list[str]) -> Claim:
    name = what.name
    label = name.capitalize() if name.isalpha() and name.islower() else name
    if name in schema.QUANTITIES:
        label = schema.QUANTITIES[name].words
    curve = _curve(what, history, over)
    if curve is None:
        return Claim(name, label, f"{label} was not recorded.", {})
    values = what.values(history)
    assert values is not None  # without values there is no curve
    x, y = curves.finite(over.positions(history), values)
    form, axis, found = form_of(name), _axis(history, x), analyse(curve, x, y)
    if len(y) < FEWEST:
        points = wording.counted(len(y), "point")
        unsure.append(f"{label}: {points} are too few to tell a change from chance.")
    told = sentence(label, form, axis, curve, found)
    return Claim(name, label, told, _values(curve, x))


def _curve(what: Measure, history: History, over: XAxis) -> Curve | None:
    """The curve that the figure draws; with too few points for a curve, the points."""
    values = what.values(history)
    if values is None:
        return None
    x, y = curves.finite(over.positions(history), values)
    if not len(x):
        return None
    if len(np.unique(x)) >= FEWEST and LEAST_EXTENT < np.ptp(y) < 1 / LEAST_EXTENT:
        return curves.curve_of(history, what, over)
    return curves.joined(over, x, y)


def _groups(history: History, over: XAxis) -> dict[str, dict[str, Value]]:
    """The values of each task family that had a graded answer."""
    found = {}
    for group in history.groups:
        what = measure(f"{schema.ACCURACY}/{group}", [history])
        curve = _curve(what, history, over)
        if curve is not None:
            found[group] = _values(curve, curve.x)
    return found


def _values(curve: Curve, x: Floats) -> dict[str, Value]:
    middle = float(x[0]) + 0.5 * float(x[-1] - x[0])
    if not curve.is_smooth:  # points without a curve: take the nearest
        middle = float(x[np.abs(x - middle).argmin()])
    return {"start": curve.at(x[0]), "middle": curve.at(middle), "end": curve.at(x[-1])}


def _axis(history: History, x: Floats) -> Axis:
    start, extent = float(x[0]), float(x[-1] - x[0])
    if history.has_compute_axis:
        return Axis(start, extent, _compute, "the compute")
    return Axis(start, extent, _steps, "the steps")


def _compute(*places: float) -> str:
    return f"{' to '.join(wording.flops(int(at)) for at in places)} RL FLOPs"


def _steps(*places: float) -> str:
    return f"step{'s' * (len(places) > 1)} {' to '.join(f'{at:.0f}' for at in places)}"


def _forecast(history: History, unsure: list[str]) -> list[Claim]:
    """What twice the compute would bring, or as much as a forecast reaches, and the ceiling."""
    if not history.has_compute_axis or np.isfinite(history.accuracy).sum() < FEWEST:
        return []
    from rlviz.scaling.fitting import fit  # scipy.optimize is slow to load

    curve = fit(history.flops, history.accuracy)
    accuracy = schema.QUANTITIES[schema.ACCURACY].words
    if not curve.identifiable:
        unsure.append(f"{accuracy}: no forecast is given: {curve.why_not}.")
        return []
    times = drawn_to(curve)
    then = times * float(history.flops[np.isfinite(history.flops)][-1])
    low, high = curve.predict_interval(then)
    told = (
        f"At {'twice' if times == 2 else f'{times:.1f} times'} the compute it would be "
        f"{100 * curve.predict(then):.1f} % (95 %: {100 * low:.1f} to {100 * high:.1f} %)"
    )
    if curve.has_ceiling:
        least, most = curve.ceiling_interval
        told += (
            f", under a ceiling of {100 * curve.A:.1f} % ({100 * least:.1f} to {100 * most:.1f} %)"
        )
    else:
        unsure.append(f"{accuracy}: no ceiling is given: {curve.why_no_ceiling}.")
    return [Claim("forecast", "Forecast", f"{told}.", {})]


def _connection(history: History, over: XAxis, unsure: list[str]) -> list[Claim]:
    """Whether accuracy and parallelism move together, beyond the fact that both change along the
    run."""
    x = over.positions(history)
    accuracy, parallelism = history.accuracy, history.parallelism
    known = np.isfinite(x) & np.isfinite(accuracy) & np.isfinite(parallelism)
    x, first, second = x[known], accuracy[known], parallelism[known]
    if len(np.unique(x)) < FEWEST or not np.ptp(first) > 0:
        return []
    if not 0 < np.ptp(second) < 1 / LEAST_EXTENT:
        return []
    names = (schema.ACCURACY, schema.PARALLELISM)
    one, two = (curves.curve_of(history, measure(name, [history]), over) for name in names)
    assert one is not None
    assert two is not None  # both have points
    found = together((one, two), x, first, second)
    tests = f"{p_text(found.p_around)} around their curves, {p_text(found.p_changes)} for changes"
    if not found.is_claimed:
        unsure.append(
            "Whether accuracy and parallelism depend on each other: that both change with the "
            f"compute says nothing of it, and their noise shows no connection ({tests})."
        )
        return []
    told = (
        "Around their curves accuracy and parallelism go up and down "
        f"{'together' if found.correlation > 0 else 'against each other'} "
        f"(correlation {found.correlation:.2f}; {tests})."
    )
    return [Claim("connection", "Connection", told, {})]
