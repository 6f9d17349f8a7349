"""Average parallelism as work over span, in stage and graph form: DEFINITIONS section 2."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import (
    CriticalSteps,
    Parallelism,
    ParallelismBatch,
    ParallelismSums,
    critical_steps,
    critical_steps_batch,
    work_span,
)

NAN, INF = float("nan"), float("inf")

stages = st.lists(st.tuples(st.integers(0, 50), st.lists(st.integers(0, 50), max_size=6)))
episodes = st.lists(stages, max_size=6)


class TestOneEpisode:
    def test_the_average_is_work_over_span(self):
        assert Parallelism(work=12, span=4).average == 3.0

    def test_an_episode_without_work_is_undefined(self):
        assert math.isnan(Parallelism(0, 0).average)

    def test_work_without_span_is_refused(self):
        with pytest.raises(ValueError, match="span must be > 0 when there is work, got work=1"):
            Parallelism(1, 0)

    @pytest.mark.parametrize("bad", [-1, NAN, INF])
    def test_negative_and_undefined_costs_are_refused(self, bad):
        with pytest.raises(ValueError, match="work must be finite and >= 0, got"):
            Parallelism(bad, 1)
        with pytest.raises(ValueError, match="span must be finite and >= 0, got"):
            Parallelism(1, bad)

    @pytest.mark.parametrize("bad", ["3", None, [1]])
    def test_what_is_no_cost_is_refused(self, bad):
        with pytest.raises(TypeError, match="span must be a number >= 0, got"):
            Parallelism(1, bad)
        with pytest.raises(TypeError, match="cost of node 'a' must be a number >= 0, got"):
            work_span({"a": bad}, [])


class TestStages:
    def test_the_span_is_the_critical_steps_of_each_stage(self):
        # work (2 + 3+5) + (1 + 4) + (3) = 18; span (2 + 5) + (1 + 4) + 3 = 15
        episode = critical_steps([(2, [3, 5]), (1, [4]), (3, [])])
        assert (episode.work, episode.span) == (18, 15)
        assert episode.average == 18 / 15

    def test_fan_out_is_counted_over_the_stages_that_spawn(self):
        episode = critical_steps([(1, [1, 1, 1, 1]), (5, []), (1, [2, 2])])
        assert (episode.fan_out_max, episode.fan_out_mean, episode.sub_agents) == (4, 3.0, 6)

    def test_a_sub_agent_without_steps_counts_in_the_fan_out_only(self):
        episode = critical_steps([(2, [0, 3])])
        assert (episode.work, episode.span, episode.fan_out_max) == (5, 5, 2)

    def test_a_stage_of_idle_sub_agents_only_has_no_work(self):
        episode = critical_steps([(0, [0, 0])])
        assert math.isnan(episode.average)
        assert episode.sub_agents == 2

    def test_an_episode_that_never_spawns_has_parallelism_one_and_no_fan_out(self):
        episode = critical_steps([(4, []), (2, ())])
        assert episode.average == 1.0
        assert episode.fan_out_max == 0
        assert math.isnan(episode.fan_out_mean)

    def test_an_empty_episode_is_undefined(self):
        assert math.isnan(critical_steps([]).average)

    def test_it_is_a_parallelism_with_whole_steps(self):
        episode = critical_steps([(1, [2])])
        assert isinstance(episode, Parallelism)
        assert isinstance(episode, CriticalSteps)
        assert type(episode.work) is int
        assert type(episode.span) is int

    @pytest.mark.parametrize("bad", [(-1, []), (1, [2, -3]), (NAN, []), (1, [INF])])
    def test_negative_steps_are_refused(self, bad):
        with pytest.raises(ValueError, match="stage 1 must have finite steps >= 0, got"):
            critical_steps([(1, []), bad])

    @pytest.mark.parametrize("bad", [3, (1,), (1, 2), (1, [2], 3), ("a", []), (1, ["b"])])
    def test_what_is_no_stage_is_refused(self, bad):
        with pytest.raises(ValueError, match=r"stage 0 must be \(main_steps, \[sub_agent_steps"):
            critical_steps([bad])

    @given(stages)
    def test_the_stage_form_equals_the_graph_form_of_the_same_program(self, episode):
        weights, edges, before = {}, [], []
        for t, (main, group) in enumerate(episode):
            weights[t] = main
            edges += [(node, t) for node in before]
            weights.update({(t, i): steps for i, steps in enumerate(group)})
            edges += [(t, (t, i)) for i in range(len(group))]
            before = [t, *((t, i) for i in range(len(group)))]
        graph, stage_form = work_span(weights, edges), critical_steps(episode)
        assert (graph.work, graph.span) == (stage_form.work, stage_form.span)


def flat(batch):
    """The flat arrays of `critical_steps_batch` for a list of episodes."""
    rows = list(itertools.chain(*batch))
    groups = [len(group) for _, group in rows]
    return {
        "main_steps": np.array([main for main, _ in rows], dtype=np.int64),
        "sub_agent_steps": np.array(
            list(itertools.chain(*(group for _, group in rows))), dtype=np.int64
        ),
        "group_offsets": np.concatenate([[0], np.cumsum(groups)]).astype(np.int64),
        "episode_offsets": np.concatenate([[0], np.cumsum([len(e) for e in batch])]).astype(int),
    }


class TestBatchesOfStages:
    @given(episodes)
    def test_the_batch_gives_what_each_episode_gives(self, batch):
        got = critical_steps_batch(**flat(batch))
        each = [critical_steps(episode) for episode in batch]
        for name in ("work", "span", "fan_out_max", "fan_out_mean", "sub_agents"):
            np.testing.assert_array_equal(
                getattr(got, name), np.array([getattr(one, name) for one in each], dtype=float)
            )
        np.testing.assert_array_equal(got.average, np.array([one.average for one in each]))

    @given(episodes)
    def test_its_sums_are_those_of_its_episodes(self, batch):
        got = critical_steps_batch(**flat(batch)).sums()
        each = ParallelismSums.from_episodes([critical_steps(episode) for episode in batch])
        assert (got.ratio_count, got.undefined) == (each.ratio_count, each.undefined)
        assert (got.work, got.span) == (each.work, each.span)
        assert got.ratio_sum == pytest.approx(each.ratio_sum)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"group_offsets": [0, 2, 1, 2]}, "group_offsets must be whole numbers that start at"),
            ({"group_offsets": [0, 2]}, "group_offsets must have one entry more than main_steps"),
            ({"episode_offsets": [0, 4]}, "never fall and end at 3, the length of main_steps"),
            ({"episode_offsets": [1, 3]}, "episode_offsets must be whole numbers that start at 0"),
            ({"episode_offsets": [0.0, 3.0]}, "episode_offsets must be whole numbers"),
            ({"main_steps": [1, -1, 3]}, "main_steps must be finite and >= 0, got -1.0 at posi"),
            ({"main_steps": [[1, 1, 3]]}, "main_steps must be one-dimensional"),
            ({"sub_agent_steps": [1, NAN]}, "sub_agent_steps must be finite and >= 0, got nan"),
        ],
    )
    def test_arrays_that_do_not_fit_are_refused(self, change, words):
        fine = {
            "main_steps": [1, 1, 3],
            "sub_agent_steps": [4, 2],
            "group_offsets": [0, 2, 2, 2],
            "episode_offsets": [0, 2, 3],
        }
        with pytest.raises(ValueError, match=words):
            critical_steps_batch(**(fine | change))


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


class TestSumsOverEpisodes:
    def test_the_mean_weighs_episodes_and_pooling_weighs_steps(self):
        sums = ParallelismSums.from_episodes([Parallelism(6, 2), Parallelism(8, 8)])
        assert sums.mean == 2.0  # (3 + 1) / 2
        assert sums.pooled == 1.4  # 14 / 10

    def test_an_undefined_episode_is_left_out_of_the_mean_and_counted(self):
        sums = ParallelismSums.from_episodes([Parallelism(6, 2), Parallelism(0, 0), NAN])
        assert (sums.mean, sums.ratio_count, sums.undefined) == (3.0, 1, 2)

    def test_no_episodes_are_undefined(self):
        assert math.isnan(ParallelismSums().mean)
        assert math.isnan(ParallelismSums().pooled)
        assert ParallelismSums.from_episodes([]) == ParallelismSums()

    def test_numbers_add_to_the_mean_but_have_nothing_to_pool(self):
        sums = ParallelismSums.from_episodes([2, 4.0, Parallelism(10, 5)])
        assert (sums.ratio_sum, sums.ratio_count) == (8.0, 3)
        assert (sums.work, sums.span) == (10, 5)

    @pytest.mark.parametrize(
        "values", [3.0, np.float32(3), np.array([[3.0]]), [3], (3.0,), Parallelism(6, 2), iter([3])]
    )
    def test_one_episode_may_come_as_a_scalar_or_in_any_container(self, values):
        assert ParallelismSums.from_episodes(values).mean == 3.0

    def test_a_batch_comes_as_it_is(self):
        batch = ParallelismBatch(np.array([6.0, 0.0, 4.0]), np.array([2.0, 0.0, 4.0]))
        assert ParallelismSums.from_episodes(batch) == ParallelismSums(4.0, 2, 1, 10.0, 6.0)

    @pytest.mark.parametrize("bad", [-0.5, INF, -INF])
    def test_a_negative_or_infinite_number_is_refused(self, bad):
        with pytest.raises(ValueError, match="an average parallelism must be finite and >= 0, got"):
            ParallelismSums.from_episodes([1.0, bad])

    @pytest.mark.parametrize("bad", ["3", ["a"], [None], object(), [[1], [2, 3]], [(2, [3])]])
    def test_what_is_no_number_is_refused_in_words(self, bad):
        with pytest.raises(
            TypeError, match=r"parallelism must be numbers.*critical_steps\(stages\)"
        ):
            ParallelismSums.from_episodes(bad)

    @given(episodes, st.randoms())
    def test_merging_in_any_grouping_and_order_gives_the_same_sums(self, batch, random):
        values = [critical_steps(episode) for episode in batch]
        whole = ParallelismSums.from_episodes(values)
        random.shuffle(values)
        cut = random.randrange(len(values) + 1)
        one = ParallelismSums.from_episodes(values[:cut])
        other = ParallelismSums.from_episodes(values[cut:])
        for merged in (one.merge(other), other.merge(one)):
            assert (merged.work, merged.span) == (whole.work, whole.span)  # whole steps: exact
            assert merged.ratio_count == whole.ratio_count
            assert merged.undefined == whole.undefined
            assert merged.ratio_sum == pytest.approx(whole.ratio_sum, rel=1e-14)
