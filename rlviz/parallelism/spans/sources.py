"""Which source an item is from, told by its shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rlviz.parallelism.spans import (
    gateways,
    harnesses,
    opentelemetry,
    trajectories,
)
from rlviz.parallelism.spans.fields import plain
from rlviz.parallelism.spans.record import SpanRecord


def records(items: Iterable[Any]) -> Iterator[SpanRecord]:
    """The spans of all items, in their order; an item may hold many, or none.

    Raises:
        TypeError: an item is from no source that is known.
        ValueError: an item lacks what its source always writes, or holds what can't be.
    """
    if isinstance(items, (Mapping, str, bytes)) or not isinstance(items, Iterable):
        raise TypeError(
            f"spans must be a list or another iterable of spans, got {type(items).__name__}. "
            "Put one record in a list; of a file of JSON Lines give each line through json.loads."
        )
    for item in items:
        try:
            yield from _of(item)
        except (KeyError, AttributeError) as error:
            raise ValueError(
                f"a {type(item).__name__} looks like a span but lacks {error}: {item!r:.200}"
            ) from error


def _of(item: Any) -> Iterator[SpanRecord]:
    if isinstance(item, SpanRecord):
        yield item
    elif hasattr(item, "start_time_ns"):
        yield from opentelemetry.from_mlflow(item)
    elif hasattr(item, "context") and hasattr(item, "start_time") and hasattr(item, "parent"):
        if hasattr(item, "rollout_id"):
            yield from _of_mapping(item.model_dump(), item)
        else:
            yield from opentelemetry.from_sdk(item)
    elif callable(export := getattr(item, "export", None)) and hasattr(item, "trace_id"):
        yield from harnesses.from_openai_agents(export() or {})
    elif (inside := getattr(getattr(item, "data", None), "spans", None)) is not None:
        yield from records(inside)  # a trace of MLflow
    elif isinstance(trace := getattr(item, "trace", None), Mapping) and "events" in trace:
        yield from trajectories.from_slime(trace)  # a sample of slime
    elif (told := plain(item)) is not None:
        yield from _of_mapping(told, item)
    else:
        raise _unknown(item)


def _of_mapping(told: Mapping[str, Any], item: Any) -> Iterator[SpanRecord]:
    if "resourceSpans" in told:
        for span in opentelemetry.unpacked(told):
            yield from opentelemetry.from_json(span)
    elif str(told.get("object", "")).startswith("trace"):
        yield from harnesses.from_openai_agents(told)
    elif "event_type" in told and "rollout_id" in told:
        yield from gateways.from_agent_lightning(told)
    elif "session_id" in told and ("latency_ms" in told or "metrics" in told):
        yield from gateways.from_rllm(told)
    elif "events" in told and "trace_id" in told and "span_id" not in told:
        yield from trajectories.from_slime(told)
    elif isinstance(told.get("trace"), Mapping) and "events" in told["trace"]:
        yield from trajectories.from_slime(told["trace"])
    elif "op_name" in told:
        yield from harnesses.from_weave(told)
    elif any(name in told for name in _NEMO_GYM) or {"source", "records"} <= told.keys():
        yield from trajectories.from_nemo_gym(told)
    elif any(name in told for name in ("spanId", "span_id", "context")):
        yield from opentelemetry.from_json(told)
    else:
        raise _unknown(item)


_NEMO_GYM = ("ng_trajectory", "ng_agent_observations", "ng_model_call_capture", "invocations")


def _unknown(item: Any) -> TypeError:
    fields = f" with {', '.join(map(str, item))!s:.120}" if isinstance(item, Mapping) else ""
    return TypeError(
        f"no span of a known source: a {type(item).__name__}{fields}. Known are finished spans of "
        "OpenTelemetry and exports of them in JSON, openai-agents, Logfire, MLflow, Weave, "
        "agent-lightning, rLLM, slime and NeMo-Gym. Make rlviz.parallelism.SpanRecord of any other."
    )
