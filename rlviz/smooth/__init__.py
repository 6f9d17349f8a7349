"""Curves: exponential moving averages of running loops, the local polynomial of whole runs."""

from rlviz.smooth.ema import EMA as EMA
from rlviz.smooth.ema import EMAState as EMAState
from rlviz.smooth.ema import ema as ema
from rlviz.smooth.local import Smoothed as Smoothed
from rlviz.smooth.local import local_polynomial as local_polynomial
from rlviz.smooth.scan import scan as scan

__all__ = ["EMA", "EMAState", "Smoothed", "ema", "local_polynomial", "scan"]
