"""A mark that threads wait for: it is seen by all of them, and no wait is longer than asked."""

import queue
import threading
import time

import pytest

from rlviz.record.mark import Mark, take


def test_a_mark_that_is_not_set_is_waited_for_no_longer_than_asked():
    mark, began = Mark(), time.monotonic()
    assert not mark.wait(0.05)
    assert 0.04 < time.monotonic() - began < 5
    assert not mark.wait(-1)
    assert not mark.is_set()


@pytest.mark.timeout(300)
def test_a_wait_whose_time_is_over_ends_however_often_the_thread_is_held_up():
    for _ in range(200_000):  # Python 3.10 waited for ever after some thousand
        assert not Mark().wait(0)


def test_an_item_is_taken_at_once_or_within_its_time_or_not():
    items = queue.SimpleQueue()
    with pytest.raises(queue.Empty):
        take(items, -1)
    with pytest.raises(queue.Empty):
        take(items, 0.001)
    items.put(5)
    assert take(items, 0) == 5
    threading.Timer(0.01, items.put, [6]).start()
    assert take(items, 60) == 6


def test_all_threads_that_wait_go_on_once_it_is_set_and_so_do_later_ones():
    mark, seen = Mark(), []
    threads = [threading.Thread(target=lambda: seen.append(mark.wait(60))) for _ in range(4)]
    for thread in threads:
        thread.start()
    mark.set()
    for thread in threads:
        thread.join(60)
    assert seen == [True] * 4
    assert mark.is_set()
    assert mark.wait(0)
