"""The online exponential moving average, one point at a time, with its state in plain numbers."""

import math
from typing import TypedDict


class EMAState(TypedDict):
    """All that an `EMA` remembers: two sums, and the last finite point's x (None before it)."""

    num: float
    den: float
    x: float | None


class EMA:
    """Exponential moving average of a stream, debiased, per point or along an axis x.

    ``num = a·num + y; den = a·den + 1; out = num / den`` with ``a = weight`` for every point, which
    is exactly TensorBoard's smoothing slider, or with ``a = exp(−Δx / tau)`` for an axis such as RL
    FLOPs, where Δx counts from the last finite point.

    Args:
        weight: memory per point, in [0, 1); 0 returns every point as it is.
        tau: memory along x, > 0, in the unit of x. Give it instead of `weight`.

    Raises:
        ValueError: `weight` or `tau` is out of its range.

    Example:
        >>> ema = EMA(0.5)
        >>> ema.update(1.0), ema.update(4.0)  # (0.5·1 + 4) / (0.5 + 1)
        (1.0, 3.0)
    """

    def __init__(self, weight: float = 0.9, *, tau: float | None = None) -> None:
        if tau is None and not 0 <= weight < 1:
            raise ValueError(
                f"weight must be in [0, 1), got {weight!r}. "
                "For a memory of about n points use 1 - 1/n."
            )
        if tau is not None and not 0 < tau < math.inf:
            raise ValueError(f"tau must be > 0 and finite, in the unit of x, got {tau!r}.")
        self.weight = weight
        self.tau = tau
        self._num = 0.0
        self._den = 0.0
        self._x: float | None = None

    def update(self, y: float, x: float | None = None) -> float:
        """Take in one point and return the average up to it.

        Args:
            y: the value; one that is not finite gives NaN and leaves the state untouched.
            x: where the value stands, needed with `tau`; never before the last finite point's.

        Raises:
            ValueError: x is missing, not finite, or goes backwards (with `tau`).
        """
        if not math.isfinite(y):
            return math.nan
        a = self.weight if self.tau is None else self._decay_to(x)
        self._num = a * self._num + y
        self._den = a * self._den + 1.0
        return self._num / self._den

    def _decay_to(self, x: float | None) -> float:
        if x is None or not math.isfinite(x):
            raise ValueError(f"an EMA with tau needs a finite x at every update, got x={x!r}.")
        last = x if self._x is None else self._x
        if x < last:
            raise ValueError(f"x must not go backwards, got {x!r} after {last!r}.")
        self._x = x
        assert self.tau is not None
        return math.exp((last - x) / self.tau)

    def state_dict(self) -> EMAState:
        """The state as plain numbers, for a checkpoint."""
        return {"num": self._num, "den": self._den, "x": self._x}

    def load_state_dict(self, state: EMAState) -> None:
        """Go on from where `state_dict` was taken."""
        self._num = float(state["num"])
        self._den = float(state["den"])
        self._x = None if state["x"] is None else float(state["x"])
