"""The exponential moving average: one point at a time, and batches of series at once."""

import math
from typing import Any, TypedDict

import numpy as np

from rlviz.smooth import arrays, averages
from rlviz.smooth.arrays import Array
from rlviz.smooth.averages import SeriesBatch


class EMAState(TypedDict):
    """Everything that an average remembers: two sums, and the x of the last finite point.

    For one series it holds plain numbers, which both `EMA` and `ema` understand; for a batch,
    float64 arrays, (...). x is None without `tau`. Before the first finite point, x is None for one
    series and -inf in a batch.
    """

    num: Any
    den: Any
    x: Any


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

    __slots__ = ("_den", "_num", "_x", "tau", "weight")

    def __init__(self, weight: float = 0.9, *, tau: float | None = None) -> None:
        _check_memory(weight if tau is None else None, tau)
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
        y = float(y)  # a NumPy scalar would pass on its dtype, a tensor its graph
        if not -math.inf < y < math.inf:
            return math.nan
        a = self.weight if self.tau is None else self._decay_to(x)
        num = self._num = a * self._num + y
        den = self._den = a * self._den + 1.0
        return num / den

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
        """Continue from the point at which `state_dict` was taken."""
        num, den, x = state["num"], state["den"], state["x"]
        num, den, x = float(num), float(den), None if x is None else float(x)
        self._num, self._den, self._x = num, den, x


EXACT = 4096
"""On a CPU, `ema` takes up to this many points one by one, like `EMA`: that is fast enough and
gives the same bits wherever a stream is cut."""


def ema(
    values: Any,
    *,
    weight: float | None = None,
    x: Any = None,
    tau: float | None = None,
    state: EMAState | None = None,
    out: Any = None,
) -> tuple[Array, EMAState]:
    """The average of `EMA` for a batch of series at once, from one state to the next.

    Args:
        values: (..., T), float32 or float64, an array or a tensor on any device, never changed. A
            value that is not finite is a gap: it is NaN in the result and leaves the state
            untouched.
        weight: memory per point, in [0, 1).
        x: with `tau`, the positions of the values: (T,) for all series, or the shape of values;
            within a series never decreasing, and never before the last x of its state.
        tau: memory along x, > 0, in the unit of x, instead of `weight`.
        state: the state that the call for the preceding points returned, or `EMA.state_dict` for
            one series; by default there are no preceding points. The numbers are the same wherever
            a stream is cut.
        out: an array or tensor like values for the averages; by default a new one.

    Returns:
        The averages, with the shape, dtype, library and device of values, and the state after the
        last point. Within 1e-13 (float64) or 1e-6 (float32) of the exact averages, relative to the
        largest value, for 1e7 points, too. On a CPU, 4,096 points and fewer are a loop in float64.

    Raises:
        ValueError: an option is out of its range, shapes differ, T is 0, or x goes backwards. On an
            accelerator, where looking at x would be a synchronization, an x that goes backwards
            stands still.
        TypeError: values or x are not real numbers.

    Example:
        >>> import numpy as np
        >>> smoothed, state = ema(np.array([[1.0, 4.0], [2.0, np.nan]]), weight=0.5)
        >>> smoothed
        array([[ 1.,  3.],
               [ 2., nan]])
        >>> ema(np.array([[0.0], [2.0]]), weight=0.5, state=state)[0].round(3)
        array([[1.286],
               [2.   ]])
    """
    y = arrays.real(values, "values")
    if not y.ndim or not y.shape[-1]:
        raise ValueError(
            f"values must have shape (..., T) with T >= 1, got {tuple(y.shape)}. "
            "There is nothing to average."
        )
    if weight is None and tau is None:
        raise ValueError("ema() needs weight (memory per point) or tau (memory along x).")
    _check_memory(weight, tau)
    at = _positions(x, y, tau)
    result = arrays.output(out, values, y)
    batch = _batch(y, result, weight, at, tau, state)
    with np.errstate(all="ignore"):  # overflow gives inf, as in a loop
        if arrays.has_kernel(y):
            from rlviz.smooth import scan_triton

            scan_triton.ema(batch)
        elif arrays.on_host(y) and y.size <= EXACT:
            _one_by_one(batch)
        else:
            averages.run(batch)
    return arrays.like(result, values) if out is None else out, _state(batch, y, values)


def _check_memory(weight: float | None, tau: float | None) -> None:
    if weight is not None and tau is not None:
        raise ValueError(
            f"give weight (memory per point) or tau (memory along x), not both: got "
            f"weight={weight!r} and tau={tau!r}."
        )
    if weight is not None and not 0 <= weight < 1:
        raise ValueError(
            f"weight must be in [0, 1), got {weight!r}. For a memory of about n points use 1 - 1/n."
        )
    if tau is not None and not 0 < tau < math.inf:
        raise ValueError(f"tau must be > 0 and finite, in the unit of x, got {tau!r}.")


def _positions(x: Any, y: Array, tau: float | None) -> Array | None:
    """(1, T) or (R, T), float64; None without tau."""
    if (x is None) != (tau is None):
        raise ValueError(
            "x and tau go together: tau is the memory along x. "
            f"Got {'tau without x' if x is None else 'x without tau'}."
        )
    if x is None:
        return None
    at = arrays.double(arrays.to(arrays.real(x, "x", whole=True), y))
    if tuple(at.shape) not in (tuple(y.shape), (y.shape[-1],)):
        raise ValueError(
            f"x must have the shape of values, {tuple(y.shape)}, or ({y.shape[-1]},) for all "
            f"series, got {tuple(at.shape)}."
        )
    return at.reshape(-1, at.shape[-1])


def _batch(
    y: Array,
    out: Array,
    weight: float | None,
    at: Array | None,
    tau: float | None,
    state: EMAState | None,
) -> SeriesBatch:
    shape, length = tuple(y.shape[:-1]), y.shape[-1]
    state = state or {"num": 0.0, "den": 0.0, "x": None}

    def part(name: str, given: Any) -> Array:
        given = given if arrays.is_tensor(given) else np.asarray(given, np.float64)
        if tuple(given.shape) not in ((), shape):
            raise ValueError(
                f"the state's {name!r} must have the shape of values without the last axis, "
                f"{shape}, got {tuple(given.shape)}. Pass the state of the same series."
            )
        full = arrays.empty(shape, y, double=True)
        full[...] = arrays.to(given, y)
        return full.reshape(-1)

    last = -math.inf if state["x"] is None else state["x"]
    return SeriesBatch(
        y=y.reshape(-1, length),
        out=out.reshape(-1, length),
        weight=weight,
        tau=tau,
        at=at,
        num=part("num", state["num"]),
        den=part("den", state["den"]),
        x=None if tau is None else part("x", last),
    )


def _state(batch: SeriesBatch, y: Array, values: Any) -> EMAState:
    """The batch's memory in the form that callers get."""
    shape = tuple(y.shape[:-1])

    def part(full: Array) -> Any:
        if shape or not arrays.on_host(full):  # converting it to a number would synchronize
            return arrays.like(full.reshape(shape), values)
        return float(full[0])

    x = None if batch.x is None else part(batch.x)
    if isinstance(x, float) and x == -math.inf:
        x = None
    return {"num": part(batch.num), "den": part(batch.den), "x": x}


def _one_by_one(batch: SeriesBatch) -> None:
    for r, row in enumerate(batch.y.tolist()):
        average = EMA(tau=batch.tau) if batch.weight is None else EMA(batch.weight)
        x = None if batch.x is None or batch.x[r] == -math.inf else batch.x[r]
        average.load_state_dict({"num": batch.num[r], "den": batch.den[r], "x": x})
        if batch.at is None:
            batch.out[r] = [average.update(y) for y in row]
        else:
            at = batch.at[r if len(batch.at) > 1 else 0].tolist()
            batch.out[r] = [average.update(y, x) for y, x in zip(row, at, strict=True)]
        state = average.state_dict()
        batch.num[r], batch.den[r] = state["num"], state["den"]
        if batch.x is not None:
            batch.x[r] = -math.inf if state["x"] is None else state["x"]
