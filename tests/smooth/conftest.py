"""What tests of averages share: the definition itself, as a loop, in more digits than float64."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def recurrence() -> Callable[..., Any]:
    """``h_t = a_t·h_{t−1} + b_t`` for one series: (h, last)."""

    def run(a: Any, b: Any, *, initial: float = 0.0, reverse: bool = False) -> Any:
        order = range(len(b))
        a = np.broadcast_to(a, np.shape(b))
        h, out = np.longdouble(initial), np.empty(len(b), np.longdouble)
        for t in reversed(order) if reverse else order:
            h = out[t] = np.longdouble(a[t]) * h + np.longdouble(b[t])
        return out.astype(np.float64), float(h)

    return run


@pytest.fixture(scope="session")
def average() -> Callable[..., Any]:
    """The debiased average of one series, by the definition: (out, num, den, last finite x)."""

    def run(y: Sequence[float], *, weight: Any = None, x: Any = None, tau: Any = None) -> Any:
        num, den, last = np.longdouble(0), np.longdouble(0), None
        out = np.full(len(y), np.nan)
        for t, value in enumerate(y):
            if not math.isfinite(value):
                continue
            a = np.longdouble(0 if weight is None else weight)
            if tau is not None and last is not None:
                a = np.exp(-(np.longdouble(x[t]) - np.longdouble(last)) / np.longdouble(tau))
            num, den = a * num + np.longdouble(value), a * den + 1
            last = None if x is None else x[t]
            out[t] = float(num / den)
        return out, float(num), float(den), last

    return run


@pytest.fixture(scope="session")
def series() -> Callable[..., Any]:
    """Random series (R, T) around 3, with a share of gaps."""

    def make(rows: int, length: int, *, gaps: float = 0.0, dtype: Any = np.float64) -> Any:
        random = np.random.default_rng(rows * 100_003 + length)
        y = 3 + random.normal(size=(rows, length))
        holes = random.random((rows, length)) < gaps
        y[holes] = random.choice([np.nan, np.inf, -np.inf], size=(rows, length))[holes]
        return y.astype(dtype)

    return make
