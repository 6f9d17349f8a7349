"""The compute–performance curve: accuracy as a saturating function of compute, and its ceiling."""

from rlviz.scaling.fitting import Sigmoid, fit

__all__ = ["Sigmoid", "fit"]
