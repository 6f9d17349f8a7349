"""The summary: what happened in a run, in words and tables."""

from rlviz.report.series.curves import Value
from rlviz.report.statistics import Segment
from rlviz.report.summary.claims import summarise
from rlviz.report.summary.result import Claim, Summary

__all__ = ["Claim", "Segment", "Summary", "Value", "summarise"]
