"""The figure: what is in its panels, how it is laid out, and how it looks."""

from rlviz.report.figure.layout import figure
from rlviz.report.figure.result import Drawing

__all__ = ["Drawing", "figure"]
