"""What a training curve did, in order, and the claims that this allows."""

from rlviz.report.statistics.analysis import Analysis as Analysis
from rlviz.report.statistics.analysis import analyse as analyse
from rlviz.report.statistics.segments import Segment as Segment
