"""Parts of a step run side by side, and give what they give one after the other."""

import threading

import pytest

from rlviz.demo import threads


def test_parts_run_at_the_same_time_and_come_back_in_their_order():
    both = threading.Barrier(2, timeout=60)

    def meet(number, name):
        both.wait()  # nobody gets past it alone
        return number, name, threading.current_thread()

    (first, a, one), (second, b, other) = threads.side_by_side(meet, (1, 2), "ab")
    assert (first, a, second, b) == (1, "a", 2, "b")
    assert one is not other


def test_with_one_thread_they_run_in_that_which_asks(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", 1)
    found = threads.side_by_side(lambda _: threading.current_thread(), range(3))
    assert found == [threading.current_thread()] * 3


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_in_a_part_is_one_of_the_step(monkeypatch, count):
    monkeypatch.setattr(threads, "THREADS", count)
    with pytest.raises(ZeroDivisionError):
        threads.side_by_side(lambda number: 1 / number, (1, 0, 2))
