"""Attributes of every convention, and exports of spans in every shape."""

import copy
from types import SimpleNamespace

import pytest

from rlviz.parallelism import read_spans
from rlviz.parallelism.spans import opentelemetry
from rlviz.parallelism.spans.sources import records


def live(attributes, name="span", number=1, trace=1, start=0, end=10**9, parent=None):
    return SimpleNamespace(
        name=name,
        context=SimpleNamespace(span_id=number, trace_id=trace),
        parent=parent,
        start_time=start,
        end_time=end,
        attributes=attributes,
    )


def read(attributes):
    [record] = opentelemetry.from_sdk(live(attributes))
    return record


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
        ({"gen_ai.operation.name": "chat"}, "model"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"openinference.span.kind": "AGENT"}, "agent"),
        ({"openinference.span.kind": "LLM"}, "model"),
        ({"openinference.span.kind": "CHAIN"}, None),
        ({"mlflow.spanType": '"CHAT_MODEL"'}, "model"),
        ({"traceloop.span.kind": "tool"}, "tool"),
        ({"agentops.span.kind": "agent"}, "agent"),
        ({"http.request.method": "POST"}, "transport"),
        ({"db.system": "redis"}, "transport"),
        # an instrumented client is both, and says which
        ({"gen_ai.operation.name": "chat", "url.full": "https://x"}, "model"),
        ({}, None),
        (None, None),
    ],
)
def test_what_a_span_is_follows_from_its_attributes(attributes, kind):
    assert read(attributes).kind == kind


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.output_tokens": 2,
        },
        {
            "gen_ai.usage.prompt_tokens": 9,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.usage.completion_tokens": 2,
        },
        {
            "llm.token_count.prompt": 9,
            "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.completion": 2,
        },
        {
            "mlflow.chat.tokenUsage": '{"input_tokens": 9, "output_tokens": 2, "total_tokens": 11, '
            '"cache_read_input_tokens": 4}'
        },
    ],
)
def test_tokens_are_found_under_the_names_of_every_convention(attributes):
    record = read(attributes)
    assert (record.prompt_tokens, record.cached_tokens, record.completion_tokens) == (9, 4, 2)


def test_points_in_time_and_announcements_of_logfire_are_no_spans():
    spans = [
        live({"logfire.span_type": "span"}, number=1),
        live({"logfire.span_type": "pending_span"}, number=2),
        live({"logfire.span_type": "log"}, number=3),
    ]
    assert [record.id for record in records(spans)] == [1]


OTLP = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "parentSpanId": "",
                            "name": "chat",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712662000000000",
                            "attributes": [
                                {
                                    "key": "gen_ai.operation.name",
                                    "value": {"stringValue": "chat"},
                                },
                                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "9"}},
                                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "2"}},
                            ],
                        },
                    ]
                }
            ]
        }
    ]
}


def test_a_message_of_otlp_in_json_is_unpacked():
    [episode] = read_spans([OTLP])
    assert episode.id == "5b8efff798038103d269b633813fc60c"
    assert episode.parallelism().work == 2
    assert (episode.prompt_tokens, episode.completion_tokens) == (9, 2)
    assert episode.missing_parents == 0  # an empty parent is none


def test_otlps_0_is_a_span_that_has_not_ended():
    message = copy.deepcopy(OTLP)
    message["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["endTimeUnixNano"] = "0"
    [episode] = read_spans([message])
    assert episode.trace.unfinished == 1


def test_a_span_that_never_started_is_refused():
    with pytest.raises(ValueError, match=r"span 'ask' has no start_time. Give started spans only"):
        read_spans([live({}, name="ask", start=None)])


def test_live_spans_and_traces_of_mlflow_are_read_by_their_own_names():
    span = SimpleNamespace(
        name="chat",
        span_id="b",
        parent_id=None,
        trace_id="tr-1",
        start_time_ns=10**9,
        end_time_ns=3 * 10**9,
        attributes={
            "mlflow.spanType": "CHAT_MODEL",
            "mlflow.chat.tokenUsage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
        },
    )
    trace = SimpleNamespace(data=SimpleNamespace(spans=[span]))
    for given in (span, trace):
        [episode] = read_spans([given])
        assert episode.id == "tr-1"
        assert episode.parallelism().work == 2
        assert episode.prompt_tokens == 9


def test_spans_of_agent_lightning_are_one_episode_a_rollout_though_processes_have_traces():
    def span(trace, number, start, end):
        return {
            "rollout_id": "ro-1",
            "attempt_id": "at-1",
            "sequence_id": number,
            "trace_id": trace,
            "span_id": f"{number:016x}",
            "parent_id": None,
            "name": "chat",
            "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.prompt_tokens": 9},
            "start_time": start,
            "end_time": end,
        }

    [episode] = read_spans([span("x", 1, 100.0, 104.0), span("y", 1, 100.0, 102.0)])
    assert episode.id == "ro-1/at-1"
    assert episode.parallelism().average == 1.5
    assert episode.prompt_tokens == 18
