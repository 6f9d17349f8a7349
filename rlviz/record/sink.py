"""What goes to another tracker, and what a sink, which takes it there, has to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SinkRun:
    """The run that begins, or goes on."""

    logdir: Path
    """Its directory, an absolute path."""
    config: Mapping[str, bool | int | float | str]
    """Its hyperparameters, nested ones under dotted names; empty without a `config`."""
    resumed: str | None = None
    """What `open` returned in the session whose state was loaded; None in a new run."""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.logdir.name


@dataclass(frozen=True, slots=True)
class SinkRow:
    """A step."""

    step: int
    """In [0, 2**53)."""
    wall_time: float
    """When it ended, seconds since 1970."""
    values: Mapping[str, float]
    """What TensorBoard shows of it, under the same names, such as `rlviz/accuracy` and the metrics;
    `rlviz/flops/total` are cumulative RL FLOPs. A value may be NaN or infinite."""


@dataclass(frozen=True, slots=True)
class SinkCurve:
    """The figure's smoothed curve of a metric, its points in order, at most 500 of them."""

    axis: str
    """The unit of `x`, such as "RL FLOPs"."""
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    """The band; NaN where it is unknown."""
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class SinkFigure:
    """The figure as of a step."""

    step: int
    png: bytes
    summary: str
    """The summary in Markdown."""
    curves: Mapping[str, SinkCurve] = field(default_factory=dict)
    """By the name of the metric, such as "accuracy"."""


class Sink(Protocol):
    """Takes a run to another tracker: `Callback(…, also=[sink])`.

    All four are called in one thread of the sink's own, in this order, and may take as long as they
    like. What they raise is logged once; rows that they did not take are counted in
    `health.unsent`.
    """

    def open(self, run: SinkRun) -> str | None:
        """Begin the run, or go on with it, before the first rows.

        Tried again after a failure, later and later, as long as the run lasts.

        Returns:
            By what a resumed run is found again, for `SinkRun.resumed`; None if there is nothing.
        """
        ...

    def rows(self, rows: Sequence[SinkRow]) -> None:
        """Take steps that are on the disk, in their order; not called again with those that it
        raised for. The last step may come again with what came late."""
        ...

    def figure(self, figure: SinkFigure) -> None:
        """Take the latest figure."""
        ...

    def close(self, success: bool) -> None:
        """End the run; not called for one that was never opened.

        Args:
            success: whether the training ended without an exception.
        """
        ...
