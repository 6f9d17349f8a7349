"""The public face of `rlviz.report.scaling`: the compute–performance curve and its ceiling."""

from rlviz.report.scaling import Sigmoid as Sigmoid
from rlviz.report.scaling import fit as fit

__all__ = ["Sigmoid", "fit"]
