"""The figure: its panels, its layout and its looks."""

from rlviz.report.figure.layout import figure
from rlviz.report.figure.result import Drawing

__all__ = ["Drawing", "figure"]
