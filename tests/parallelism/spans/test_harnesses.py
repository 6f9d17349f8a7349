"""Formats of agent frameworks' own; what openai-agents wrote is read in `test_episode.py`."""

import pytest

from rlviz.parallelism import read_spans

START = 1_767_225_600  # 2026-01-01


def call(number, parent, start, end, kind=None, usage=None):
    """A call as Weave's client gives it by `to_dict`."""
    return {
        "id": number,
        "trace_id": "t",
        "parent_id": parent,
        "project_id": "team/swarm",
        "op_name": f"weave:///team/swarm/op/{number}:0123",
        "inputs": {},
        "attributes": {"weave": {"kind": kind}} if kind else {},
        "summary": {"usage": {"policy": usage}} if usage else {},
        "started_at": f"2026-01-01T00:00:{start:02d}.000000Z",
        "ended_at": None if end is None else f"2026-01-01T00:00:{end:02d}.000000Z",
    }


def usage(prompt, cached, completion):
    return {
        "requests": 1,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def test_calls_of_weave_sum_up_what_is_inside_and_are_counted_once():
    calls = [
        call("main", None, 0, 10, "agent", usage(450, 150, 200)),
        call("plan", "main", 0, 1, "llm", usage(100, 0, 20)),
        *(call(f"sub{k}", "main", 1, 1 + k, "agent", usage(50, 0, 10 * k)) for k in (4, 6, 5)),
        *(call(f"ask{k}", f"sub{k}", 1, 1 + k, "llm", usage(50, 0, 10 * k)) for k in (4, 6, 5)),
        call("look up", "main", 7, 8, "tool"),
        call("answer", "main", 8, 10, "llm", usage(200, 150, 30)),
    ]
    [episode] = read_spans(calls)
    assert (episode.parallelism().work, episode.parallelism().span) == (1 + 15 + 1 + 2, 10)
    got = (episode.prompt_tokens, episode.cached_tokens, episode.completion_tokens)
    assert got == (450, 150, 200)
    assert {each.model for each in episode.calls} == {"policy"}
    assert episode.trace.spans()[0].name == "main"


def test_what_a_usage_of_weave_leaves_out_is_unknown_not_none():
    said = {"prompt_tokens": 9, "requests": 1}
    [episode] = read_spans([call("ask", None, 0, 1, "llm", said)])
    [asked] = episode.calls
    assert (asked.prompt_tokens, asked.completion_tokens) == (9, None)


def test_a_call_of_weave_that_never_began_is_passed_over():
    asked = call("ask", None, 0, 1, "llm", usage(9, 0, 1))
    [episode] = read_spans([asked, {**call("queued", "ask", 0, 1, "tool"), "started_at": None}])
    assert [span.name for span in episode.trace.spans()] == ["ask"]


def test_a_call_that_has_not_ended_is_clipped():
    [episode] = read_spans([call("main", None, 0, None), call("ask", "main", 2, 4)])
    assert episode.trace.unfinished == 1
    assert episode.parallelism().work == pytest.approx(4)


def test_what_openai_agents_exports_beside_spans_is_passed_over():
    trace = {"object": "trace", "id": "trace_1", "workflow_name": "x", "group_id": None}
    never_started = {"object": "trace.span", "id": "span_1", "trace_id": "trace_1"}
    never_started |= {"parent_id": None, "started_at": None, "ended_at": None, "span_data": {}}
    assert read_spans([trace, never_started]) == []
