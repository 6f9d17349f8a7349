"""Work over span, and sums over episodes: DEFINITIONS section 2."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import (
    Parallelism,
    ParallelismBatch,
    ParallelismSums,
    critical_steps,
)
from rlviz.parallelism.sums import ratios

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
        assert ParallelismSums.from_episodes(batch) == ParallelismSums(
            *(4.0, 2, 1, 10.0, 6.0), ratio_squares=3.0**2 + 1.0**2, parallel_episodes=1
        )

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

    def test_merging_adds_everything_but_the_widest_and_the_busiest(self):
        one = ParallelismSums(4.0, 2, 1, 10.0, 6.0, 7, 3, 4, 2, 1)
        other = ParallelismSums(0.5, 1, 0, 2.0, 4.0, 2, 2, 1, 9, 3)
        merged = ParallelismSums(4.5, 3, 1, 12.0, 10.0, 9, 5, 4, 9, 4)
        assert one.merge(other) == other.merge(one) == merged
        assert (merged.mean, merged.pooled, merged.fan_out_mean) == (1.5, 1.2, 1.8)

    def test_fan_out_adds_up_over_episodes_that_come_together(self):
        wide, narrow = critical_steps([(1, [1, 1, 1, 1]), (1, [])]), critical_steps([(1, [2, 2])])
        sums = ParallelismSums.from_episodes([wide, Parallelism(6, 2), narrow, 4.0])
        assert (sums.sub_agents, sums.spawning_stages, sums.fan_out_max) == (6, 2, 4)
        assert sums.fan_out_mean == 3.0
        # 6/3, 6/2 and 5/3 of those with work and span, and the number
        assert (sums.work, sums.span, sums.ratio_count) == (17, 8, 4)
        assert sums.mean == pytest.approx((2 + 3 + 5 / 3 + 4) / 4)


def test_ratios_come_element_by_element_and_are_nan_without_a_denominator():
    got = ratios(np.array([6.0, 0.0, 3.0]), np.array([4.0, 0.0, 0.0]))
    np.testing.assert_array_equal(got, [1.5, NAN, NAN])


class TestAnyParallelism:
    def test_an_episode_counts_whose_span_is_shorter_than_its_work(self):
        sums = ParallelismSums.from_episodes([Parallelism(6, 2), Parallelism(4, 4), 1.5, 1.0])
        assert (sums.parallel_episodes, sums.ratio_count, sums.parallel_share) == (2, 4, 0.5)
        assert math.isnan(ParallelismSums().parallel_share)

    def test_rounding_is_no_parallelism(self):
        work = 0.1 + 0.2 + 0.3  # 0.6000000000000001
        assert work > 0.6
        assert ParallelismSums.from_episodes([Parallelism(work, 0.6)]).parallel_share == 0.0

    def test_all_ways_to_give_an_episode_agree(self):
        for each in (3.0, np.array([3.0]), Parallelism(6, 2), ParallelismSums.of_ratio(3.0)):
            assert ParallelismSums.from_episodes(each).parallel_episodes == 1
        batch = ParallelismBatch(np.array([6.0, 4.0, 0.0]), np.array([2.0, 4.0, 0.0]))
        assert batch.sums().parallel_share == 0.5  # of two, for 0/0 is left out


def test_useful_sub_agents_of_stages_are_said_and_at_most_all():
    stages = [(1, [2, 3]), (1, [4])]
    sums = critical_steps(stages, useful=2).sums().merge(critical_steps(stages).sums())
    assert (sums.useful_sub_agents, sums.judged_sub_agents, sums.sub_agents) == (2, 3, 6)
    assert sums.useful_share == 2 / 3
    for useful in (-1, 4):
        with pytest.raises(ValueError, match=r"useful must be in \[0, 3\], the number"):
            critical_steps(stages, useful=useful)
