"""Sums that wait for their step or episode, within their memory."""

from rlviz.record.early import Early
from rlviz.record.step_sums import StepSums


def test_steps_leave_in_order_and_the_oldest_are_let_go_where_there_is_no_room():
    gone = []
    early = Early(10_000, lambda place, by_sender: gone.append((place, len(by_sender))))
    for step in (9, 3, 7, 20):
        early.add(step, "a", StepSums())
        early.add(step, "b", StepSums())
    early.add("e", "a", StepSums())
    assert (gone, early.episodes) == ([(9, 2)], ["e"])
    assert [step for step, _ in early.take_steps(10)] == [3, 7]
    assert len(early.take("e")) == 1
    assert early.take("e") == {}
    early.let_all_go()
    assert (gone, len(early), early.nbytes) == ([(9, 2), (20, 2)], 0, 0)


def test_steps_that_are_let_go_leave_nothing_behind():
    early = Early(10_000, lambda place, by_sender: None)
    for step in range(5_000):
        early.add(step, "a", StepSums())
    assert len(early._steps) < 200
    assert early.nbytes <= 10_000
