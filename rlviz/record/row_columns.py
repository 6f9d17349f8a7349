"""Makes columns and scalars of many steps at once from their sums."""

import math
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.parallelism import ParallelismSums
from rlviz.parallelism.sums import ratios
from rlviz.record.step_sums import SUMS, StepSums

Floats = NDArray[np.float64]


class RowColumns:
    """Columns and scalars of some steps, computed from their sums."""

    def __init__(self, closed: list[StepSums]) -> None:
        self._closed = closed
        self.columns: dict[str, Floats] = {}
        self.scalars: dict[str, tuple[Floats, NDArray[np.bool_]]] = {}

    def scalar(self, tag: str, values: Floats) -> None:
        """Add a scalar for the steps in which it is not NaN."""
        brought = values == values
        if brought.any():
            self.scalars[tag] = values, brought

    def quantities(self) -> dict[str, Floats]:
        """Add what `rlviz.schema.QUANTITIES` declares; returns the series to be averaged online.

        Every run has the columns of some quantities; the others appear once they are recorded.
        """
        series = {}
        table = _finite(map(attrgetter(*SUMS), self._closed))
        known = dict(zip(SUMS, map(np.array, table.T), strict=True))
        recorded = {name for name, column in known.items() if column.any()}
        for quantity in schema.QUANTITIES.values():
            sums = {column.name: known[column.name] for column in quantity.sums}
            if not quantity.is_core and recorded.isdisjoint(sums):
                continue
            if quantity.fewest > 1:
                untold = sums[quantity.denominator] < quantity.fewest
                sums[quantity.numerator] = np.where(untold, np.nan, sums[quantity.numerator])
            if not quantity.is_core and np.isnan(sums[quantity.numerator]).all():
                continue
            self.columns |= sums
            values = ratios(sums[quantity.numerator], sums[quantity.denominator])
            self.scalar(schema.scalar_tag(quantity.name), values)
            if quantity.averaged:
                series[quantity.name] = values
        return series

    def about_agents(self) -> None:
        """Add what is known of the episodes beyond a ratio, if anything is."""
        if not any(step.agents for step in self._closed):
            return
        columns = _Sparse(len(self._closed))
        scalars = _Sparse(len(self._closed))
        for at, step in enumerate(self._closed):
            episodes = step.agents or _NONE
            columns.put(at, **_units(episodes))
            if episodes.work or episodes.span:
                columns.put(at, work=episodes.work, span=episodes.span)
                scalars.put(at, pooled=episodes.pooled)
            if episodes.spawning_stages:
                columns.put(at, fan_out_max=episodes.fan_out_max)
                scalars.put(at, fan_out_max=episodes.fan_out_max)
            if episodes.peak or episodes.unfinished:
                columns.put(at, peak=episodes.peak, unfinished=episodes.unfinished)
                scalars.put(at, peak=episodes.peak, unfinished=episodes.unfinished)
        self.columns |= columns.arrays()
        for name, values in scalars.arrays().items():
            self.scalar(schema.scalar_tag(f"parallelism/{name}"), values)

    def groups(self) -> dict[str, Floats]:
        """Add the columns of each task family; returns their accuracies, to be averaged online."""
        names = dict.fromkeys(name for step in self._closed for name in step.groups)
        series = {}
        for name in names:
            answers = [step.groups.get(name) for step in self._closed]
            correct = _finite(None if a is None else a.correct for a in answers)
            graded = _finite(None if a is None else a.graded for a in answers)
            self.columns |= zip(schema.group_columns(name), (correct, graded), strict=True)
            series[f"{schema.ACCURACY}/{name}"] = accuracy = ratios(correct, graded)
            self.scalar(schema.scalar_tag(f"{schema.ACCURACY}/{name}"), accuracy)
        return series

    def seconds(self, utilization: Callable[[int, float], float | None]) -> None:
        for phase in dict.fromkeys(phase for step in self._closed for phase in step.seconds):
            taken = [_seconds(step.seconds.get(phase)) for step in self._closed]
            shares = [
                _share(utilization, step.flops.get(phase, 0), wall)
                for step, wall in zip(self._closed, taken, strict=True)
            ]
            self.columns[schema.seconds_column(phase)] = _finite(taken)
            if any(share is not None for share in shares):
                self.columns[schema.mfu_column(phase)] = _array(shares)
                self.scalar(schema.scalar_tag(f"mfu/{phase}"), _array(shares))

    def metrics(self) -> None:
        """Add the mean of each metric over each step; a NaN that the user logged is a value too."""
        for name in dict.fromkeys(name for step in self._closed for name in step.metrics):
            values = [step.metrics.get(name) for step in self._closed]
            brought = np.array([value is not None for value in values])
            counts = np.array([step.counts.get(name, 1) for step in self._closed])
            means = _array(values) / counts
            self.columns[schema.metric_column(name)] = means
            self.scalars[schema.scalar_tag(name)] = means, brought


_NONE = ParallelismSums()


def _units(episodes: ParallelismSums) -> dict[str, int]:
    """How many episodes are in each unit, by column."""
    said = {name: getattr(episodes, name) for name in map(schema.unit_column, schema.WORK_UNITS)}
    return {name: count for name, count in said.items() if count}


class _Sparse:
    """Columns that most steps lack."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._values: dict[str, Floats] = {}

    def put(self, at: int, **values: float) -> None:
        for name, value in values.items():
            if name not in self._values:
                self._values[name] = np.full(self._steps, np.nan)
            self._values[name][at] = value if math.isfinite(value) else math.nan

    def arrays(self) -> dict[str, Floats]:
        return self._values


def _seconds(taken: float | None) -> float | None:
    """The seconds of a step; None for a sum beyond what a row may hold."""
    return None if taken is None or taken > schema.MAX_SECONDS else taken


def _share(
    utilization: Callable[[int, float], float | None], flops: int, wall: float | None
) -> float | None:
    """The utilization of a phase; None also where it is beyond what a row may hold."""
    try:
        share = utilization(flops, wall) if wall and wall < math.inf else None
    except (OverflowError, ZeroDivisionError):
        return None
    return None if share is None or share > schema.MAX_SECONDS else share


def _array(values: Iterable[Any]) -> Floats:
    return np.array(list(values), np.float64)  # which makes NaN of None


def _finite(values: Iterable[Any]) -> Floats:
    """The same, where a sum beyond what a float holds is unknown: readers take no infinite sum."""
    found = _array(values)
    return np.where(np.isfinite(found), found, np.nan)
