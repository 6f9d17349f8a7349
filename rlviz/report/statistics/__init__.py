"""The claims that a training curve allows: one module for each claim, and `analyse` for all."""

from rlviz.report.statistics.analysis import Analysis as Analysis
from rlviz.report.statistics.analysis import analyse as analyse
