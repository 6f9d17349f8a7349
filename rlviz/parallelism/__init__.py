"""Average parallelism: its three forms, live and recorded agents, sums over episodes.

| form | one episode | many episodes | says |
|---|---|---|---|
| stages (PARL) | `critical_steps` | `critical_steps_batch` | what the policy ran side by side |
| graph | `work_span` | | the same for tasks that go on independently |
| intervals | `concurrency` | `concurrency_batch` | what the system achieved |
| live | `Trace` | | both, from agents as they run |
| recorded | `read_spans` | the same | both and the tokens, from spans that others recorded |
"""

from rlviz.parallelism.dag import work_span
from rlviz.parallelism.forest import AgentSpan
from rlviz.parallelism.intervals import (
    Concurrency,
    ConcurrencyBatch,
    concurrency,
    concurrency_batch,
)
from rlviz.parallelism.reference import speed_up
from rlviz.parallelism.spans.episode import ModelCall, RecordedEpisode, read_spans
from rlviz.parallelism.spans.record import SpanRecord
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
    "ModelCall",
    "Parallelism",
    "ParallelismBatch",
    "ParallelismSums",
    "RecordedEpisode",
    "SpanRecord",
    "Summable",
    "Trace",
    "concurrency",
    "concurrency_batch",
    "critical_steps",
    "critical_steps_batch",
    "read_spans",
    "speed_up",
    "work_span",
]
