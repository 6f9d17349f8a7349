"""Sums that come too late for their row."""

from rlviz.record.late import LateSums, put
from rlviz.record.step_sums import StepSums


def sums(flops=0, seconds=0.0):
    made = StepSums()
    made.flops, made.seconds = {"rollout": flops}, {"rollout": seconds}
    return made


def test_what_is_late_joins_the_next_row_once_and_is_counted():
    late = LateSums()
    assert not late
    late.add(1, sums(10))
    late.add(2, sums(5), is_late=False)  # no row was its own
    assert late
    row = sums(1)
    late.join(row)
    assert (row.flops, late.count, bool(late)) == ({"rollout": 16}, 1, False)
    late.join(row)
    assert row.flops == {"rollout": 16}


def test_seconds_of_one_source_add_up_and_those_of_several_ran_side_by_side():
    late = LateSums()
    for source, taken in ((1, 3.0), (1, 4.0), (2, 6.0)):
        late.add(source, sums(seconds=taken))
    row = sums(seconds=5.0)
    late.join(row)
    assert row.seconds == {"rollout": 7.0}


def test_sums_of_one_source_are_kept_together():
    by_source = {}
    for source, flops in (("a", 1), ("b", 2), ("a", 3)):
        put(by_source, source, sums(flops))
    assert {source: made.flops["rollout"] for source, made in by_source.items()} == {"a": 4, "b": 2}
