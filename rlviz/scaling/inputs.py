"""What a fit is given: checked, sorted, and without the points that are not known."""

from numbers import Real
from typing import Any

import numpy as np

from rlviz.scaling.sigmoid import Floats
from rlviz.smooth.long_series import never_decreases

LARGEST = 1e100


def pairs(flops: Any, accuracy: Any) -> tuple[Floats, Floats]:
    """The points that are known in both, in the order of compute, each (n,)."""
    c, y = numbers(flops, "flops"), numbers(accuracy, "accuracy")
    if c.ndim != 1 or c.shape != y.shape:
        raise ValueError(
            f"flops and accuracy must be one series each, of equal length, got shapes {c.shape} "
            f"and {y.shape}. Fit one run at a time."
        )
    known = np.isfinite(c) & np.isfinite(y)
    if not known.all():
        c, y = c[known], y[known]
    c = compute(c)
    if len(y) and max(y.max(), -y.min()) > LARGEST:
        raise ValueError(f"accuracy must be within ±{LARGEST:g}, got {y[np.abs(y).argmax()]:g}.")
    if never_decreases(c):  # a long run need not be held twice
        return c, y
    order = np.argsort(c, kind="stable")
    return c[order], y[order]


def compute(flops: Any) -> Floats:
    """Cumulative compute, of any shape."""
    at = numbers(flops, "flops")
    if (at < 0).any():
        raise ValueError(
            f"flops must be >= 0, got {np.nanmin(at):g}. Give cumulative compute, as of each step."
        )
    return at


def numbers(values: Any, name: str) -> Floats:
    """Real numbers as float64; what already is float64 is not copied."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiubO":
        raise TypeError(f"{name} must be real numbers, got {found.dtype}.")
    try:
        return found.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{name} must be real numbers: {error}.") from None


def option(value: Any, name: str) -> float:
    """One real number within ±1e100."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    number = float(value)
    if not abs(number) <= LARGEST:
        raise ValueError(f"{name} must be within ±{LARGEST:g}, got {value!r}.")
    return number
