"""Spans that agent frameworks write in formats of their own: openai-agents, Weave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlviz.parallelism.spans.fields import plain, seconds, usage
from rlviz.parallelism.spans.record import Kind, SpanRecord

_OPENAI_KINDS: dict[str, Kind] = {
    "agent": "agent",
    "generation": "model",
    "response": "model",
    "transcription": "model",
    "speech": "model",
    "function": "tool",
    "mcp_tools": "tool",
}
_WEAVE_KINDS: dict[str, Kind] = {"agent": "agent", "llm": "model", "tool": "tool"}


def from_openai_agents(told: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """One span of openai-agents as its `export()` gives it; its traces say nothing more."""
    if told.get("object") != "trace.span":
        return
    data = told.get("span_data") or {}
    start = seconds(told.get("started_at"))
    if start is None:
        return  # it was never started
    custom = data.get("data") or {}
    counts = data.get("usage") or (custom.get("usage") if isinstance(custom, Mapping) else None)
    yield SpanRecord(
        id=told["id"],
        start=start,
        end=seconds(told.get("ended_at")),
        parent=told.get("parent_id"),
        episode=told.get("trace_id", ""),
        name=data.get("name") or data.get("type", ""),
        kind=_OPENAI_KINDS.get(data.get("type", "")),
        model=data.get("model"),
        **usage(counts),
    )


def from_weave(call: Any) -> Iterator[SpanRecord]:
    """One call of Weave, as its client or an export gives it: each sums up what is inside it."""
    told = plain(call) or {}
    start = seconds(told.get("started_at"))
    if start is None:
        return
    by_model = (told.get("summary") or {}).get("usage") or {}
    models = [name for name in by_model if isinstance(by_model[name], Mapping)]
    counts = [usage(by_model[name]) for name in models]
    prompts = [each["prompt_tokens"] for each in counts]
    completions = [each["completion_tokens"] for each in counts]
    kind = ((told.get("attributes") or {}).get("weave") or {}).get("kind")
    name = str(told.get("op_name", ""))
    yield SpanRecord(
        id=told["id"],
        start=start,
        end=seconds(told.get("ended_at")),
        parent=told.get("parent_id"),
        episode=told.get("trace_id", ""),
        session=told.get("thread_id"),
        name=name.rpartition("/")[2].partition(":")[0],
        kind=_WEAVE_KINDS.get(str(kind).lower()),
        model=models[0] if len(models) == 1 else None,
        prompt_tokens=_sum(prompts),
        cached_tokens=sum(each["cached_tokens"] for each in counts),
        completion_tokens=_sum(completions),
    )


def _sum(counts: list[int | None]) -> int | None:
    """None if there is none, or one is unknown."""
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None
