"""Interval form of the parallelism: DEFINITIONS section 2."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlviz.parallelism import Concurrency, concurrency, concurrency_batch

NAN, INF = float("nan"), float("inf")

# (start, length) on whole ticks; a length of None never ends
runs = st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 12))), max_size=9)


def named(run_list):
    return [
        (f"agent-{k}", start, None if length is None else start + length)
        for k, (start, length) in enumerate(run_list)
    ]


def by_ticks(intervals, end):
    """Work, union and peak by counting who is at work in each unit of time."""
    at_work = [sum(a <= tick < b for _, a, b in intervals) for tick in range(end)]
    return sum(at_work), sum(n > 0 for n in at_work), max(at_work, default=0)


def test_busy_wall_and_peak_of_two_overlapping_agents():
    # [0, 4) and [2, 6): work 8, union 6; the episode goes on to 10
    result = concurrency([("a", 0, 4), ("b", 2, 6)], episode_end=10)
    assert result == Concurrency(
        busy=8 / 6, wall=0.8, peak=2, unfinished=0, work=8, union=6, makespan=10
    )


def test_a_gap_is_in_the_makespan_and_not_in_the_union():
    result = concurrency([("a", 0, 2), ("b", 8, 10)])
    assert (result.union, result.makespan, result.busy, result.wall) == (4, 10, 1.0, 0.4)


def test_an_agent_that_ends_when_another_starts_does_not_overlap_it():
    assert concurrency([("a", 0, 2), ("b", 2, 4)]).peak == 1


def test_an_empty_interval_adds_nothing_and_never_raises_the_peak():
    alone = concurrency([("a", 0, 4)])
    for at in (-5, 0, 2, 4, 9):
        assert concurrency([("a", 0, 4), ("empty", at, at)]) == alone


def test_nothing_at_all_is_undefined():
    for intervals in ([], [("a", 3, 3)]):
        result = concurrency(intervals)
        assert math.isnan(result.busy)
        assert math.isnan(result.wall)
        assert (result.peak, result.work, result.union, result.makespan) == (0, 0, 0, 0)


def test_a_missing_end_is_clipped_to_the_end_of_the_episode_and_counted():
    clipped = concurrency([("a", 0, 4), ("b", 2, None)], episode_end=10)
    assert (clipped.work, clipped.unfinished, clipped.makespan) == (12, 1, 10)


def test_without_an_episode_end_a_missing_end_is_the_latest_time():
    clipped = concurrency([("a", 0, 4), ("b", 2, None), ("c", 5, None)])
    assert (clipped.work, clipped.union, clipped.unfinished) == (4 + 3 + 0, 5, 2)


def test_a_missing_end_can_be_dropped_and_is_counted_all_the_same():
    dropped = concurrency([("a", 0, 4), ("b", 2, None), ("c", 5, None)], missing="drop")
    assert (dropped.work, dropped.makespan, dropped.peak, dropped.unfinished) == (4, 4, 1, 2)


def test_nanoseconds_since_the_epoch_are_exact():
    now = 1_700_000_000_123_456_789
    result = concurrency([("a", now, now + 3), ("b", now + 1, now + 4)], episode_end=now + 8)
    assert (result.work, result.union, result.makespan) == (6, 4, 8)


@given(runs, st.integers(0, 5))
def test_it_equals_counting_ticks(run_list, spare):
    intervals = named(run_list)
    times = [t for _, a, b in intervals for t in (a, b) if t is not None]
    end = max(times, default=0) + spare
    result = concurrency(intervals, episode_end=end)
    closed = [(n, a, end if b is None else b) for n, a, b in intervals]
    assert (result.work, result.union, result.peak) == by_ticks(closed, end)
    assert result.unfinished == sum(b is None for _, _, b in intervals)
    kept = [a for _, a, b in closed if b > a]
    assert result.makespan == (end - min(kept) if kept else 0)


@given(runs)
def test_wall_is_at_most_busy_and_busy_at_most_the_peak(run_list):
    result = concurrency(named(run_list))
    if result.work:
        assert 0 < result.wall <= result.busy <= result.peak
        assert result.busy >= 1


@given(st.lists(runs, max_size=5), st.sampled_from(["clip", "drop"]), st.booleans())
def test_the_batch_gives_what_each_episode_gives(batch, missing, with_end):
    ends = [50.0 + k for k in range(len(batch))] if with_end else None
    rows = [row for episode in batch for row in named(episode)]
    got = concurrency_batch(
        np.array([a for _, a, _ in rows], dtype=float),
        np.array([NAN if b is None else b for _, _, b in rows], dtype=float),
        episode_offsets=np.concatenate([[0], np.cumsum([len(e) for e in batch])]).astype(int),
        episode_end=ends,
        missing=missing,
    )
    for k, episode in enumerate(batch):
        end = None if ends is None else ends[k]
        one = concurrency(named(episode), episode_end=end, missing=missing)
        for name in set(Concurrency.__slots__) - {"unit"}:
            np.testing.assert_array_equal(getattr(got, name)[k], getattr(one, name), name)


def test_sums_of_an_episode_and_of_a_batch_are_of_what_the_system_achieved():
    one = concurrency([("a", 0, 4), ("b", 2, 6)], episode_end=10).sums()
    other = concurrency([("a", 0, 3), ("b", 0, 3), ("c", 0, None)]).sums()
    assert (one.work, one.span, one.mean, one.peak) == (8, 6, 8 / 6, 2)
    assert (other.work, other.span, other.mean, other.peak, other.unfinished) == (9, 3, 3.0, 3, 1)
    both = concurrency_batch(
        np.array([0.0, 2, 0, 0, 0]),
        np.array([4.0, 6, 3, 3, NAN]),
        episode_offsets=np.array([0, 2, 5]),
    ).sums()
    assert both == one.merge(other)
    assert (both.pooled, both.mean, both.peak) == (17 / 9, (8 / 6 + 3) / 2, 3)


def test_an_end_before_the_start_is_refused_and_named():
    with pytest.raises(ValueError, match=r"interval 'b' must .*start before it ends.*=5.*=3"):
        concurrency([("a", 0, 1), ("b", 5, 3)])
    with pytest.raises(ValueError, match="interval 1 must have finite times and start before"):
        concurrency_batch([0, 5], [1, 3], episode_offsets=[0, 2])


@pytest.mark.parametrize("row", [("a", NAN, 1), ("a", 0, NAN), ("a", 0, INF), ("a", -INF, None)])
def test_times_that_are_not_finite_are_refused(row):
    with pytest.raises(ValueError, match=r"interval 'a' must have finite times.*Write None"):
        concurrency([row])


@pytest.mark.parametrize("row", [("a", 0), 3, ("a", None, 1), ("a", "0", 1)])
def test_what_is_no_interval_is_refused(row):
    with pytest.raises(ValueError, match=r"interval 0 must be \(name, start, end\)"):
        concurrency([row])


def test_an_agent_that_runs_past_the_end_of_the_episode_is_refused():
    with pytest.raises(
        ValueError, match="interval 'b' runs past the episode's end: start=1, end=9"
    ):
        concurrency([("a", 0, 3), ("b", 1, 9)], episode_end=5)
    with pytest.raises(ValueError, match="runs past the episode's end"):
        concurrency([("a", 7, None)], episode_end=5)


def test_unknown_treatments_and_lengths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='missing must be "clip" or "drop", got \'ignore\''):
        concurrency([], missing="ignore")
    with pytest.raises(ValueError, match=r"equally long, got shapes \(2,\) and \(1,\)"):
        concurrency_batch([0, 1], [1], episode_offsets=[0, 2])
    with pytest.raises(ValueError, match="episode_end must have one entry per episode"):
        concurrency_batch([0], [1], episode_offsets=[0, 1], episode_end=[1, 2])
    with pytest.raises(ValueError, match="end at 2, the length of start"):
        concurrency_batch([0, 0], [1, 1], episode_offsets=[0, 1])
