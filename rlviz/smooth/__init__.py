"""Curves: the online EMA of the running loop and the local polynomial of a whole run."""

from rlviz.smooth.ema import EMA as EMA
from rlviz.smooth.local import Smoothed as Smoothed
from rlviz.smooth.local import local_polynomial as local_polynomial

__all__ = ["EMA", "Smoothed", "local_polynomial"]
