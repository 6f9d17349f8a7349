"""Calls as gateways record them, by the schemas of agent-lightning 1.0 and rLLM's gateway."""

import pytest

from rlviz.parallelism import read_spans


def event(written, latency, **data):
    return {
        "event_type": "model_request",
        "rollout_id": "ro-1",
        "attempt_id": "0",
        "timestamp": written,
        "data": {
            "model": "policy",
            "request": {"messages": []},
            "latency_ms": latency,
            "status": "ok",
            **data,
        },
    }


def usage(prompt, cached, completion):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def test_events_of_agent_lightning_are_written_when_their_calls_are_over():
    events = [
        event(101.0, 1000.0, usage=usage(100, 0, 20)),  # [100, 101)
        event(105.0, 4000.0, usage=usage(50, 0, 40)),  # [101, 105)
        event(107.0, 6000.0, response={"usage": usage(50, 25, 60)}),  # [101, 107)
        {**event(107.5, None), "event_type": "reward", "data": {"value": 1.0}},
    ]
    [episode] = read_spans(events)
    assert episode.id == "ro-1/0"
    assert (episode.parallelism().work, episode.parallelism().span) == (11, 7)
    got = (episode.prompt_tokens, episode.cached_tokens, episode.completion_tokens)
    assert got == (200, 25, 120)


def test_events_and_spans_of_one_attempt_are_one_episode():
    span = {
        "span_id": "a",
        "trace_id": "x",
        "name": "look up",
        "start_time": 98.0,
        "end_time": 100.0,
        "rollout_id": "ro-1",
        "attempt_id": "0",
        "attributes": {},
    }
    [episode] = read_spans([event(101.0, 1000.0), span])
    assert (episode.parallelism().work, episode.parallelism().span) == (3, 3)


def test_attempts_of_a_rollout_are_episodes():
    first, second = event(101.0, 1000.0), {**event(201.0, 1000.0), "attempt_id": "1"}
    assert [episode.id for episode in read_spans([first, second])] == ["ro-1/0", "ro-1/1"]


def trace(number, written, latency, **fields):
    return {
        "trace_id": number,
        "session_id": "task-3:0",
        "model": "policy",
        "messages": [],
        "prompt_token_ids": [],
        "completion_token_ids": [],
        "latency_ms": latency,
        "token_counts": {},
        "timestamp": written,
        "metadata": {},
        **fields,
    }


def test_records_of_rllms_gateway_are_episodes_by_session():
    records = [
        trace("a", 102.0, 2000.0, token_counts={"prompt": 100, "completion": 20}),
        trace("b", 103.0, 1000.0, prompt_token_ids=[1] * 7, completion_token_ids=[1] * 3),
        trace("c", 103.0, 1000.0, session_id="task-3:1"),
    ]
    one, other = read_spans(records)
    assert (one.id, other.id) == ("task-3:0", "task-3:1")
    assert (one.parallelism().work, one.parallelism().span) == (3, 3)
    assert (one.prompt_tokens, one.completion_tokens) == (107, 23)
    assert other.calls_without_tokens == 1


def test_a_chained_record_holds_only_what_is_new_of_its_prompt():
    chained = {"parent_trace_id": "a", "prompt_delta_token_ids": [1, 2]}
    records = [
        trace("a", 101.0, 1000.0, prompt_token_ids=[1] * 7, completion_token_ids=[1] * 3),
        trace("b", 103.0, 1000.0, token_counts={"prompt": 12, "completion": 4}, **chained),
    ]
    [episode] = read_spans(records)
    assert episode.prompt_tokens == 7 + 12
    assert episode.missing_parents == 0
    assert episode.parallelism().average == 1


def test_the_other_schema_of_rllm_has_its_latency_among_the_metrics():
    record = {
        "trace_id": "a",
        "session_id": "s",
        "timestamp": 105.0,
        "endpoint": "chat_completions",
        "model": "policy",
        "usage": {"prompt_tokens": 9, "completion_tokens": 2},
        "metrics": {"gateway_latency_ms": 2500.0},
        "metadata": {},
    }
    [episode] = read_spans([record])
    assert episode.parallelism().work == 2.5
    assert episode.prompt_tokens == 9


def test_an_event_without_its_time_is_refused():
    with pytest.raises(ValueError, match="timestamp"):
        read_spans([event(None, 1000.0)])
