"""Average parallelism: the public names of its three forms and of the sums over episodes."""

from rlviz.measure.ratio import Parallelism, ParallelismSums
from rlviz.measure.stages import CriticalSteps, critical_steps

__all__ = ["CriticalSteps", "Parallelism", "ParallelismSums", "critical_steps"]
