"""What can be drawn or compared by name: accuracy, parallelism, groups, metrics."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.report.history import History
from rlviz.report.series.kinds import bounds_of

Floats = NDArray[np.float64]
Titles: TypeAlias = Literal["published", "axis"]
"""Whether the two panels over RL FLOPs that the published figure has keep its titles."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One value for each step."""

    name: str
    label: str
    """The text at the axis, with a unit where there is one to tell."""
    scale: schema.Scale
    published_title: str = ""
    """The title over RL FLOPs where the published figure has one: it says "vs Steps" there."""
    legend: str = ""
    """The text in the legend, which has no room for a unit; empty for the label."""

    def title(self, axis: schema.Axis, titles: Titles = "published") -> str:
        """The title of a panel over an axis; "axis" names the axis also where the published figure
        has another title.

        >>> measure("accuracy", []).title(schema.AXES["tokens"])
        'Training Accuracy vs Tokens'
        """
        if titles == "published" and axis.name == "flops" and self.published_title:
            return self.published_title
        return f"{self.label} vs {axis.title}"

    def limits(self, values: Floats) -> tuple[float, float]:
        """The bounds of the quantity, which its curve keeps: [0, 1] of a share, as far as its name
        tells and the finite values, (n,), bear out."""
        if self.scale == "percent":
            return 0.0, 1.0
        low, high = bounds_of(self.name) if self.scale == "number" else (-math.inf, math.inf)
        within = not len(values) or (values.min() >= low and values.max() <= high)
        return (low, high) if within else (-math.inf, math.inf)

    def variance(self, run: History) -> Floats | None:
        """The noise variance of each value as the rows tell it, (T,), NaN where they don't; None
        for a measure without a known variance.

        For a share of n independent answers it is binomial; for the mean of n episodes it follows
        from their spread, which runs of older versions lack. Answers to one prompt are alike, and
        so are episodes, so this variance is a lower bound.
        """
        if self.name == schema.ACCURACY:
            return (
                None
                if run.uncounted.any()
                else _binomial(run.columns.get("correct"), run.columns.get("graded"))
            )
        if self.name == schema.PARALLELISM:
            names = ("parallelism_sum", "parallelism_count", "parallelism_square_sum")
            return _of_mean(*map(run.columns.get, names))
        first, _, group = self.name.partition("/")
        if first == schema.ACCURACY:
            return _binomial(*map(run.columns.get, schema.group_columns(group)))
        return None

    def values(self, run: History) -> Floats | None:
        """The value at each step, (T,), NaN where a step has none; None if the run never recorded
        it."""
        if (quantity := _quantity(self.name)) is not None:
            return run.values_of(quantity)
        first, _, group = self.name.partition("/")
        if first == schema.ACCURACY:
            return run.group_accuracy(group) if group in run.groups else None
        own = run.columns.get(schema.metric_column(self.name))
        return run.columns.get(self.name) if own is None else own


def _binomial(correct: Floats | None, graded: Floats | None) -> Floats | None:
    """The variance of a share of graded answers, p·(1 − p)/n, (T,); None for a run that recorded
    rates without counts. Half an answer is added on either side, because n right answers of n don't
    make the next one certain."""
    if correct is None or graded is None:
        return None
    known = (graded > 0) & (correct >= 0) & (correct <= graded)  # a damaged row may be anything
    with np.errstate(all="ignore"):  # rows may hold anything
        if (correct[known] % 1 != 0).any() or (graded[known] % 1 != 0).any():
            return None
        share = (correct + 0.5) / (graded + 1)
        return _possible(np.where(known, share * (1 - share) / graded, np.nan))


def _possible(variance: Floats) -> Floats:
    """The variances, with NaN for every number that is not a variance."""
    return np.where((variance >= 0) & (variance < math.inf), variance, np.nan)


def _of_mean(total: Floats | None, count: Floats | None, squares: Floats | None) -> Floats | None:
    """The variance of the mean of a step's episodes, from their spread, (T,); NaN for a single
    episode."""
    if total is None or count is None or squares is None:
        return None
    with np.errstate(all="ignore"):
        spread = np.maximum(squares - total * total / count, 0.0) / (count - 1)
        return _possible(np.where(count > 1, spread / count, np.nan))


def _quantity(name: str) -> schema.Quantity | None:
    """The quantity of that name, in rows or as an attribute of `History`."""
    declared = schema.QUANTITIES.values()
    return next((known for known in declared if name in (known.name, known.attribute)), None)


_STEPS = " vs Steps"


def units_of(runs: Sequence[History]) -> tuple[schema.WorkUnit, ...]:
    """In which units the work and span of the episodes of some runs are, each once."""
    said = {unit for run in runs for unit in run.parallelism_units}
    return tuple(unit for unit in schema.WORK_UNITS if unit in said)


def _with_units(text: str, quantity: schema.Quantity, runs: Sequence[History]) -> str:
    """A text about a quantity, with the unit of work and span if it is their ratio."""
    if quantity.name != schema.PARALLELISM:
        return text
    return schema.with_units(text, units_of(runs))


def measure(name: str, runs: Sequence[History]) -> Measure:
    """The measure of that name, which at least one run must have.

    Args:
        name: "accuracy", "average_parallelism" or another quantity, "accuracy/<group>" or just the
            name of a group, a user's metric, or any column of the runs.
        runs: the runs to look it up in. Quantities are known for every run.

    Raises:
        ValueError: no run has it.
    """
    if (quantity := _quantity(name)) is not None:
        return Measure(
            quantity.name,
            _with_units(quantity.label, quantity, runs),
            quantity.scale,
            quantity.title
            and _with_units(quantity.title.removesuffix(_STEPS), quantity, runs) + _STEPS,
            quantity.label,
        )
    metrics = {metric for run in runs for metric in run.metrics}
    groups = {group for run in runs for group in run.groups}
    group = str(name).removeprefix(f"{schema.ACCURACY}/")
    if name not in metrics and group in groups:
        return Measure(f"{schema.ACCURACY}/{group}", f"Accuracy, {group}", "percent")
    if name in metrics or any(name in run.columns for run in runs):
        return Measure(name, name, "number")
    core = [known.name for known in schema.QUANTITIES.values() if known.is_core]
    known = [*core, *sorted(f"accuracy/{g}" for g in groups), *sorted(metrics)]
    close = wording.close_to(str(name), known)
    raise ValueError(f"no run has a metric {name!r}; there are {wording.some(known)}.{close}")
