"""Self time and the fork-join order, as `Forest` defines them."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import Trace, work_span
from rlviz.parallelism.forest import AgentSpan, Forest


class TestSelfTime:
    def test_children_that_overlap_run_side_by_side(self):
        # main works [0, 1) and [6, 8); left [1, 5), right [2, 6): work 3 + 8, span 1 + 4 + 2
        forest = Forest(
            [AgentSpan("main", 0, 8), AgentSpan("left", 1, 5, 0), AgentSpan("right", 2, 6, 0)]
        )
        assert (forest.work, forest.span) == (11, 7)

    def test_children_that_follow_one_another_are_a_chain(self):
        forest = Forest(
            [AgentSpan("main", 0, 9), AgentSpan("first", 0, 4, 0), AgentSpan("then", 4, 9, 0)]
        )
        assert (forest.work, forest.span) == (9, 9)

    def test_the_parent_works_between_two_groups(self):
        # group [0, 4) + [0, 3), main [4, 5), group [5, 7) + [5, 9): work 7 + 1 + 6, span 4 + 1 + 4
        forest = Forest(
            [
                AgentSpan("main", 0, 9),
                AgentSpan("a", 0, 4, 0),
                AgentSpan("b", 0, 3, 0),
                AgentSpan("c", 5, 7, 0),
                AgentSpan("d", 5, 9, 0),
            ]
        )
        assert (forest.work, forest.span) == (14, 9)

    def test_grandchildren_take_the_time_from_their_parent_only_once(self):
        # main [0, 1) + [9, 10), child [1, 2) + [8, 9), two grandchildren [2, 8) and [2, 5)
        forest = Forest(
            [
                AgentSpan("main", 0, 10),
                AgentSpan("child", 1, 9, 0),
                AgentSpan("x", 2, 8, 1),
                AgentSpan("y", 2, 5, 1),
            ]
        )
        assert (forest.work, forest.span) == (2 + 2 + 9, 2 + 2 + 6)

    def test_pieces_inside_children_that_overlap_are_not_ordered_by_their_times(self):
        # Two children [0, 10): one works [0, 2) and waits for [2, 10); the other works [0, 6) and
        # waits for [6, 10). The first one's work ended before the other's child began, but neither
        # waits for the other.
        forest = Forest(
            [
                AgentSpan("left", 0, 10),
                AgentSpan("right", 0, 10),
                AgentSpan("l", 2, 10, 0),
                AgentSpan("r", 6, 10, 1),
            ]
        )
        assert (forest.work, forest.span) == (20, 10)

    def test_roots_side_by_side_are_as_independent_as_children(self):
        forest = Forest([AgentSpan("a", 0, 4), AgentSpan("b", 1, 5), AgentSpan("c", 5, 6)])
        assert (forest.work, forest.span) == (9, 5)

    def test_a_child_that_outlives_its_parent_counts_to_its_own_end(self):
        # main [0, 1), child [1, 9) although main ends at 3
        forest = Forest([AgentSpan("main", 0, 3), AgentSpan("child", 1, 9, 0)])
        assert (forest.work, forest.span) == (9, 9)

    def test_an_agent_started_after_its_parent_belongs_to_the_ancestor_that_still_runs(self):
        # main [0, 1), child [1, 2), main [2, 5), its late child [5, 6), main [6, 10): one chain
        forest = Forest(
            [AgentSpan("main", 0, 10), AgentSpan("child", 1, 2, 0), AgentSpan("late", 5, 6, 1)]
        )
        assert (forest.work, forest.span) == (10, 10)

    def test_an_end_before_the_start_is_refused(self):
        with pytest.raises(ValueError, match="span 'a' must start before it ends, got start=5"):
            Forest([AgentSpan("a", 5, 3)])

    def test_agents_that_are_each_others_parents_are_refused(self):
        with pytest.raises(ValueError, match="span 'a' is among its own ancestors"):
            Forest([AgentSpan("a", 0, 1, 1), AgentSpan("b", 0, 1, 0)])


class TestProperties:
    """A program is a list of steps: a number is work, a list is a group of agents, joined after."""

    programs = st.recursive(
        st.lists(st.integers(0, 5), max_size=4),
        lambda inner: st.lists(
            st.one_of(st.integers(0, 5), st.lists(inner, min_size=1, max_size=4)), max_size=4
        ),
        max_leaves=12,
    )

    def schedule(self, program, start, spans, parent, delay):
        """Run it with as many processors as it asks for; a child of a group may start late."""
        me = len(spans)
        spans.append(None)
        now = start
        for step in program:
            if isinstance(step, int):
                now += step
                continue
            reach = now  # some child always runs until the group is joined: no idle gap
            for child in step:
                begin = now + delay(reach - now)
                reach = max(reach, self.schedule(child, begin, spans, me, delay))
            now = reach
        spans[me] = AgentSpan(f"agent-{me}", start, now, parent)
        return now

    def graph(self, program, weights, edges, before):
        """The program's own graph; gives the nodes that what comes next has to wait for."""
        for step in program:
            if isinstance(step, int):
                node = len(weights)
                weights[node] = step
                edges += [(other, node) for other in before]
                before = [node]
            else:
                ends = [self.graph(child, weights, edges, before) for child in step]
                before = list({node for end in ends for node in end} | set(before))
        return before

    @given(programs)
    def test_with_processors_for_all_it_equals_the_programs_own_graph(self, program):
        spans, weights, edges = [], {}, []
        self.schedule(program, 0, spans, None, lambda room: 0)
        self.graph(program, weights, edges, [])
        forest, graph = Forest(spans), work_span(weights, edges)
        assert (forest.work, forest.span) == (graph.work, graph.span)

    @given(programs, st.randoms())
    def test_with_queues_it_lies_between_busy_and_the_programs_own_graph(self, program, rnd):
        spans, weights, edges = [], {}, []
        self.schedule(program, 0, spans, None, lambda room: rnd.randint(0, room))
        self.graph(program, weights, edges, [])
        trace, graph = pickle.loads(pickle.dumps(Trace())), work_span(weights, edges)
        trace._record = tuple(spans)
        got, system = trace.parallelism(), trace.concurrency()
        assert got.work == graph.work == system.work
        if got.work:
            assert system.wall <= system.busy <= got.average <= graph.average

    @given(programs, st.randoms())
    def test_the_order_of_recording_does_not_matter(self, program, rnd):
        spans = []
        self.schedule(program, 0, spans, None, lambda room: rnd.randint(0, room))
        new = list(range(len(spans)))
        rnd.shuffle(new)
        shuffled = [None] * len(spans)
        for k, span in enumerate(spans):
            parent = None if span.parent is None else new[span.parent]
            shuffled[new[k]] = AgentSpan(span.name, span.start, span.end, parent)
        one, other = Forest(spans), Forest(shuffled)
        assert (one.work, one.span) == (other.work, other.span)
