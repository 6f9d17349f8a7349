"""The comparison: runs at equal compute and at equal accuracy."""

from rlviz.report.compare.equal_terms import compare
from rlviz.report.compare.result import Comparison

__all__ = ["Comparison", "compare"]
