"""Turns steps into rows and scalars for the writer, column by column for many steps at once.

The cumulative FLOPs and the online averages live here; nothing here touches a file or a thread.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording
from rlviz.flops.measured import exact
from rlviz.record.averages import OnlineAverages
from rlviz.record.items import SPOILED, Item
from rlviz.record.measurement import Measurement
from rlviz.record.merged import Merged
from rlviz.record.readings import Readings
from rlviz.record.row_columns import RowColumns
from rlviz.record.step_sums import StepSums
from rlviz.record.values import check_step
from rlviz.schema import WorkUnit

Floats = NDArray[np.float64]

_ODD_NAMES = 32
"""Names of metrics beside the usual ones that a table may have columns for."""
_ARRAY_BYTES, _SCALAR_BYTES, _EVENT_BYTES = 180, 12, 40
"""About what comes with each array in memory, with each scalar and each event on disk."""


@dataclass(frozen=True, slots=True)
class ClosedSteps:
    """Steps that were closed, ready to be written."""

    steps: NDArray[np.int64]
    """(k,), in the order in which they were closed."""
    wall_times: Floats
    columns: dict[str, Floats]
    """Column name -> (k,), as `rlviz.schema` names the columns; NaN where a step lacks one. The
    column of the session comes when they are written."""
    scalars: dict[str, tuple[Floats, NDArray[np.bool_]]]
    """TensorBoard tag -> values, and which of the steps brought one, each (k,)."""
    missing_ranks: tuple[int, ...] = ()
    """Ranks whose sums these steps lack."""

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        """About how many bytes they take in memory: numbers, arrays and names."""
        numbers = 8 * (2 + len(self.columns) + len(self.scalars)) + len(self.scalars)
        return numbers * len(self.steps) + _ARRAY_BYTES * (
            len(self.columns) + 2 * len(self.scalars)
        )

    @property
    def encoded_bytes(self) -> int:
        """About how many bytes they take on disk."""
        names = sum(map(len, self.columns)) + 3 * len(self.columns)
        scalars = sum(
            (len(tag) + _SCALAR_BYTES) * int(brought.sum())
            for tag, (_, brought) in self.scalars.items()
        )
        return names + scalars + (8 * len(self.columns) + _EVENT_BYTES) * len(self.steps)

    def split(self, at: int) -> tuple["ClosedSteps", "ClosedSteps"]:
        """The first `at` steps, and the others."""
        return self._part(slice(None, at)), self._part(slice(at, None))

    def _part(self, part: slice) -> "ClosedSteps":
        return ClosedSteps(
            self.steps[part],
            self.wall_times[part],
            {name: values[part] for name, values in self.columns.items()},
            {tag: (values[part], brought[part]) for tag, (values, brought) in self.scalars.items()},
            self.missing_ranks,
        )


def with_like_names(closed: list[StepSums]) -> Iterator[list[StepSums]]:
    """Cut steps into stretches whose metrics have mostly the same names, for tables that are mostly
    full: a run that brings a new name at each step would fill its memory with gaps."""
    names: set[str] = set()
    begin, most = 0, 0
    for at, step in enumerate(closed):
        names.update(step.metrics)
        most = max(most, len(step.metrics))
        if len(names) > 2 * most + _ODD_NAMES:
            yield closed[begin:at]
            begin, names, most = at, set(step.metrics), len(step.metrics)
    yield closed[begin:]


def closed_step(state: Mapping[str, Any]) -> int:
    """The last step that was closed when a state was taken, which may be of an earlier one."""
    return check_step(state.get("closed", state["step"]))


class RowBuilder:
    """Adds up measurements and closes steps.

    Args:
        ema_weight: memory of the online averages, in [0, 1).
        utilization: FLOPs and wall seconds of a phase -> its model FLOPs utilization; None where
            it can't be known.
        on_error: told of a value that turned out wrong when it was read from its device.
        parallelism_unit: in what work and span of the episodes are that say no unit.
    """

    def __init__(
        self,
        *,
        ema_weight: float,
        on_error: Callable[[Exception], None],
        utilization: Callable[[int, float], float | None] = lambda flops, seconds: None,
        parallelism_unit: WorkUnit | None = None,
    ) -> None:
        self._parallelism_unit = parallelism_unit
        self._on_error = on_error
        self._utilization = utilization
        core = [known for known in schema.QUANTITIES.values() if known.is_core and known.averaged]
        self._averages = OnlineAverages(ema_weight, [known.name for known in core])
        self._flops: dict[str, int] = {}  # cumulative, by phase; the total under schema.TOTAL
        self._beyond: set[str] = set()  # phases whose count no column holds any more
        self._last_step = 0
        self._open = StepSums()
        self._readings = Readings(on_error)
        self.unclosed = 0
        """Measurements since the last step was closed."""

    def close_steps(self, items: Iterable[Item]) -> list[StepSums]:
        """Add up queued items, in order, and return the sums of the steps that they close."""
        items = list(items)
        self._readings.fetch(items)
        closed: list[StepSums] = []
        for item in items:
            if isinstance(item, Measurement):
                self._add(item)
                self.unclosed += 1
            elif isinstance(item, Merged):
                self._open.merge(item.sums, side_by_side=False)
                self.unclosed += item.calls
            elif len(item) == 5:
                self._open.add_plain(item)
                self.unclosed += 1
            else:
                self._close(item, closed)
        self._readings.clear()
        return closed

    def _add(self, item: Measurement) -> None:
        try:
            self._open.add(item, self._readings.read)
        except Exception as error:  # the sums overflow a float: the step still counts
            self._on_error(error)

    def _close(self, end: tuple[int, float, dict[str, float] | None], to: list[StepSums]) -> None:
        step, self._open = self._open, StepSums()
        self.unclosed = 0
        if end is SPOILED:
            return
        step.step, step.wall_time, metrics = end
        if metrics:
            step.add_metrics(metrics)
        to.append(step)

    def rows(
        self,
        closed: list[StepSums],
        missing_ranks: tuple[int, ...] = (),
        *,
        is_averaged: bool = False,
    ) -> ClosedSteps:
        """Rows of steps whose sums are complete except for those of `missing_ranks`.

        Args:
            closed: the steps; their `flops` are what is not counted yet.
            missing_ranks: ranks whose sums they lack.
            is_averaged: whether this is one step that the online averages have already.
        """
        if not closed:
            return ClosedSteps(np.empty(0, np.int64), np.empty(0), {}, {})
        self._last_step = closed[-1].step
        if self._parallelism_unit is not None:
            for step in closed:
                step.say_unit(self._parallelism_unit)
        table = RowColumns(closed)
        averaged = table.quantities()
        table.about_agents()
        averaged |= table.groups()
        table.seconds(self._utilization)
        self._spend(closed, table)
        table.metrics()
        averages = (
            self._averages.latest(averaged)
            if is_averaged
            else self._averages.update(averaged, len(closed))
        )
        for name, average in averages.items():
            table.columns[schema.ema_column(name)] = average
            table.scalar(schema.ema_tag(name), average)
        steps = np.array([step.step for step in closed], np.int64)
        wall_times = np.array([step.wall_time for step in closed])
        columns = {
            schema.STEP: steps.astype(float),
            schema.WALL_TIME: wall_times,
        }
        return ClosedSteps(steps, wall_times, columns | table.columns, table.scalars, missing_ranks)

    def _spend(self, closed: list[StepSums], table: RowColumns) -> None:
        """Add each step's FLOPs to the cumulative counts, which every later row carries.

        A count beyond what two columns hold is unknown from then on, and that is said.
        """
        known = self._flops
        parts: dict[str, list[tuple[float, float]]] = {}
        for done, step in enumerate(closed):
            if step.flops:
                spent = 0
                for phase, count in step.flops.items():
                    if phase != schema.TOTAL:
                        known[phase] = known.get(phase, 0) + count
                    if phase != schema.EVALUATION:
                        spent += count
                known[schema.TOTAL] = known.get(schema.TOTAL, 0) + spent
                if step.flops.get(schema.TOTAL, 0) < 0:
                    self._check_settled(step.step)
            for phase, count in known.items():
                if phase not in parts:
                    parts[phase] = [(math.nan, math.nan)] * done
                if count >= schema.MAX_COUNT:
                    self._say_beyond(phase, step.step)
                    parts[phase].append((math.nan, math.nan))
                else:
                    parts[phase].append(schema.split_count(count))
        for phase, pairs in parts.items():
            nearest, remainders = np.array(pairs).T
            table.columns[schema.flops_column(phase)] = nearest
            table.columns[schema.flops_remainder_column(phase)] = remainders
            table.scalar(schema.scalar_tag(f"flops/{phase}"), nearest)

    def _check_settled(self, step: int) -> None:
        """The total holds at least what its phases do: what more was settled is spent now."""
        own = (schema.TOTAL, schema.EVALUATION)
        of_phases = sum(count for phase, count in self._flops.items() if phase not in own)
        if (beyond := of_phases - self._flops[schema.TOTAL]) > 0:
            self._flops[schema.TOTAL] = of_phases
            self._on_error(
                ValueError(
                    f"at step {step} {beyond} FLOPs were settled that had not been recorded "
                    "before, so they count as spent in that step. Record what is generated by "
                    "record(flops=…), once and without a phase, before record(settled=…)."
                )
            )

    def _say_beyond(self, phase: str, step: int) -> None:
        if phase not in self._beyond:
            self._beyond.add(phase)
            what = "RL FLOPs" if phase == schema.TOTAL else f"FLOPs of {phase!r}"
            self._on_error(
                OverflowError(
                    f"the {what} reached 2**106 (8.1e31) at step {step}, more than any run can "
                    "have spent: from there on they are not recorded. Pass what each step spent, "
                    "and check its unit"
                )
            )

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

    def load_state_dict(self, state: dict[str, Any]) -> int:
        """Continue from a state; returns the last step that was closed when it was taken.

        Raises:
            ValueError: it is no state; nothing is loaded.
        """
        try:
            step = check_step(state["step"])
            closed = closed_step(state)
            flops = {str(phase): exact(count) for phase, count in state["flops"].items()}
            self._averages.load_state_dict(state["ema"])
        except Exception as error:  # it may hold anything
            raise ValueError(
                f"this is not what Callback.state_dict() gave: {wording.shown(state, 200)}. Save "
                "that in the checkpoint, and load it unchanged."
            ) from error
        self._last_step, self._flops = step, flops
        return closed
