"""A mark that threads wait for: it is seen by all of them, and no wait is longer than asked."""

import threading
import time

from rlviz.record.mark import Mark


def test_a_mark_that_is_not_set_is_waited_for_no_longer_than_asked():
    mark, began = Mark(), time.monotonic()
    assert not mark.wait(0.05)
    assert 0.04 < time.monotonic() - began < 5
    assert not mark.wait(-1)
    assert not mark.is_set()


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
