"""Calls of one step that are added up while they stand in the queue."""

from rlviz.accuracy import Accuracy
from rlviz.record.measurement import Measurement
from rlviz.record.merged import Merged


def test_calls_of_both_kinds_add_up_and_say_how_much_they_grew():
    merged = Merged(3)
    grew = merged.add((0.5, 4, 10, 2.0, None))
    assert grew > 0  # the phase of the FLOPs
    merged.nbytes += grew
    assert merged.add((0.5, 4, 10, 2.0, None)) == 0
    assert merged.add(Measurement(accuracy=Accuracy(1, 2), metrics={"loss": 0.5})) > 0
    sums = merged.sums
    assert (sums.correct, sums.graded, sums.flops, sums.metrics) == (
        5,
        10,
        {"total": 20},
        {"loss": 0.5},
    )
    assert (merged.calls, sums.parallelism_count) == (3, 2)


def test_they_may_grow_while_their_step_is_open_or_somebody_adds_to_them():
    merged = Merged(3)
    assert merged.busy  # as is who makes them
    assert merged.may_grow(3)
    assert merged.may_grow(4)
    merged.busy = False
    assert merged.may_grow(3)
    assert not merged.may_grow(4)
