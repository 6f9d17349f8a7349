"""Sub-agents of an episode, worked out by hand."""

import pickle

import pytest

from rlviz.parallelism import (
    AgentSpan,
    ParallelismSums,
    SpanRecord,
    Trace,
    critical_steps,
    read_spans,
)
from rlviz.parallelism.sub_agents import sub_agent_sums

MAIN = AgentSpan("main", 0, 20)


def groups(*runs):
    """Groups and the largest of them, of sub-agents of `main` that ran at these times."""
    found = sub_agent_sums([MAIN, *(AgentSpan("sub", *times, parent=0) for times in runs)])
    assert found["sub_agents"] == len(runs)
    return found["spawning_stages"], found["fan_out_max"]


def trace_at(*times):
    ticks = iter(times)
    return Trace(clock=lambda: float(next(ticks)))


def trace_of(sub_agents):
    return Trace._of((MAIN, *(AgentSpan("sub", 1, 5, parent=0) for _ in range(sub_agents))))


class TestGroups:
    def test_sub_agents_that_overlap_are_one_whatever_their_order(self):
        assert groups((1, 5), (1, 5), (1, 5)) == (1, 3)
        assert groups((4, 6), (1, 5)) == (1, 2)

    def test_each_need_overlap_only_with_one_before_it(self):
        assert groups((1, 3), (2, 6), (5, 7)) == (1, 3)
        assert groups((1, 9), (2, 3), (4, 5)) == (1, 3)

    def test_one_that_starts_when_another_ends_is_of_another(self):
        assert groups((1, 3), (3, 5)) == (2, 1)
        assert groups((1, 3), (2, 4), (4, 5)) == (2, 2)

    def test_one_that_never_ends_overlaps_all_later_ones(self):
        assert groups((1, None), (5, 6), (10, 11)) == (1, 3)

    def test_sub_agents_of_different_agents_are_never_of_one(self):
        spans = [
            MAIN,
            AgentSpan("left", 1, 9, parent=0),
            AgentSpan("right", 1, 9, parent=0),
            AgentSpan("helper", 2, 3, parent=1),
            AgentSpan("helper", 2, 3, parent=2),
        ]
        found = sub_agent_sums(spans)
        assert (found["sub_agents"], found["spawning_stages"]) == (4, 3)


class TestWhatIsASubAgent:
    def test_an_agent_that_works_alone_has_none_and_that_is_known(self):
        assert sub_agent_sums([MAIN])["sub_agent_episodes"] == 1
        assert sub_agent_sums([MAIN])["sub_agents"] == 0
        assert sub_agent_sums([MAIN, AgentSpan("other", 0, 5)])["sub_agents"] == 0  # no parent

    def test_nothing_is_known_where_no_span_is_an_agent(self):
        assert sub_agent_sums([]) == {}
        assert sub_agent_sums([AgentSpan("call", 0, 5, is_agent=False)]) == {}

    def test_it_may_be_started_inside_a_tool(self):
        spans = [
            MAIN,
            AgentSpan("tool", 1, 9, parent=0, is_agent=False),
            AgentSpan("sub", 2, 5, parent=1),
            AgentSpan("sub", 3, 4, parent=0),
        ]
        found = sub_agent_sums(spans)
        assert (found["sub_agents"], found["spawning_stages"], found["fan_out_max"]) == (2, 1, 2)


class TestTrace:
    def test_it_knows_its_sub_agents_and_keeps_them_when_it_is_pickled(self):
        trace = trace_at(0, 1, 2, 3, 4, 5, 6, 7)
        with trace.agent("main") as main:
            left, right = trace.agent("left", parent=main), trace.agent("right", parent=main)
            with left, right:
                pass
            with trace.agent("checker"):
                pass
        right.useful = False
        left.useful = True
        for each in (trace, pickle.loads(pickle.dumps(trace))):
            sums = each.sums()
            assert (sums.sub_agents, sums.spawning_stages, sums.fan_out_max) == (3, 2, 2)
            assert (sums.useful_sub_agents, sums.judged_sub_agents) == (1, 2)
            assert sums.useful_share == 0.5
            assert (sums.sub_agents_mean, sums.fan_out_mean) == (3.0, 1.5)

    def test_whether_one_was_useful_is_not_guessed_from_how_it_ended(self):
        trace = trace_at(0, 1, 2, 3)
        with trace.agent("main"), pytest.raises(OSError, match="lost"), trace.agent("sub"):
            raise OSError("lost")
        assert trace.sums().judged_sub_agents == 0
        assert trace.sums().useful_share != trace.sums().useful_share  # NaN


class TestSpans:
    def read(self, *spans):
        [episode] = read_spans(spans)
        return episode.sums()

    def agent(self, name, start, end, parent=None, **more):
        return SpanRecord(id=name, start=start, end=end, parent=parent, kind="agent", **more)

    def call(self, name, start, end, parent, kind="model"):
        return SpanRecord(id=name, start=start, end=end, parent=parent, kind=kind)

    def test_only_agents_count_and_not_models_and_tools(self):
        sums = self.read(
            self.agent("main", 0, 10),
            self.call("plan", 0, 1, "main"),
            self.call("look up", 1, 9, "main", "tool"),
            self.agent("left", 1, 5, "look up", useful=True),
            self.agent("right", 2, 6, "look up", useful=False),
        )
        assert (sums.sub_agents, sums.fan_out_max, sums.useful_share) == (2, 2, 0.5)
        assert sums.sub_agent_episodes == 1

    def test_calls_without_any_agent_tell_nothing_of_sub_agents(self):
        sums = self.read(self.call("a", 0, 5, None), self.call("b", 1, 6, None))
        assert (sums.sub_agent_episodes, sums.parallel_share) == (0, 1.0)

    def test_a_root_around_agents_that_take_turns_is_no_agent(self):
        sums = self.read(
            self.agent("workflow", 0, 12),
            self.agent("triage", 0, 4, "workflow"),
            self.call("ask", 0, 3, "triage"),
            self.agent("expert", 4, 12, "workflow"),
            self.call("think", 4, 6, "expert"),
            self.agent("helper", 6, 8, "expert"),
        )
        assert (sums.sub_agents, sums.spawning_stages) == (1, 1)  # the expert's helper

    def test_where_only_agents_are_recorded_a_root_is_the_agent_that_it_says_it_is(self):
        spans = [
            self.agent("main", 0, 12),
            self.agent("left", 1, 4, "main"),
            self.agent("right", 4, 9, "main"),
        ]
        assert self.read(*spans).sub_agents == 2
        around = SpanRecord(id="main", start=0, end=12)  # the user says that it is no agent
        assert self.read(around, *spans[1:]).sub_agents == 0

    def test_a_root_is_an_agent_once_a_call_of_its_own_is_recorded_or_someone_was_useful(self):
        turns = [
            self.agent("main", 0, 12),
            self.agent("left", 1, 4, "main"),
            self.call("think", 1, 3, "left"),
        ]
        assert self.read(*turns).sub_agents == 0
        assert self.read(*turns, self.call("plan", 0, 1, "main")).sub_agents == 1
        useful = self.agent("right", 5, 6, "main", useful=False)
        assert self.read(*turns, useful).sub_agents == 2

    def test_a_root_whose_agents_overlap_is_one(self):
        sums = self.read(
            self.agent("main", 0, 10), self.agent("a", 1, 5, "main"), self.agent("b", 1, 3, "main")
        )
        assert (sums.sub_agents, sums.fan_out_max) == (2, 2)


def test_they_add_up_over_episodes_and_the_largest_group_stays():
    alone = ParallelismSums.from_episodes([trace_of(0), trace_of(3)])
    both = alone.merge(ParallelismSums.from_episodes(trace_of(5)))
    assert (both.sub_agents, both.sub_agent_episodes, both.fan_out_max) == (8, 3, 5)
    assert both.sub_agents_mean == 8 / 3


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_spans_that_start_together_are_one_group_in_any_order(order):
    pair = [AgentSpan("a", 1.0, 1.0, parent=0), AgentSpan("b", 1.0, 5.0, parent=0)]
    spans = (AgentSpan("main", 0.0, 6.0), *(pair[at] for at in order))
    assert Trace._of(spans).sums().fan_out_max == 2


class TestUseful:
    """A word such as "no", which Python holds for true, counts for no useful sub-agent."""

    @pytest.mark.parametrize(
        "record",
        [
            lambda said: AgentSpan("sub", 1, 5, parent=0, useful=said),
            lambda said: SpanRecord(id=1, start=0.0, end=2.0, kind="agent", useful=said),
        ],
    )
    @pytest.mark.parametrize("said", ["no", "yes", 0.3, 2, []])
    def test_what_is_neither_true_nor_false_is_refused(self, record, said):
        with pytest.raises(TypeError, match="useful must be True or False, got "):
            record(said)

    def test_an_agent_is_told_at_once(self):
        trace = trace_at(0, 1, 2, 3)
        with trace.agent("main"), trace.agent("sub") as agent:
            pass
        with pytest.raises(TypeError, match="useful must be True or False, got 'no'"):
            agent.useful = "no"
        agent.useful = 0
        assert agent.useful is False
        assert trace.sums().judged_sub_agents == 1
        assert trace.sums().useful_sub_agents == 0

    @pytest.mark.parametrize("said", ["no", True, 0.5, [1]])
    def test_of_stages_it_is_a_number_of_sub_agents(self, said):
        with pytest.raises(TypeError, match="useful must be how many of the sub-agents were"):
            critical_steps([(1, [2, 3])], useful=said)
