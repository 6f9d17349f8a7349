"""Spans of OpenTelemetry, live and exported, by the names that instrumentations give attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rlviz.parallelism.spans.fields import (
    decoded,
    first,
    nanoseconds,
    plain,
    seconds,
    tokens,
    usage,
)
from rlviz.parallelism.spans.record import Kind, Seconds, SpanRecord

# What says which kind of work a span is, and its values in lower case. Anything else, such as a
# chain, a graph, a turn, is work of no kind.
_KIND_NAMES = (
    "openinference.span.kind",  # OpenInference: LangGraph, smolagents, openai-agents, and others
    "gen_ai.operation.name",  # OpenTelemetry's conventions for generative AI, Logfire, Weave
    "mlflow.spanType",
    "traceloop.span.kind",  # OpenLLMetry
    "llm.request.type",
    "agentops.span.kind",  # AgentOps, which agent-lightning traces with
)
_KINDS: dict[str, Kind] = {
    "agent": "agent",
    "invoke_agent": "agent",
    "llm": "model",
    "chat": "model",
    "chat_model": "model",
    "completion": "model",
    "text_completion": "model",
    "generate_content": "model",
    "generation": "model",
    "tool": "tool",
    "execute_tool": "tool",
    "retriever": "tool",
    "retrieval": "tool",
}
_PROMPT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",  # until version 1.27 of the conventions
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
)
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_COMPLETION = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
)
_USAGE = "mlflow.chat.tokenUsage"
_MODEL = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "mlflow.llm.model")
_SESSION = (
    "agentlightning.rollout_id",
    "session.id",
    "gen_ai.conversation.id",
    "mlflow.trace.session",
)
# Instrumentations of libraries below agents. A span with one of these and no kind of its own is
# how a call travels, not what does it.
_TRANSPORT = (
    *("http.request.method", "http.method", "http.url", "url.full", "http.status_code"),
    *("db.system", "db.system.name", "rpc.system", "rpc.system.name", "messaging.system"),
)
_NOT_SPANS = ("pending_span", "log")  # of Logfire: announcements of spans, and points in time


def from_sdk(span: Any) -> Iterator[SpanRecord]:
    """One of the SDK's `ReadableSpan`, or anything with its names."""
    if span.start_time is None:
        raise ValueError(f"span {span.name!r} has no start_time. Give started spans only.")
    yield from _record(
        span.name,
        span.context.span_id,
        None if span.parent is None else span.parent.span_id,
        getattr(span.context, "trace_id", ""),
        (nanoseconds(span.start_time), nanoseconds(span.end_time)),
        getattr(span, "attributes", None),
    )


def from_mlflow(span: Any) -> Iterator[SpanRecord]:
    """One of MLflow's `Span` entities."""
    yield from _record(
        span.name,
        span.span_id,
        span.parent_id,
        span.trace_id,
        (nanoseconds(span.start_time_ns), nanoseconds(span.end_time_ns)),
        span.attributes,
    )


def from_json(told: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """One exported span: OTLP, the SDK's `to_json`, MLflow's `to_dict`, agent-lightning's."""
    context = plain(told.get("context")) or {}
    span_id = first(told, "spanId", "span_id") or context.get("span_id")
    trace_id = first(told, "traceId", "trace_id") or context.get("trace_id", "")
    trace_id = str(trace_id).removeprefix("0x")  # as the SDK writes it
    parent = first(told, "parentSpanId", "parent_span_id", "parent_id") or None
    start = first(told, "startTimeUnixNano", "start_time_unix_nano")
    if start is not None:
        end = first(told, "endTimeUnixNano", "end_time_unix_nano")
        times = (nanoseconds(start), nanoseconds(end) or None)  # OTLP's 0: it has not ended
    else:
        times = (_time(told.get("start_time")), _time(told.get("end_time")))
    attributes = told.get("attributes")
    if isinstance(attributes, list):
        attributes = {entry["key"]: _otlp_value(entry.get("value")) for entry in attributes}
    attributes = dict(attributes or {})
    if told.get("rollout_id") is not None:  # agent-lightning's spans: a trace each process
        attributes.setdefault(
            "agentlightning.rollout_id", f"{told['rollout_id']}/{told.get('attempt_id')}"
        )
    yield from _record(told.get("name", ""), span_id, parent, trace_id, times, attributes)


def unpacked(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans of an OTLP message in JSON."""
    for resource in told["resourceSpans"]:
        for scope in resource.get("scopeSpans", ()):
            yield from scope.get("spans", ())


def _record(
    name: str,
    span_id: Any,
    parent: Any,
    trace_id: Any,
    times: tuple[Seconds | None, Seconds | None],
    attributes: Mapping[str, Any] | None,
) -> Iterator[SpanRecord]:
    told = attributes or {}
    if told.get("logfire.span_type") in _NOT_SPANS:
        return
    start, end = times
    if start is None:
        raise ValueError(f"span {name!r} has no start time. Give started spans only.")
    counts = tokens(first(told, *_PROMPT), first(told, *_CACHED), first(told, *_COMPLETION))
    if told.get(_USAGE) is not None:
        counts = usage(decoded(told[_USAGE]))
    model = first(told, *_MODEL)
    yield SpanRecord(
        id=span_id,
        start=start,
        end=end,
        parent=parent,
        episode=trace_id,
        session=_text(first(told, *_SESSION)),
        name=name,
        kind=_kind(told),
        model=None if model is None else _text(model),
        **counts,
    )


def _kind(told: Mapping[str, Any]) -> Kind | None:
    said = first(told, *_KIND_NAMES)
    if said is not None:
        return _KINDS.get(str(_text(said)).lower())
    if any(name in told for name in (*_PROMPT, *_COMPLETION)):
        return None
    return "transport" if any(name in told for name in _TRANSPORT) else None


def _text(value: Any) -> Any:
    """A text, of which MLflow writes the JSON."""
    if isinstance(value, str) and value[:1] == '"':
        return decoded(value)
    return value


def _time(value: Any) -> Seconds | None:
    """Whole numbers beyond any date in seconds are nanoseconds."""
    if isinstance(value, int) and value > 10**14:
        return nanoseconds(value)
    return seconds(value)


def _otlp_value(value: Any) -> Any:
    """What an OTLP `AnyValue` in JSON holds: 64-bit integers are strings there."""
    if not isinstance(value, Mapping) or not value:
        return value
    kind, held = next(iter(value.items()))
    return int(held) if kind == "intValue" else held
