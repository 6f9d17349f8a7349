"""The public face of `rlviz.measure.parallelism`: work over span, in three forms and live."""

from rlviz.measure.parallelism import Agent as Agent
from rlviz.measure.parallelism import AgentSpan as AgentSpan
from rlviz.measure.parallelism import Concurrency as Concurrency
from rlviz.measure.parallelism import ConcurrencyBatch as ConcurrencyBatch
from rlviz.measure.parallelism import CriticalSteps as CriticalSteps
from rlviz.measure.parallelism import CriticalStepsBatch as CriticalStepsBatch
from rlviz.measure.parallelism import Parallelism as Parallelism
from rlviz.measure.parallelism import ParallelismBatch as ParallelismBatch
from rlviz.measure.parallelism import ParallelismSums as ParallelismSums
from rlviz.measure.parallelism import Summable as Summable
from rlviz.measure.parallelism import Trace as Trace
from rlviz.measure.parallelism import concurrency as concurrency
from rlviz.measure.parallelism import concurrency_batch as concurrency_batch
from rlviz.measure.parallelism import critical_steps as critical_steps
from rlviz.measure.parallelism import critical_steps_batch as critical_steps_batch
from rlviz.measure.parallelism import work_span as work_span

__all__ = [
    "Agent",
    "AgentSpan",
    "Concurrency",
    "ConcurrencyBatch",
    "CriticalSteps",
    "CriticalStepsBatch",
    "Parallelism",
    "ParallelismBatch",
    "ParallelismSums",
    "Summable",
    "Trace",
    "concurrency",
    "concurrency_batch",
    "critical_steps",
    "critical_steps_batch",
    "work_span",
]
