"""Sub-agents of one episode: how many were started, how many side by side, how many were useful."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rlviz.parallelism.forest import AgentSpan


def sub_agent_sums(spans: Sequence[AgentSpan]) -> dict[str, int]:
    """What `ParallelismSums` knows of sub-agents, by its fields; {} where no span is an agent.

    A sub-agent is an agent that another one started, directly or in a tool. Those of one agent
    whose runs overlap, each with one before it, are a group that was started side by side, the
    stage of `critical_steps`; so sub-agents that one slot made wait for each other are groups of
    their own.

    Args:
        spans: the recorded runs; `parent` indexes into them, and no span is its own ancestor.

    Example:
        >>> found = sub_agent_sums([
        ...     AgentSpan("main", 0, 10),
        ...     AgentSpan("left", 1, 5, parent=0, useful=True),
        ...     AgentSpan("right", 2, 3, parent=0, useful=False),
        ...     AgentSpan("checker", 6, 8, parent=0),
        ... ])
        >>> found["sub_agents"], found["spawning_stages"], found["fan_out_max"]
        (3, 2, 2)
        >>> found["useful_sub_agents"], found["judged_sub_agents"]
        (1, 2)
    """
    if not any(span.is_agent for span in spans):
        return {}
    started: dict[int, list[AgentSpan]] = {}
    for span in spans:
        if span.is_agent and (above := _agent_above(span, spans)) is not None:
            started.setdefault(above, []).append(span)
    groups = [size for below in started.values() for size in _overlapping(below)]
    judged = [
        span.useful for below in started.values() for span in below if span.useful is not None
    ]
    return {
        "sub_agent_episodes": 1,
        "sub_agents": sum(groups),
        "spawning_stages": len(groups),
        "fan_out_max": max(groups, default=0),
        "judged_sub_agents": len(judged),
        "useful_sub_agents": sum(judged),
    }


def _agent_above(span: AgentSpan, spans: Sequence[AgentSpan]) -> int | None:
    """The index of the closest agent around a span."""
    parent = span.parent
    while parent is not None and not spans[parent].is_agent:
        parent = spans[parent].parent
    return parent


def _overlapping(spans: Iterable[AgentSpan]) -> Iterator[int]:
    """The sizes of the groups of spans that overlap; one without an end overlaps all later ones."""
    size, until = 0, 0.0
    ends = [(s.start, float("inf") if s.end is None else s.end) for s in spans]
    for start, end in sorted(ends, key=lambda each: (each[0], -each[1])):
        if size and start < until:
            size, until = size + 1, max(until, end)
            continue
        if size:
            yield size
        size, until = 1, end
    if size:
        yield size
