"""Average parallelism in stage form, PARL's critical steps: DEFINITIONS section 2."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import (
    CriticalSteps,
    Parallelism,
    ParallelismSums,
    critical_steps,
    critical_steps_batch,
    work_span,
)

NAN, INF = float("nan"), float("inf")

stages = st.lists(st.tuples(st.integers(0, 50), st.lists(st.integers(0, 50), max_size=6)))
episodes = st.lists(stages, max_size=6)


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

    @pytest.mark.slow
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
