"""What stands in the queue: which items end a step, and what each is counted as."""

from rlviz.record.items import SPOILED, bytes_of, ends_a_step
from rlviz.record.measurement import ENTRY_BYTES, PLAIN_BYTES, Measurement
from rlviz.record.merged import Merged


def test_only_the_end_of_a_step_ends_one():
    assert ends_a_step((7, 2.5, None))
    assert ends_a_step((*SPOILED[:2], None))  # equal to the mark of a dropped step, but not it
    assert not ends_a_step(SPOILED)
    assert not ends_a_step((0.5, 8, 10**18, 2.0, None))
    assert not ends_a_step(Measurement())
    assert not ends_a_step(Merged(0))


def test_an_item_is_counted_by_the_metrics_that_it_brings():
    assert bytes_of((0.5, 8, None, None, None)) == PLAIN_BYTES
    assert bytes_of((0.5, 8, None, None, {"a": 1.0, "b": 2.0})) == PLAIN_BYTES + 2 * ENTRY_BYTES
    assert bytes_of((7, 2.5, {"a": 1.0})) == PLAIN_BYTES + ENTRY_BYTES
    assert bytes_of(SPOILED) == 0


def test_sums_are_counted_as_they_are_themselves():
    brought, sums = Measurement(seconds={"update": 1.0}), Merged(0)
    assert bytes_of(brought) == brought.nbytes
    sums.nbytes += sums.add(brought)
    assert bytes_of(sums) == sums.nbytes > Merged(0).nbytes
