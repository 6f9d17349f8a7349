"""What is foreseen beyond the data: the law fitted to a run and where it goes, or why not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlviz.report.history import History
from rlviz.report.series.axis import XAxis, choose

if TYPE_CHECKING:
    from rlviz.scaling.fitting import Sigmoid

Floats = NDArray[np.float64]

_TIMES = 2.0
"""So far it is drawn: to this many times the compute of the data."""


class Forecast(Protocol):
    """A fit of accuracy to compute, such as that of `rlviz.scaling.fit`."""

    @property
    def identifiable(self) -> bool:
        """Whether the data tell enough; if not, nothing is drawn."""
        ...

    def predict(self, flops: Any, /) -> Any:
        """Accuracy in [0, 1] at cumulative RL FLOPs, (n,) -> (n,)."""
        ...

    def predict_interval(self, flops: Any, /) -> tuple[Any, Any]:
        """Its (low, high), each (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """Points of a forecast, each array (n,)."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats

    @classmethod
    def beyond(cls, last: float, axis: XAxis, forecast: Forecast) -> "Outlook | None":
        """From the last FLOPs on; None where the forecast says nothing.

        Raises:
            ValueError: it doesn't give an accuracy for each of the FLOPs.
        """
        if axis.name != "flops" or not last > 0 or not forecast.identifiable:
            return None
        ends = axis.scaled(np.array([last, _TIMES * last]))
        x = axis.unscaled(np.linspace(ends[0], ends[1], 100))
        rows = [forecast.predict(x), *forecast.predict_interval(x)]
        y, low, high = (np.asarray(row, dtype=np.float64) for row in rows)
        for part in (y, low, high):
            if part.shape != x.shape:
                raise ValueError(
                    f"a forecast must give an accuracy for each of {len(x)} FLOPs, got the shape "
                    f"{part.shape}."
                )
        known = np.isfinite(y) & np.isfinite(low) & np.isfinite(high)
        return cls(x[known], y[known], low[known], high[known]) if known.any() else None


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The law of accuracy over compute that a run shows, and where it goes.

    Attributes:
        fit: the law, identifiable.
        outlook: its points over a linear axis of RL FLOPs.
    """

    fit: "Sigmoid"
    outlook: Outlook


def foresee(run: History | Sequence[History]) -> Foreseen | str:
    """What is foreseen of a run; or why nothing can be, in a clause without a full stop."""
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
    known = np.isfinite(run.flops) & np.isfinite(run.accuracy)
    outlook = Outlook.beyond(float(run.flops[known][-1]), axis, found)
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
        """Of runs by their names; several runs under one name are seeds."""
        found = {name: foresee(run) for name, run in runs.items()}
        return cls(
            {name: one.fit for name, one in found.items() if isinstance(one, Foreseen)},
            {name: one for name, one in found.items() if isinstance(one, str)},
        )

    @property
    def only(self) -> Forecast | None:
        """That of a run which is drawn alone, without a name."""
        return next(iter(self.fits.values()), None)
