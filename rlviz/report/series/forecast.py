"""The forecast beyond the data: the law fitted to a run, or why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.history import History
from rlviz.report.series.axis import XAxis, choose
from rlviz.report.series.curves import Value, curve_of
from rlviz.report.series.measures import measure

if TYPE_CHECKING:
    from rlviz.scaling.fitting import Sigmoid

Floats = NDArray[np.float64]

_TIMES = 2.0
"""How far a forecast is drawn at most: to this many times the compute of the data."""


class Forecast(Protocol):
    """A fit of accuracy to compute, such as that of `rlviz.scaling.fit`."""

    @property
    def identifiable(self) -> bool:
        """Whether there is a forecast; if not, nothing is drawn."""
        ...

    def predict(self, flops: Any, /) -> Any:
        """Accuracy in [0, 1] at cumulative RL FLOPs, (n,) -> (n,)."""
        ...

    def predict_interval(self, flops: Any, /) -> tuple[Any, Any]:
        """The (low, high) interval of the prediction, each (n,)."""
        ...


def drawn_to(forecast: Forecast) -> float:
    """How far a forecast is told of: 2, or less where it does not reach so far."""
    return min(_TIMES, float(getattr(forecast, "reach", _TIMES)))


@dataclass(frozen=True, slots=True)
class Outlook:
    """Points of a forecast, each array (n,)."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats

    @classmethod
    def beyond(
        cls, last: float, axis: XAxis, forecast: Forecast, start: Value | None = None
    ) -> "Outlook | None":
        """The forecast from the last FLOPs on; None if the forecast says nothing.

        It goes to twice the compute, or as far as the forecast says that it reaches (`reach`, a
        multiple of the compute). It begins at the end of the curve, `start`, and meets the law
        where it ends, because two numbers for the last step would contradict each other.

        Raises:
            ValueError: the forecast doesn't give one accuracy for each of the FLOPs.
        """
        if axis.name != "flops" or not last > 0 or not forecast.identifiable:
            return None
        ends = axis.scaled(np.array([last, drawn_to(forecast) * last]))
        x = axis.unscaled(np.linspace(ends[0], ends[1], 100))
        rows = [forecast.predict(x), *forecast.predict_interval(x)]
        y, low, high = (np.asarray(row, dtype=np.float64) for row in rows)
        for part in (y, low, high):
            if part.shape != x.shape:
                raise ValueError(
                    f"a forecast must give an accuracy for each of {len(x)} FLOPs, got the shape "
                    f"{part.shape}."
                )
        if start is not None:
            left = np.linspace(1.0, 0.0, len(x))  # 1 at the end of the data
            low_there, high_there = (
                start.value if np.isnan(end) else end for end in (start.low, start.high)
            )
            y = y + left * (start.value - y[0])
            low, high = low + left * (low_there - low[0]), high + left * (high_there - high[0])
        known = np.isfinite(y) & np.isfinite(low) & np.isfinite(high)
        return cls(x[known], y[known], low[known], high[known]) if known.any() else None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The law of accuracy over compute that a run follows, and where it leads.

    Attributes:
        fit: the law, whose forecast is given.
        outlook: its points over a linear axis of RL FLOPs.
    """

    fit: "Sigmoid"
    outlook: Outlook


def foresee(run: History | Sequence[History]) -> Foreseen | str:
    """The forecast of a run, or why there is none, as a clause without a period."""
    from rlviz.scaling.fitting import fit  # loads scipy

    if not isinstance(run, History):
        return "it is a group of seeds"
    try:
        axis = choose("flops", [run])
        if axis.name != "flops":
            return "the run has no axis of RL FLOPs"
        found = fit(run.flops, run.accuracy)
    except (ValueError, TypeError) as error:
        return str(error).rstrip(".")
    if not found.identifiable:
        return found.why_not
    curve = curve_of(run, measure(schema.ACCURACY, [run]), axis)
    assert curve is not None  # without a curve there is nothing to fit
    last = float(run.flops[np.isfinite(run.flops) & np.isfinite(run.accuracy)][-1])
    outlook = Outlook.beyond(last, axis, found, curve.at(last))
    if outlook is None:
        return "the fitted curve has no value beyond the data"
    return Foreseen(found, outlook)


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The laws that a figure of some runs draws.

    Attributes:
        fits: name of a run -> its law.
        why_not: name of a run that has none -> why.
    """

    fits: dict[str, Forecast]
    why_not: dict[str, str]

    @classmethod
    def of(cls, runs: Mapping[str, History | Sequence[History]]) -> "Forecasts":
        """The forecasts of named runs; several runs under one name are seeds."""
        found = {name: foresee(run) for name, run in runs.items()}
        return cls(
            {name: one.fit for name, one in found.items() if isinstance(one, Foreseen)},
            {name: one for name, one in found.items() if isinstance(one, str)},
        )

    @property
    def only(self) -> Forecast | None:
        """The forecast of a run that is drawn alone, without a name."""
        return next(iter(self.fits.values()), None)
