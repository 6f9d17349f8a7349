"""Sorting spans into episodes, finding parents, telling tokens from their sums."""

from fractions import Fraction

import pytest

from rlviz.parallelism import SpanRecord, read_spans
from rlviz.parallelism.spans.lineage import lineages


def span(number, parent=None, start=0, end=10, **told):
    return SpanRecord(id=number, parent=parent, start=start, end=end, **told)


def tokens(number, parent, prompt, completion, kind=None):
    return span(number, parent, kind=kind, prompt_tokens=prompt, completion_tokens=completion)


def names(lineage):
    """Each span with its parent, by their ids."""
    records = lineage.records
    return {
        record.id: None if parent is None else records[parent].id
        for record, parent in zip(records, lineage.parents, strict=True)
    }


def counted(*spans):
    """The ids of those spans whose tokens count."""
    [lineage] = lineages(spans)
    repeated = lineage.tokens_repeated()
    return {
        record.id
        for k, record in enumerate(lineage.records)
        if record.has_tokens and k not in repeated
    }


def test_a_parent_is_found_through_spans_of_transport():
    [lineage] = lineages(
        [
            span(1),
            span(2, 1, kind="transport"),
            span(3, 2, kind="transport"),
            span(4, 3, kind="agent"),
        ]
    )
    assert names(lineage) == {1: None, 4: 1}
    assert lineage.missing == 0


def test_agents_under_a_request_that_is_left_out_are_roots():
    [lineage] = lineages([span(1, kind="transport"), span(2, 1), span(3, 1)])
    assert names(lineage) == {2: None, 3: None}


def test_the_same_id_in_two_traces_is_two_spans():
    one, two = lineages([span(1, episode="x"), span(1, episode="y"), span(2, 1, episode="y")])
    assert (names(one), names(two)) == ({1: None}, {1: None, 2: 1})


def test_traces_of_one_session_are_one_episode():
    [lineage] = lineages(
        [
            span(1, episode="x", session="talk"),
            span(2, episode="y", session="talk"),
            span(3, 2, episode="y"),
        ]
    )
    assert lineage.key == "talk"
    assert names(lineage) == {1: None, 2: None, 3: 2}


def test_sessions_inside_one_trace_are_episodes_and_inherited_by_what_is_inside():
    spans = [
        span("batch", episode="x"),
        span("a", "batch", episode="x", session="rollout a"),
        span("b", "batch", episode="x", session="rollout b"),
        span("a1", "a", episode="x"),
    ]
    found = {lineage.key: names(lineage) for lineage in lineages(spans)}
    assert found == {
        "x": {"batch": None},
        "rollout a": {"a": None, "a1": "a"},
        "rollout b": {"b": None},
    }


def test_a_session_and_a_trace_of_the_same_name_stay_apart():
    one, two = lineages([span(1, episode="x", session="7"), span(2, episode="7")])
    assert (one.key, two.key) == ("7", "7")
    assert (names(one), names(two)) == ({1: None}, {2: None})


def test_where_one_span_alone_names_the_session_the_whole_trace_is_in_it():
    [lineage] = lineages([span(1), span(2, 1, session="talk"), span(3, 1)])
    assert lineage.key == "talk"
    assert len(lineage.records) == 3


def test_a_span_whose_parent_is_missing_is_a_child_of_the_root_that_it_runs_in():
    [lineage] = lineages([span(1, end=10), span(2, 77, 2, 5), span(3, 2, 3, 4)])
    assert names(lineage) == {1: None, 2: 1, 3: 2}
    assert lineage.missing == 1


def test_it_stays_a_root_if_it_runs_on_or_there_are_two_roots():
    [late] = lineages([span(1, end=10), span(2, 77, 2, 15)])
    [two] = lineages([span(1), span(2), span(3, 77, 2, 5)])
    assert (names(late)[2], names(two)[3]) == (None, None)


def test_one_missing_parent_is_the_rule_across_processes_and_no_warning():
    [episode] = read_spans([span(1, "in the trainer"), span(2, 1)])
    assert episode.missing_parents == 1


def test_spans_that_are_each_others_parents_are_refused_in_words():
    with pytest.raises(ValueError, match="is among its own ancestors"):
        read_spans([span(1, 2), span(2, 1)])


def test_a_span_given_twice_is_refused():
    with pytest.raises(ValueError, match=r"span id 'x' \('main'\) appears twice"):
        read_spans([span("x", name="main"), span("x", name="main")])


def test_what_steps_and_runs_add_up_counts_once():
    assert counted(
        tokens("run", None, 30, 3), tokens("step", "run", 20, 2), tokens("call", "step", 10, 1)
    ) == {"call"}


def test_a_call_that_two_instrumentations_saw_counts_once():
    assert counted(
        tokens("proxy", None, 10, 1, "model"), tokens("client", "proxy", 10, 1, "model")
    ) == {"client"}


def test_a_call_that_a_tool_makes_inside_a_call_is_another():
    spans = (
        tokens("outer", None, 100, 9, "model"),
        span("tool", "outer", kind="tool"),
        tokens("inner", "tool", 10, 1, "model"),
    )
    assert counted(*spans) == {"outer", "inner"}


def test_an_agents_sum_is_its_own_where_its_calls_have_no_spans():
    agents = (
        tokens("main", None, 460, 60, "agent"),
        span("step", "main"),
        tokens("sub", "step", 50, 40, "agent"),
        tokens("call", "sub", 50, 40, "model"),
    )
    assert counted(*agents) == {"main", "call"}
    assert counted(*agents, tokens("its call", "main", 460, 60, "model")) == {"call", "its call"}


def test_an_agents_sum_over_its_sub_agents_counts_once():
    assert counted(
        tokens("main", None, 50, 40, "agent"),
        tokens("a", "main", 30, 10, "agent"),
        tokens("b", "main", 20, 30, "agent"),
    ) == {"a", "b"}


def test_epoch_nanoseconds_stay_exact():
    epoch = 1_700_000_000_000_000_001
    [lineage] = lineages([span(1, None, Fraction(epoch, 10**9), Fraction(epoch + 3, 10**9))])
    assert lineage.agent_spans()[0].end == 3e-9
