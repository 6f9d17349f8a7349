"""Calls that gateways saw: events of agent-lightning, records of rLLM's model gateway.

A gateway knows no agents: every call is a root, and calls that overlap ran side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlviz.parallelism.spans.fields import before, first, seconds, tokens, usage
from rlviz.parallelism.spans.record import SpanRecord


def from_agent_lightning(told: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """One event; those other than calls of a model took no time. Written when the call is over."""
    if told.get("event_type") != "model_request":
        return
    data = told.get("data") or {}
    end = seconds(told.get("timestamp"))
    response = data.get("response")
    counts = data.get("usage") or (response.get("usage") if isinstance(response, Mapping) else None)
    attempt = f"{told['rollout_id']}/{told.get('attempt_id')}"
    yield SpanRecord(
        id=object(),  # events have none, and are nobody's parent
        start=before(end, data.get("latency_ms")),
        end=end,
        episode=attempt,
        session=attempt,  # as its spans say it
        name="model_request",
        kind="model",
        model=data.get("model"),
        **usage(counts),
    )


def from_rllm(told: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """One record, by the schema of either release. Its time is that of its writing, at the end.

    A chained record keeps of its prompt only what is new, so its counts, not its lists, say how
    long the prompt was. `parent_trace_id` is the turn before, which is over: no parent.
    """
    end = seconds(told.get("timestamp"))
    latency = told.get("latency_ms") or (told.get("metrics") or {}).get("gateway_latency_ms")
    said = told.get("token_counts") or {}
    chained = told.get("parent_trace_id") is not None
    counts = tokens(
        said.get("prompt", None if chained else len(told.get("prompt_token_ids") or ()) or None),
        said.get("cached"),
        said.get("completion", len(told.get("completion_token_ids") or ()) or None),
    )
    yield SpanRecord(
        id=told["trace_id"],
        start=before(end, latency),
        end=end,
        episode=told["session_id"],
        session=told["session_id"],
        name=first(told, "endpoint") or "call",
        kind="model",
        model=told.get("model"),
        **(usage(told["usage"]) if told.get("usage") else counts),
    )
