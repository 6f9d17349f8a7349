"""What a figure shows beyond the data: the curve that a fitted law foresees, with its interval."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rlviz.report.series.axis import XAxis
from rlviz.report.series.curves import Value

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
    def beyond(
        cls, last: float, axis: XAxis, forecast: Forecast, start: Value | None = None
    ) -> "Outlook | None":
        """From the last FLOPs on; None where the forecast says nothing.

        It begins where the curve ends, at `start`, and comes to the law at twice the compute: two
        numbers for the last step would contradict each other. A law that misses the end of the
        curve shows that by its bend.

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
        if start is not None:
            share = np.linspace(0.0, 1.0, len(x))  # 0 at the end of the data
            y = y + (1 - share) * (start.value - y[0])
            low = low + (1 - share) * (_first(start.low, start.value) - low[0])
            high = high + (1 - share) * (_first(start.high, start.value) - high[0])
        known = np.isfinite(y) & np.isfinite(low) & np.isfinite(high)
        return cls(x[known], y[known], low[known], high[known]) if known.any() else None


def _first(*values: float) -> float:
    """The first that is known."""
    return next((value for value in values if np.isfinite(value)), np.nan)
