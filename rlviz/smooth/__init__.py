"""Curves: exponential moving averages for running loops, local polynomials for whole runs."""

import warnings
from typing import TYPE_CHECKING, Any

from rlviz.smooth.ema import EMA, EMAState, ema
from rlviz.smooth.local import Smoothed, local_polynomial

if TYPE_CHECKING:
    from rlviz.smooth.recurrence import scan as scan

__all__ = ["EMA", "EMAState", "Smoothed", "ema", "local_polynomial"]


def __getattr__(name: str) -> Any:
    if name != "scan":
        raise AttributeError(f"module 'rlviz.smooth' has no attribute {name!r}")
    from rlviz.smooth.recurrence import scan

    warnings.warn(
        "rlviz.smooth.scan goes with the next release: it was never needed for a curve. For "
        "averages take rlviz.smooth.ema.",
        DeprecationWarning,
        stacklevel=2,
    )
    return scan
