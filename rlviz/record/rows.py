"""What the writer makes of queued measurements: one row and a set of scalars for each step.

Sums come first and ratios last, so micro-batches merge exactly. The cumulative FLOPs and the
online averages live here; nothing here touches a file or a thread.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from rlviz import schema
from rlviz.measure.accuracy import Accuracy
from rlviz.measure.flops import exact
from rlviz.measure.parallelism import ParallelismSums
from rlviz.record.averages import OnlineAverages
from rlviz.record.recorder import Measurement, StepEnd, check_step
from rlviz.record.values import Deferred, fetch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClosedStep:
    """One finished step, ready to be written."""

    step: int
    wall_time: float
    row: dict[str, float]
    """Column name -> value, as `rlviz.schema` names the columns."""
    scalars: dict[str, float]
    """TensorBoard tag -> value; what a step did not bring is absent."""


class RowBuilder:
    """Adds up measurements and closes steps.

    Args:
        session: number of this start of the training script, from 0.
        ema_weight: memory of the online averages, in [0, 1).
        utilization: FLOPs and wall seconds of a phase -> its model FLOPs utilization; None where
            it can't be known.
        on_error: told of a value that turned out wrong only now, when it was read from its device.
    """

    def __init__(
        self,
        *,
        session: int,
        ema_weight: float,
        on_error: Callable[[Exception], None],
        utilization: Callable[[int, float], float | None] = lambda flops, seconds: None,
    ) -> None:
        self._session = session
        self._on_error = on_error
        self._utilization = utilization
        self._averages = OnlineAverages(ema_weight, (schema.ACCURACY, schema.PARALLELISM))
        self._flops: dict[str, int] = {}  # cumulative, by phase; the total under schema.TOTAL
        self._last_step = 0
        self._open = _OpenStep()
        self._fetched: dict[int, Any] = {}
        self.unclosed = 0
        """Measurements since the last step was closed."""

    def feed(self, items: Iterable[Measurement | StepEnd]) -> list[ClosedStep]:
        """Take in queued items, in order, and return the steps that they close."""
        items = list(items)
        self._fetch(items)
        closed = []
        averaged: list[dict[str, float]] = []
        for item in items:
            if isinstance(item, StepEnd):
                averaged.append({})
                closed.append(self._close(item, averaged[-1]))
                self.unclosed = 0
            else:
                self._open.add(item, self._read)
                self.unclosed += 1
        self._fetched.clear()
        self._average(closed, averaged)
        return closed

    def _fetch(self, items: list[Measurement | StepEnd]) -> None:
        """Bring what is on a device to the host, in one copy."""
        waiting = [v for item in items if isinstance(item, Measurement) for v in item.deferred()]
        if not waiting:
            return
        try:
            self._fetched = dict(zip(map(id, waiting), fetch(waiting), strict=True))
        except Exception:
            for value in waiting:  # one by one: what can be read is not lost for the rest
                try:
                    (self._fetched[id(value)],) = fetch([value])
                except Exception as error:
                    self._on_error(error)

    def _read(self, value: T | Deferred[T]) -> T | None:
        if not isinstance(value, Deferred):
            return value
        if id(value) not in self._fetched:
            return None
        try:
            return value.read(self._fetched[id(value)])
        except Exception as error:
            self._on_error(error)
            return None

    def _average(self, closed: list[ClosedStep], averaged: list[dict[str, float]]) -> None:
        """Add the online averages to the steps that arrived together."""
        for step, averages in zip(closed, self._averages.update(averaged), strict=True):
            for name, average in averages.items():
                step.row[schema.ema_column(name)] = average
                if not math.isnan(average):
                    step.scalars[schema.ema_tag(name)] = average

    def _close(self, end: StepEnd, averaged: dict[str, float]) -> ClosedStep:
        """The step's row and scalars; `averaged` is given the values that are averaged online."""
        step, self._open = self._open, _OpenStep()
        self._last_step = end.step
        self._spend(step.flops)
        when = {
            schema.STEP: float(end.step),
            schema.SESSION: float(self._session),
            schema.WALL_TIME: end.wall_time,
        }
        values, scalars = self._values(step, averaged)
        row = when | values
        tagged = {schema.scalar_tag(name): value for name, value in scalars.items()}
        return ClosedStep(end.step, end.wall_time, row, tagged)

    def _spend(self, flops: dict[str, int]) -> None:
        spent = sum(count for phase, count in flops.items() if phase != schema.EVALUATION)
        if flops:
            self._flops[schema.TOTAL] = self._flops.get(schema.TOTAL, 0) + spent
        for phase, count in flops.items():
            if phase != schema.TOTAL:
                self._flops[phase] = self._flops.get(phase, 0) + count

    def _values(
        self, step: "_OpenStep", averaged: dict[str, float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """The row's columns, and the scalars by name."""
        accuracy, episodes = step.accuracy, step.parallelism
        row = {
            "correct": accuracy.correct,
            "graded": accuracy.graded,
            "ungraded": accuracy.ungraded,
            "parallelism_sum": episodes.ratio_sum,
            "parallelism_count": episodes.ratio_count,
            "parallelism_undefined": episodes.undefined,
        }
        scalars = self._about_agents(episodes, row)
        for name, value in (
            (schema.ACCURACY, accuracy.value),
            (schema.PARALLELISM, episodes.mean),
        ):
            averaged[name] = value
            if not math.isnan(value):
                scalars[name] = value
        for group, answers in step.groups.items():
            row |= zip(schema.group_columns(group), (answers.correct, answers.graded), strict=True)
            if answers.graded:
                name = f"{schema.ACCURACY}/{group}"
                scalars[name] = averaged[name] = answers.value
        for phase, taken in step.seconds.items():
            row[schema.seconds_column(phase)] = taken
            share = self._utilization(step.flops.get(phase, 0), taken) if taken else None
            if share is not None:
                scalars[f"mfu/{phase}"] = row[schema.mfu_column(phase)] = share
        for phase, count in self._flops.items():
            nearest, remainder = schema.split_count(count)
            row[schema.flops_column(phase)] = nearest
            row[schema.flops_remainder_column(phase)] = remainder
            scalars[f"flops/{phase}"] = nearest
        for name, values in step.metrics.items():
            scalars[name] = row[schema.metric_column(name)] = sum(values) / len(values)
        return row, scalars

    @staticmethod
    def _about_agents(episodes: ParallelismSums, row: dict[str, float]) -> dict[str, float]:
        """What is known of the episodes beyond a ratio; its columns and scalars come when it is."""
        scalars = {}
        if episodes.work or episodes.span:
            row |= {"work": episodes.work, "span": episodes.span}
            scalars["parallelism/pooled"] = episodes.pooled
        if episodes.spawning_stages:
            row |= {
                "sub_agents": episodes.sub_agents,
                "spawning_stages": episodes.spawning_stages,
                "fan_out_max": episodes.fan_out_max,
            }
            scalars["parallelism/fan_out_mean"] = episodes.fan_out_mean
            scalars["parallelism/fan_out_max"] = episodes.fan_out_max
        if episodes.peak or episodes.unfinished:
            row |= {"peak": episodes.peak, "unfinished": episodes.unfinished}
            scalars["parallelism/peak"] = episodes.peak
            scalars["parallelism/unfinished"] = episodes.unfinished
        return scalars

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands after the last closed step, in plain numbers and strings."""
        return {
            "step": self._last_step,
            "flops": dict(self._flops),
            "ema": {name: dict(state) for name, state in self._averages.state_dict().items()},
        }

    @property
    def flops_total(self) -> int:
        """Cumulative RL FLOPs after the last closed step."""
        return self._flops.get(schema.TOTAL, 0)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state, all of it or, with a ValueError, nothing."""
        try:
            step = check_step(state["step"])
            flops = {str(phase): exact(count) for phase, count in state["flops"].items()}
            self._averages.load_state_dict(state["ema"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"this is not what Callback.state_dict() gave: {state!r:.200}. Save that in the "
                "checkpoint, and load it unchanged."
            ) from error
        self._last_step, self._flops = step, flops


class _OpenStep:
    """The sums of the step that is not closed yet."""

    def __init__(self) -> None:
        self.accuracy = Accuracy(0, 0)
        self.groups: dict[str, Accuracy] = {}
        self.parallelism = ParallelismSums()
        self.flops: dict[str, int] = {}
        self.metrics: dict[str, list[float]] = {}
        self.seconds: dict[str, float] = {}

    def add(self, item: Measurement, read: Callable[[Any], Any]) -> None:
        if (accuracy := read(item.accuracy)) is not None:
            self.accuracy = self.accuracy.merge(accuracy)
            if item.group is not None:
                known = self.groups.get(item.group, Accuracy(0, 0))
                self.groups[item.group] = known.merge(accuracy)
        if (episodes := read(item.parallelism)) is not None:
            self.parallelism = self.parallelism.merge(episodes)
        for phase, spent in item.flops.items():
            if (count := read(spent)) is not None:
                self.flops[phase] = self.flops.get(phase, 0) + count
        for name, metric in item.metrics.items():
            if (value := read(metric)) is not None:
                self.metrics.setdefault(name, []).append(value)
        for phase, taken in item.seconds.items():
            self.seconds[phase] = self.seconds.get(phase, 0.0) + taken


class Table:
    """Stacks rows into arrays whose columns only ever grow, so that a tag keeps one layout."""

    def __init__(self) -> None:
        self.layout = 0
        self.columns: tuple[str, ...] = ()

    def stack(self, rows: list[dict[str, float]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Rows -> float64 array (rows, columns); NaN where a row lacks a column."""
        seen = dict.fromkeys(self.columns)
        new = [name for row in rows for name in row if name not in seen]
        if new:
            self.layout += bool(self.columns)
            self.columns += tuple(dict.fromkeys(new))
        return np.array([[row.get(name, math.nan) for name in self.columns] for row in rows])
