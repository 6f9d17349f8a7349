"""Speed-up against a reference, beside work over span."""

import math

import pytest

from rlviz.parallelism import Parallelism, critical_steps, critical_steps_batch, speed_up


def test_it_is_the_ratio_of_mean_critical_steps_and_not_work_over_span():
    swarm = [critical_steps([(2, [4, 6, 5]), (1, []), (3, [2])])]  # work 23, span 14
    alone = [critical_steps([(35, [])])]
    assert speed_up(swarm, reference=alone) == 35 / 14
    assert swarm[0].average == 23 / 14


def test_sub_agents_for_nothing_are_parallel_and_no_speed_up():
    idle = critical_steps([(10, [5, 5, 5, 5])])
    assert idle.average == 2
    assert speed_up([idle], reference=[critical_steps([(12, [])])]) == 0.8


def test_sides_may_have_different_numbers_of_episodes_and_come_as_batches():
    batch = critical_steps_batch(
        [1, 3], [4, 2], group_offsets=[0, 2, 2], episode_offsets=[0, 1, 2]
    )  # spans 5 and 3
    alone = [Parallelism(10, 10)] * 6
    assert speed_up([batch], reference=alone) == 10 / 4


def test_without_episodes_or_work_there_is_none():
    assert math.isnan(speed_up([], reference=[Parallelism(1, 1)]))
    assert math.isnan(speed_up([Parallelism(1, 1)], reference=[]))
    assert math.isnan(speed_up([Parallelism(0, 0)], reference=[Parallelism(1, 1)]))


def test_a_number_is_refused_for_it_has_no_span():
    with pytest.raises(TypeError, match=r"run must be episodes with a span, .* number 2\.5"):
        speed_up([2.5], reference=[Parallelism(1, 1)])
    with pytest.raises(TypeError, match=r"reference must be .* number 0\.0"):
        speed_up([Parallelism(1, 1)], reference=[0.0])


def test_latency_saved_is_what_the_longest_chain_is_shorter_than_all_work():
    assert Parallelism(work=20, span=5).latency_saved == 0.75
    assert Parallelism(work=5, span=5).latency_saved == 0
    assert math.isnan(Parallelism(0, 0).latency_saved)
    both = Parallelism(20, 5).sums().merge(Parallelism(5, 5).sums())
    assert both.latency_saved == 1 - 10 / 25
    assert math.isnan(Parallelism(0, 0).sums().latency_saved)
