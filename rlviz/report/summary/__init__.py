"""The summary: what happened in a run, in words and tables."""

from rlviz.report.summary.claims import summarise
from rlviz.report.summary.result import Claim, Summary

__all__ = ["Claim", "Summary", "summarise"]
