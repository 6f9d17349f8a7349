"""The axis that curves stand over: compute, tokens, steps or time, linear or logarithmic."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history import History
from rlviz.report.history.history import never_falls
from rlviz.report.history.run_account import elapsed

Floats = NDArray[np.float64]

LARGEST = 1e150
"""Beyond it squares are no floats: a value there says that something failed, as infinities do."""


@dataclass(frozen=True, slots=True)
class XAxis:
    """One of the axes, linear or logarithmic."""

    axis: schema.Axis
    log: bool = False

    @property
    def name(self) -> schema.AxisName:
        return self.axis.name

    @property
    def label(self) -> str:
        return self.axis.label

    @property
    def unit(self) -> str:
        return self.axis.unit

    def positions(self, run: History) -> Floats:
        """The position of each step of a run, (T,), never decreasing; NaN where it is unknown or
        beyond `LARGEST` and, on a logarithmic axis, where it is not above 0."""
        x = _POSITIONS[self.name](run)
        if np.fmax.reduce(x, initial=0.0) > LARGEST:
            x = np.where(x <= LARGEST, x, np.nan)
        return np.where(x > 0, x, np.nan) if self.log else x

    def scaled(self, x: Floats) -> Floats:
        """Positions on the axis as drawn: their decimal logarithms if the axis is logarithmic."""
        return np.log10(x) if self.log else x

    def unscaled(self, place: Floats) -> Floats:
        """The inverse of `scaled`."""
        return np.power(10.0, place) if self.log else place

    @property
    def scaled_unit(self) -> str:
        return f"decades of {self.unit}" if self.log else self.unit


def choose(name: schema.AxisName, runs: Iterable[History], *, log: bool = False) -> XAxis:
    """The axis of that name, for all runs.

    If one run has no axis of FLOPs (see `History.has_compute_axis`), all runs are drawn over their
    steps instead.

    Raises:
        ValueError: there is no such axis, or a run doesn't have it.
    """
    _check(name)
    found = tuple(runs)
    if name == "flops" and not all(run.has_compute_axis for run in found):
        name = "step"
    axis = XAxis(schema.AXES[name], log=bool(log))
    for run in found:
        if why := _why_not(axis, run):
            raise ValueError(why)
    return axis


def asked_for(
    name: schema.AxisName | None, runs: Iterable[History], *, log: bool = False
) -> tuple[XAxis, list[bool]]:
    """The axis that a user names, and whether each of the runs has it.

    Args:
        name: None for FLOPs if any run has an axis of them (see `History.has_compute_axis`), else
            steps.
        runs: at least one.
        log: whether it is logarithmic.

    Raises:
        ValueError: there is no such axis, or none of the runs has it.
    """
    found = tuple(runs)
    if name is None:
        name = "flops" if any(run.has_compute_axis for run in found) else "step"
    _check(name)
    axis = XAxis(schema.AXES[name], log=bool(log))
    lacks = [_why_not(axis, run) for run in found]
    if all(lacks):
        raise ValueError(lacks[0])
    return axis, [not why for why in lacks]


def _check(name: str) -> None:
    if not isinstance(name, str) or name not in schema.AXES:
        raise ValueError(f"x must be one of {', '.join(map(repr, schema.AXES))}, got {name!r}.")


def _why_not(axis: XAxis, run: History) -> str:
    """Why a run can't be drawn over an axis; empty if it can."""
    x = axis.positions(run)
    if not np.isfinite(x).any():
        return _missing(axis, run)
    if not never_falls(x):
        return (
            f"{axis.unit} of the run {run.logdir!r} fall along its steps, so no curve can be "
            'drawn over them. Draw it over its steps: x="step".'
        )
    return ""


def _missing(axis: XAxis, run: History) -> str:
    if axis.log and XAxis(axis.axis).positions(run).size:
        more = " above 0, which a logarithmic axis needs"
    elif axis.name == "tokens":
        more = ": it has neither a metric 'tokens' (of a step) nor 'num_tokens' (cumulative)"
    else:
        more = ""
    return (
        f"the run {run.logdir!r} has no {axis.unit}{more}. "
        f"Draw it over another axis: {', '.join(repr(n) for n in schema.AXES if n != axis.name)}."
    )


def _step(run: History) -> Floats:
    return run.step.astype(np.float64)


def _hours(run: History) -> Floats:
    """Hours since the first step; a step back of the clock counts as no time."""
    known = np.isfinite(run.wall_time)
    hours = np.full(len(run), np.nan)
    hours[known] = elapsed(run.wall_time[known]) / 3600
    return hours


def _tokens(run: History) -> Floats:
    """Cumulative tokens: the running sum of the metric `tokens`, which counts one step; without it,
    the metric `num_tokens`, which TRL logs as a cumulative count."""
    of_a_step = run.columns.get(schema.metric_column("tokens"))
    if of_a_step is not None and np.isfinite(of_a_step).any():
        known = np.isfinite(of_a_step)
        return np.where(known, np.cumsum(np.where(known, of_a_step, 0.0)), np.nan)
    so_far = run.columns.get(schema.metric_column("num_tokens"))
    return np.full(len(run), np.nan) if so_far is None else so_far


_POSITIONS: dict[schema.AxisName, Callable[[History], Floats]] = {
    "flops": lambda run: run.flops,
    "step": _step,
    "wall_time": _hours,
    "tokens": _tokens,
}
