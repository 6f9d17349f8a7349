"""Who may work at the same time."""

import gc
import threading

import pytest

from rlviz.dashboard.query import QueryError
from rlviz.dashboard.turns import Counter, Locks


def test_each_name_has_one_lock_of_its_own():
    locks = Locks()
    one = locks.of("a")
    assert locks.of("a") is one
    assert locks.of("b") is not one
    with one:
        assert locks.of("a").locked()
        with locks.of("b"):
            pass


def test_locks_that_nobody_holds_take_no_memory():
    locks = Locks()
    for number in range(1000):
        with locks.of(f"run {number}"):
            pass
    gc.collect()
    assert len(locks._locks) == 0


def counter():
    return Counter(2, "downloads are made one at a time", retry_seconds=5)


def test_one_is_served_one_waits_and_the_third_is_sent_away_in_words():
    desk = counter()
    served, done = threading.Event(), threading.Event()
    waited = []

    def first():
        with desk.turn():
            served.set()
            done.wait(30)

    def second():
        with desk.turn():
            waited.append(done.is_set())

    threads = [threading.Thread(target=first)]
    threads[0].start()
    assert served.wait(30)
    threads.append(threading.Thread(target=second))
    threads[1].start()
    while desk._line._value:  # the second stands in line
        pass
    with pytest.raises(QueryError) as caught, desk.turn():
        pass
    assert (caught.value.code, caught.value.retry_seconds) == (503, 5)
    assert str(caught.value) == (
        "downloads are made one at a time, and 2 are waiting already. Ask again in 5 seconds."
    )
    done.set()
    for thread in threads:
        thread.join(30)
    assert waited == [True]
    with desk.turn():
        pass


def test_a_turn_that_fails_makes_room_for_the_next():
    desk = counter()
    for _ in range(5):
        with pytest.raises(KeyError), desk.turn():
            raise KeyError
    with desk.turn():
        pass
