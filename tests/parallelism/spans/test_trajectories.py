"""Traces of slime's `trace_utils` and NeMo-Gym's observations, by their own schemas."""

from types import SimpleNamespace

from rlviz.parallelism import read_spans


def events(number, parent, start, end, attrs=None, end_attrs=None):
    """What slime's `trace_span` writes: the tokens stand with the end."""
    both = {"name": number, "trace_id": "t", "sample_id": 3, "group_id": 1, "attempt": 0}
    began = {"type": "span_start", **both, "ts": start, "span_id": number}
    if parent is not None:
        began["parent_span_id"] = parent
    ended = {"type": "span_end", **both, "ts": end, "span_id": number}
    return [
        {**began, **({"attrs": attrs} if attrs else {})},
        {**ended, **({"attrs": end_attrs} if end_attrs else {})},
    ]


def test_spans_of_slime_are_pairs_of_events_with_tokens_at_the_end():
    meta = {"prompt_tokens": 50, "completion_tokens": 40, "cached_tokens": 20}
    carrier = {
        "version": 1,
        "trace_id": "t",
        "sample_id": 3,
        "events": [
            *events("generate", None, 100.0, 110.0),
            *events("left", "generate", 101.0, 105.0, end_attrs=meta),
            {"type": "event", "name": "attempt_start", "ts": 101.0, "trace_id": "t"},
            *events("right", "generate", 101.0, 107.0, end_attrs=meta),
            events("lost", "generate", 108.0, 109.0)[0],  # it never ended
        ],
    }
    for given in (carrier, SimpleNamespace(trace=carrier), {"trace": carrier, "index": 3}):
        [episode] = read_spans([given])
        # generate itself [100, 101) and [107, 108), then the lost one up to the end
        assert (episode.parallelism().work, episode.parallelism().span) == (1 + 10 + 1 + 2, 10)
        assert (episode.prompt_tokens, episode.cached_tokens) == (100, 40)
        assert episode.trace.unfinished == 1


def call(number, start, end, prompt, cached, completion):
    return {
        "model_call_id": number,
        "started_at": start,
        "completed_at": end,
        "duration_ms": None,
        "response_metadata": {"model": "policy"},
        "token_stats": {
            "prompt_tokens": prompt,
            "cached_tokens": cached,
            "completion_tokens": completion,
        },
    }


def invocation(number, parent=None, tool=None, calls=()):
    return {
        "kind": "agent_invocation",
        "invocation_id": number,
        "parent_invocation_id": parent,
        "spawned_by_tool_call_id": tool,
        "model_calls": [{"model_call_id": each} for each in calls],
        "conversation": [],
    }


def tool(number, start, end):
    return {
        "kind": "tool_call",
        "invocation_id": "main",
        "tool_call_id": number,
        "tool_name": number,
        "started_at": start,
        "completed_at": end,
    }


INVOCATIONS = [
    invocation("main", calls=["plan", "answer"]),
    *(invocation(f"sub{k}", "main", f"task{k}", [f"ask{k}"]) for k in (4, 6, 5)),
]
TOOLS = [*(tool(f"task{k}", 101.0, 101.0 + k) for k in (4, 6, 5)), tool("look up", 107.0, 108.0)]
CALLS = [
    call("plan", 100.0, 101.0, 100, 0, 20),
    *(call(f"ask{k}", 101.0, 101.0 + k, 50, 0, 10 * k) for k in (4, 6, 5)),
    call("answer", 108.0, 110.0, 200, 150, 30),
]


def check(episode):
    assert (episode.parallelism().work, episode.parallelism().span) == (1 + 15 + 1 + 2, 10)
    got = (episode.prompt_tokens, episode.cached_tokens, episode.completion_tokens)
    assert got == (450, 150, 200)
    assert {each.model for each in episode.calls} == {"policy"}
    assert episode.missing_parents == 0


def test_a_trajectory_of_nemo_gym_is_one_episode():
    trajectory = {
        "task_id": "7",
        "rollout_id": "7-0",
        "invocations": INVOCATIONS,
        "turns": [],
        "model_calls": CALLS,
        "tool_calls": TOOLS,
        "gaps": [],
    }
    for given in (trajectory, {"reward": 1.0, "ng_trajectory": trajectory}):
        [episode] = read_spans([given])
        assert episode.id == "7-0"
        check(episode)


def test_its_observations_and_captured_calls_are_the_same_episode():
    captured = [
        {
            "model_call_id": each["model_call_id"],
            "call_index": k,
            "model": "policy",
            "started_at": each["started_at"],
            "completed_at": each["completed_at"],
            "tokens_in": each["token_stats"]["prompt_tokens"],
            "cached_tokens": each["token_stats"]["cached_tokens"],
            "tokens_out": each["token_stats"]["completion_tokens"],
        }
        for k, each in enumerate(CALLS)
    ]
    result = {
        "ng_agent_observations": {"source": "openclaw", "records": [*INVOCATIONS, *TOOLS]},
        "ng_model_call_capture": {"rollout_id": "7-0", "metrics": {}, "calls": captured},
    }
    [episode] = read_spans([result])
    check(episode)


def test_without_observations_the_calls_alone_are_roots():
    result = {"ng_model_call_capture": {"rollout_id": "7-0", "calls": CALLS}}
    [episode] = read_spans([result])
    assert (episode.parallelism().work, episode.parallelism().span) == (1 + 15 + 2, 9)


def test_rollouts_without_a_name_are_episodes_of_their_own():
    bundles = [{"source": "hermes", "records": [tool("look up", 1.0, 2.0)]} for _ in range(2)]
    assert len(read_spans(bundles)) == 2


def test_they_are_so_too_where_each_is_gone_before_the_next_is_made():
    def bundle():
        return {"source": "hermes", "records": [tool("look up", 1.0, 2.0)]}

    assert len(read_spans(bundle() for _ in range(50))) == 50


def test_a_call_whose_start_nobody_knows_is_reckoned_from_its_duration():
    late = {**call("plan", None, 103.0, 9, 0, 2), "duration_ms": 3000.0}
    result = {"ng_model_call_capture": {"rollout_id": "7-0", "calls": [late]}}
    assert read_spans([result])[0].parallelism().work == 3
