"""In which unit episodes are, by the way in which they were measured."""

import numpy as np
import pytest

from rlviz.parallelism import (
    Parallelism,
    ParallelismBatch,
    ParallelismSums,
    Trace,
    concurrency,
    concurrency_batch,
    critical_steps,
    critical_steps_batch,
    work_span,
)


def in_units(sums):
    return sums.in_steps, sums.in_tokens, sums.in_seconds


def test_stages_are_in_steps_and_intervals_in_seconds_unless_said_otherwise():
    stages, times = [(1, [2, 3])], [("a", 0, 4)]
    assert in_units(critical_steps(stages).sums()) == (1, 0, 0)
    assert in_units(critical_steps(stages, unit="tokens").sums()) == (0, 1, 0)
    assert in_units(critical_steps(stages, unit=None).sums()) == (0, 0, 0)
    assert in_units(concurrency(times).sums()) == (0, 0, 1)
    assert in_units(concurrency(times, unit="steps").sums()) == (1, 0, 0)
    assert in_units(Trace().sums()) == (0, 0, 1)


def test_of_graphs_and_numbers_none_is_known_until_it_is_said():
    graph = {"a": 1, "b": 2}, [("a", "b")]
    assert in_units(work_span(*graph).sums()) == (0, 0, 0)
    assert in_units(work_span(*graph, unit="tokens").sums()) == (0, 1, 0)
    assert in_units(ParallelismSums.from_episodes([2.0, 3.0])) == (0, 0, 0)


def test_batches_count_each_episode():
    batch = ParallelismBatch(np.array([6.0, 0.0]), np.array([2.0, 0.0]), unit="tokens")
    assert in_units(batch.sums()) == (0, 2, 0)
    offsets = {"group_offsets": [0, 1, 1], "episode_offsets": [0, 1, 2]}
    assert in_units(critical_steps_batch([1, 2], [3], **offsets).sums()) == (2, 0, 0)
    times = concurrency_batch([0, 0], [1, 2], episode_offsets=[0, 1, 2], unit="steps")
    assert in_units(times.sums()) == (2, 0, 0)


def test_they_add_up_and_a_mixture_shows():
    episodes = [Parallelism(6, 2, unit="tokens"), Parallelism(6, 2), critical_steps([(1, [])])]
    assert in_units(ParallelismSums.from_episodes(episodes)) == (1, 1, 0)


@pytest.mark.parametrize("unit", ["minutes", "", 3, "Steps"])
def test_no_other_is_known(unit):
    for measured in (
        lambda: Parallelism(6, 2, unit=unit),
        lambda: critical_steps([(1, [])], unit=unit),
        lambda: work_span({"a": 1}, [], unit=unit),
        lambda: concurrency([("a", 0, 1)], unit=unit).sums(),
        lambda: ParallelismBatch(np.ones(1), np.ones(1), unit=unit),
    ):
        with pytest.raises(ValueError, match="unit of work and span must be one of 'steps', "):
            measured()
