"""Average parallelism in graph form: DEFINITIONS section 2."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import work_span

NAN, INF = float("nan"), float("inf")


class TestGraph:
    def test_the_span_is_the_costliest_path(self):
        # a -> b -> d costs 2 + 3 + 1, a -> c -> d costs 2 + 1 + 1
        result = work_span(
            {"a": 2, "b": 3, "c": 1, "d": 1},
            [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")],
        )
        assert (result.work, result.span) == (7, 6)

    def test_branches_that_go_on_independently_are_not_synchronized_by_level(self):
        # Chains 5 -> 1 and 1 -> 5: each costs 6. Level by level it would be 5 + 5.
        result = work_span({"a": 5, "b": 1, "c": 1, "d": 5}, [("a", "b"), ("c", "d")])
        assert (result.work, result.span) == (12, 6)

    def test_nodes_without_edges_run_side_by_side(self):
        assert work_span(dict.fromkeys(range(8), 2), []).average == 8.0

    def test_repeated_edges_do_not_matter(self):
        assert work_span({1: 1, 2: 1}, [(1, 2), (1, 2)]).span == 2

    def test_an_empty_graph_and_one_of_free_nodes_are_undefined(self):
        assert math.isnan(work_span({}, []).average)
        assert math.isnan(work_span({"a": 0, "b": 0}, [("a", "b")]).average)

    @pytest.mark.slow
    def test_a_chain_of_a_hundred_thousand_nodes_is_no_problem(self):
        n = 100_000
        assert (
            work_span(dict.fromkeys(range(n), 1), zip(range(n), range(1, n), strict=False)).span
            == n
        )

    @given(
        st.integers(1, 12).flatmap(
            lambda n: st.tuples(
                st.lists(st.integers(0, 9), min_size=n, max_size=n),
                st.sets(
                    st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(
                        lambda edge: edge[0] < edge[1]
                    )
                ),
            )
        )
    )
    def test_it_equals_the_maximum_over_all_paths(self, graph):
        weights, edges = graph

        def finish(node):
            return weights[node] + max((finish(a) for a, b in edges if b == node), default=0)

        result = work_span(dict(enumerate(weights)), edges)
        assert result.span == max(map(finish, range(len(weights))))
        assert result.work == sum(weights)

    def test_a_cycle_is_refused_and_named(self):
        with pytest.raises(ValueError, match="the edges close a cycle: 'b' -> 'c' -> 'b'"):
            work_span({"a": 1, "b": 1, "c": 1, "d": 1}, [("b", "c"), ("c", "b"), ("c", "d")])
        with pytest.raises(ValueError, match="cycle: 1 -> 1"):
            work_span({1: 1}, [(1, 1)])

    def test_an_unknown_node_is_refused_and_named(self):
        with pytest.raises(ValueError, match=r"edge \('a', 'z'\) names the unknown node 'z'"):
            work_span({"a": 1}, [("a", "z")])

    @pytest.mark.parametrize("bad", [-1, NAN, INF])
    def test_a_negative_or_undefined_cost_is_refused(self, bad):
        with pytest.raises(ValueError, match="cost of node 'b' must be finite and >= 0"):
            work_span({"a": 1, "b": bad}, [])

    @pytest.mark.parametrize("bad", ["3", None, [1]])
    def test_what_is_no_cost_is_refused(self, bad):
        with pytest.raises(TypeError, match="cost of node 'a' must be a number >= 0, got"):
            work_span({"a": bad}, [])

    def test_the_unit_of_the_costs_is_kept(self):
        steps, seconds = work_span({"a": 2, "b": 3}, []), work_span({"a": 0.5, "b": 0.25}, [])
        assert (steps.work, steps.span) == (5, 3)
        assert type(steps.work) is int
        assert (seconds.work, seconds.span) == (0.75, 0.5)
