"""A thread that waits for its sockets, and those that wake it."""

import os
import socket
import threading
import time

import pytest

from rlviz.record.lookout import Lookout


@pytest.fixture
def lookout():
    made = Lookout()
    yield made
    made.close()


@pytest.fixture
def pair():
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def is_awake(lookout, seconds=300.0):
    """Whether somebody ends the wait."""
    began = time.monotonic()
    assert lookout.wait(seconds) == []
    return time.monotonic() - began < seconds


def test_it_tells_what_can_be_read_and_written_as_far_as_that_is_asked(lookout, pair):
    near, far = pair
    lookout.watch(near)
    assert lookout.wait(0.0) == []
    far.send(b"x")
    assert lookout.wait(300.0) == [(near, True, False)]
    lookout.watch(near, to_write=True)
    assert lookout.wait(300.0) == [(near, True, True)]
    near.recv(1)
    assert lookout.wait(300.0) == [(near, False, True)]
    lookout.watch(near)
    assert lookout.wait(0.0) == []
    far.send(b"x")
    lookout.forget(near)
    lookout.forget(near)
    assert lookout.wait(0.0) == []


def test_who_wakes_it_ends_one_wait(lookout):
    for _ in range(3):
        thread = threading.Thread(target=lookout.wake)
        thread.start()
        assert is_awake(lookout)
        thread.join()
        assert not is_awake(lookout, 0.01)


def test_many_wakes_ask_the_system_once_and_never_wait(lookout):
    for _ in range(200_000):  # more than a socket holds
        lookout.wake()
    for _ in range(2_000):
        lookout.wake(even_awake=True)
    assert is_awake(lookout)
    assert not is_awake(lookout, 0.01)


def test_a_wake_amid_the_end_of_a_wait_does_not_silence_the_next(lookout):
    class Woken(socket.socket):
        """Is woken again just before it reads that it was woken."""

        def recv(self, size):
            lookout.wake()
            return super().recv(size)

    lookout._selector.unregister(lookout._woken)
    lookout._woken = Woken(fileno=lookout._woken.detach())
    lookout._woken.setblocking(False)
    lookout._selector.register(lookout._woken, 1)
    lookout.wake()
    assert is_awake(lookout)
    lookout.wake()
    assert is_awake(lookout)


def test_a_wake_that_was_interrupted_half_way_is_made_good_by_one_even_if_awake(lookout):
    lookout._is_awake = True  # and nothing was sent
    lookout.wake()
    assert not is_awake(lookout, 0.01)
    lookout._is_awake = True
    lookout.wake(even_awake=True)
    assert is_awake(lookout)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="it counts open files there")
@pytest.mark.parametrize("left", range(3))
def test_without_descriptors_it_fails_and_keeps_none(few_descriptors, left):
    before = set(os.listdir("/proc/self/fd"))
    with few_descriptors(left), pytest.raises(OSError, match="Too many open files"):
        Lookout()
    assert set(os.listdir("/proc/self/fd")) == before
