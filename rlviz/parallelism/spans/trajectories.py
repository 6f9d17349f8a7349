"""Traces that trainers keep with their samples: slime's carriers, NeMo-Gym's trajectories."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rlviz.parallelism.spans.fields import before, seconds, tokens, usage
from rlviz.parallelism.spans.record import Seconds, SpanRecord

_UNNAMED = itertools.count(1)


def from_slime(carrier: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """The trace of one sample: spans are pairs of events, tokens stand with either of them.

    An attempt that was given up is in the same trace, and is work of the same episode.
    """
    ends: dict[Any, Mapping[str, Any]] = {
        event["span_id"]: event for event in carrier["events"] if event.get("type") == "span_end"
    }
    for event in carrier["events"]:
        if event.get("type") != "span_start":
            continue
        end = ends.get(event["span_id"], {})
        told = {**(event.get("attrs") or {}), **(end.get("attrs") or {})}
        counts = usage(told)
        yield SpanRecord(
            id=event["span_id"],
            start=event["ts"],
            end=end.get("ts"),
            parent=event.get("parent_span_id"),
            episode=event.get("trace_id") or carrier.get("trace_id", ""),
            name=event.get("name", ""),
            kind="model" if counts["completion_tokens"] is not None else None,
            **counts,
        )


def from_nemo_gym(told: Mapping[str, Any]) -> Iterator[SpanRecord]:
    """One rollout: a trajectory record, or a result that holds one or the parts of one.

    Of an agent's invocation no times are known but those of its calls, so it reaches from the
    first of its calls, its tools and the invocations inside it to the last.
    """
    record = told.get("ng_trajectory") or told
    observed = (told.get("ng_agent_observations") or {}).get("records") or told.get("records") or []
    captured = told.get("ng_model_call_capture") or {}
    invocations = _either(record, "invocations", observed, "agent_invocation")
    tools = _either(record, "tool_calls", observed, "tool_call")
    calls = record.get("model_calls") or captured.get("calls") or []
    episode = record.get("rollout_id") or captured.get("rollout_id") or f"unnamed {next(_UNNAMED)}"
    owner = {
        ref[key]: each["invocation_id"]
        for each in invocations
        for ref in each.get("model_calls") or ()
        for key in ("model_call_id", "response_id")
        if ref.get(key) is not None
    }
    known = {each["invocation_id"] for each in invocations}
    leaves = [*_tools(tools, known, episode), *_calls(calls, owner, episode)]
    yield from leaves
    yield from _invocations(invocations, leaves, episode)


def _either(
    record: Mapping[str, Any], name: str, observed: Iterable[Mapping[str, Any]], kind: str
) -> list[Mapping[str, Any]]:
    return list(record.get(name) or (each for each in observed if each.get("kind") == kind))


def _tools(
    tools: Iterable[Mapping[str, Any]], known: set[Any], episode: Any
) -> Iterator[SpanRecord]:
    for tool in tools:
        start, end = _times(tool, "duration_ms")
        if start is not None:
            invocation = tool.get("invocation_id")
            yield SpanRecord(
                id=("tool", invocation, tool["tool_call_id"]),
                start=start,
                end=end,
                parent=("agent", invocation) if invocation in known else None,
                episode=episode,
                name=tool.get("tool_name") or "tool",
                kind="tool",
            )


def _calls(
    calls: Iterable[Mapping[str, Any]], owner: Mapping[Any, Any], episode: Any
) -> Iterator[SpanRecord]:
    for index, call in enumerate(calls):
        start, end = _times(call, "duration_ms", "latency_total_ms")
        if start is None:
            continue
        said = {**(call.get("response_metadata") or {}), **call}
        who = owner.get(call.get("model_call_id"), owner.get(said.get("response_id")))
        stats = call.get("token_stats")
        yield SpanRecord(
            id=("call", index),
            start=start,
            end=end,
            parent=None if who is None else ("agent", who),
            episode=episode,
            name="model call",
            kind="model",
            model=said.get("model"),
            **(
                usage(stats)
                if stats
                else tokens(
                    call.get("tokens_in"), call.get("cached_tokens"), call.get("tokens_out")
                )
            ),
        )


def _times(told: Mapping[str, Any], *durations: str) -> tuple[Seconds | None, Seconds | None]:
    start, end = seconds(told.get("started_at")), seconds(told.get("completed_at"))
    lasted = next((told[name] for name in durations if told.get(name) is not None), None)
    if start is None and end is not None and lasted is not None:
        start = before(end, lasted)
    if end is None and start is not None and lasted is not None:
        end = start + lasted / 1000
    return start, end


def _invocations(
    invocations: list[Mapping[str, Any]], leaves: list[SpanRecord], episode: Any
) -> Iterator[SpanRecord]:
    tools = {leaf.id for leaf in leaves if leaf.kind == "tool"}
    by_id = {each["invocation_id"]: each for each in invocations}
    inside: defaultdict[Any, list[SpanRecord]] = defaultdict(list)
    for leaf in leaves:
        who = leaf.parent[1] if isinstance(leaf.parent, tuple) else None
        seen: set[Any] = set()
        while who in by_id and who not in seen:
            seen.add(who)
            inside[who].append(leaf)
            who = by_id[who].get("parent_invocation_id")
    for who, each in by_id.items():
        if not inside[who]:
            continue  # nothing is known of when it ran
        above = each.get("parent_invocation_id")
        spawned = ("tool", above, each.get("spawned_by_tool_call_id"))
        parent = spawned if spawned in tools else ("agent", above) if above in by_id else None
        yield SpanRecord(
            id=("agent", who),
            start=min(leaf.start for leaf in inside[who]),
            end=max(leaf.start if leaf.end is None else leaf.end for leaf in inside[who]),
            parent=parent,
            episode=episode,
            name=str(who),
            kind="agent",
        )
