"""Average parallelism: the public names of its three forms, of `Trace`, and of sums over episodes.

| form | one episode | many episodes | says |
|---|---|---|---|
| stages (PARL) | `critical_steps` | `critical_steps_batch` | what the policy ran side by side |
| graph | `work_span` | | the same for tasks that go on independently |
| intervals | `concurrency` | `concurrency_batch` | what the system achieved |
| live | `Trace` | | both, from agents as they run |
"""

from rlviz.parallelism.dag import work_span
from rlviz.parallelism.forest import AgentSpan
from rlviz.parallelism.intervals import (
    Concurrency,
    ConcurrencyBatch,
    concurrency,
    concurrency_batch,
)
from rlviz.parallelism.stages import (
    CriticalSteps,
    CriticalStepsBatch,
    critical_steps,
    critical_steps_batch,
)
from rlviz.parallelism.sums import (
    Episodes,
    Parallelism,
    ParallelismBatch,
    ParallelismSums,
    Summable,
)
from rlviz.parallelism.trace import Agent, Trace

__all__ = [
    "Agent",
    "AgentSpan",
    "Concurrency",
    "ConcurrencyBatch",
    "CriticalSteps",
    "CriticalStepsBatch",
    "Episodes",
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
