"""Episodes from spans that real packages recorded of runs whose numbers are known by hand.

`tests/data/spans` holds what the packages recorded, with models that wait for 0.3 s a unit, and
without the attributes that nobody reads. In `SWARM` the main agent works 1 unit, has sub-agents of
4, 6 and 5 units run side by side, calls a tool of 1 unit and works 2 more: work 1 + 15 + 1 + 2,
span 1 + 6 + 1 + 2. That of openai-agents works 2, 1 and 3 units and its tool 2: 23 and 14.
"""

import json
from pathlib import Path

import pytest

from rlviz.flops import Transformer
from rlviz.parallelism import ModelCall, ParallelismSums, SpanRecord, read_spans

DATA = Path(__file__).parents[2] / "data" / "spans"
UNIT = 0.3
TINY = Transformer(
    hidden_size=4,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=8,
    vocab_size=10,
)
SWARM = (19, 10, (450, 150, 200), 5)


def recorded(name):
    return json.loads((DATA / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("source", "work", "span", "tokens", "calls"),
    [
        ("langgraph", *SWARM),
        ("logfire", *SWARM),
        ("mlflow", *SWARM),
        # main asks thrice with 100 + 160 + 200 tokens, each sub-agent once with 50
        ("openai_agents", 23, 14, (610, 290, 210), 6),
        # the instrumentation leaves out what a chat completion had cached
        ("openai_agents_openinference", 23, 14, (610, 0, 210), 6),
        # 1 + 15, a tool of 1 between two calls of 1: calls of a class of our own have no spans
        ("smolagents", 19, 10, (610, 0, 210), 4),
    ],
)
def test_what_a_package_recorded_gives_the_numbers_by_hand(source, work, span, tokens, calls):
    [episode] = read_spans(recorded(source))
    # The packages' own work between the calls, on a busy machine, is up to 8 % of the work.
    assert episode.parallelism().work == pytest.approx(work * UNIT, rel=0.08)
    assert episode.parallelism().span == pytest.approx(span * UNIT, rel=0.08)
    assert episode.parallelism().average == pytest.approx(work / span, rel=0.02)
    assert episode.concurrency().peak == 3
    got = (episode.prompt_tokens, episode.cached_tokens, episode.completion_tokens)
    assert got == tokens
    assert len(episode.calls) == calls
    assert (episode.calls_without_tokens, episode.missing_parents) == (0, 0)


def test_spans_of_agents_alone_give_a_higher_number_and_a_warning_that_says_so():
    spans = recorded("openai_agents_openinference")
    agents = [s for s in spans if s["attributes"].get("openinference.span.kind") == "AGENT"]
    with pytest.warns(UserWarning, match="4 spans of episode .* name parents that were not given"):
        [episode] = read_spans(agents)
    assert episode.missing_parents == 4
    assert episode.parallelism().average > 2  # 1.64 by hand


def test_several_traces_are_as_many_episodes_whatever_the_order_of_their_spans():
    spans = [*recorded("logfire"), *recorded("langgraph")]
    mixed = read_spans([*spans[::2], *spans[1::2]])
    assert len(mixed) == 2
    assert all(e.parallelism().average == pytest.approx(1.9, rel=0.02) for e in mixed)
    assert ParallelismSums.from_episodes(mixed).ratio_count == 2
    assert "rollout-7" in {episode.id for episode in mixed}  # LangGraph's session


def call(number, **told):
    return SpanRecord(id=number, start=0, end=1, kind="model", **told)


def test_flops_are_those_of_each_call_with_what_its_cache_spared():
    [episode] = read_spans(
        [
            call(1, prompt_tokens=5, completion_tokens=3),
            call(2, prompt_tokens=9, cached_tokens=7, completion_tokens=2),
        ]
    )
    # d = 4, so that a pair of tokens costs 4·d = 16; N = 160 in the layers + 40 in the head.
    first = 2 * 160 * (5 + 2) + 2 * 40 * 3 + 16 * (1 + 2 + 3 + 4 + 5 + 6 + 7)
    second = 2 * 160 * (2 + 1) + 2 * 40 * 2 + 16 * (8 + 9 + 10)
    assert episode.flops(TINY) == {"rollout": first + second}


def test_by_6n_a_cached_token_costs_nothing():
    by_6n = Transformer(
        hidden_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        vocab_size=10,
        convention="6N",
    )
    [episode] = read_spans([call(1, prompt_tokens=9, cached_tokens=7, completion_tokens=2)])
    assert episode.flops(by_6n) == {"rollout": 2 * 200 * (9 - 7 + 2)}


def test_a_prompt_that_is_cached_whole_feeds_its_last_token_again():
    [episode] = read_spans([call(1, prompt_tokens=9, cached_tokens=9, completion_tokens=1)])
    assert episode.flops(TINY) == {"rollout": 2 * 200 + 16 * 9}


def test_calls_of_frozen_sub_agents_are_a_phase_of_their_own_with_their_own_model():
    large = Transformer(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=1,
        intermediate_size=8,
        vocab_size=10,
    )
    [episode] = read_spans(
        [
            call(1, model="policy", prompt_tokens=5, completion_tokens=3),
            call(2, model="frozen", prompt_tokens=6, completion_tokens=4),
        ]
    )
    assert episode.flops(TINY, subagents={"frozen": large}) == {
        "rollout": TINY.generation([5], [3]),
        "rollout_subagents": large.generation([6], [4]),
    }


def test_calls_whose_tokens_nobody_wrote_down_are_counted_and_flops_refused():
    [episode] = read_spans([call(1, prompt_tokens=5, completion_tokens=3), call(2)])
    assert episode.calls == (ModelCall(None, 5, 0, 3),)
    assert episode.calls_without_tokens == 1
    with pytest.raises(ValueError, match="1 model calls of episode '' say nothing of their tokens"):
        episode.flops(TINY)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"completion_tokens": 7}, ModelCall(None, None, 0, 7)),
        ({"prompt_tokens": 0, "completion_tokens": 7}, ModelCall(None, 0, 0, 7)),
        ({"prompt_tokens": 9}, ModelCall(None, 9, 0, None)),
    ],
)
def test_a_call_of_which_only_one_side_is_known_counts_in_sums_and_flops_are_refused(
    told, expected
):
    [episode] = read_spans([call(1, prompt_tokens=5, completion_tokens=3), call(2, **told)])
    assert episode.calls == (ModelCall(None, 5, 0, 3), expected)
    assert episode.prompt_tokens == 5 + told.get("prompt_tokens", 0)
    assert episode.completion_tokens == 3 + told.get("completion_tokens", 0)
    with pytest.raises(
        ValueError, match=r"1 model calls of .* one of prompt and completion; 1 say"
    ):
        episode.flops(TINY)


def test_a_call_that_sampled_nothing_costs_its_prompt():
    [episode] = read_spans([call(1, prompt_tokens=5, completion_tokens=0)])
    assert episode.flops(TINY) == {"rollout": TINY.generation([5], [0])}


def test_flops_of_an_agent_of_whose_calls_only_the_sum_is_known_are_refused():
    [episode] = read_spans(recorded("smolagents"))
    with pytest.raises(ValueError, match=r"of 4 agents .* only the sum over their calls is known"):
        episode.flops(TINY)


def test_no_spans_are_no_episodes():
    assert read_spans([]) == []
