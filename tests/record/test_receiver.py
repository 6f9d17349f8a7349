"""The trainer's end of all senders, with real sockets, some of which speak something else."""

import os
import socket
import time

import pytest

from rlviz.record import wire
from rlviz.record.link import Link
from rlviz.record.measurement import measurement
from rlviz.record.receiver import Receiver

KEY = b"k" * 32


@pytest.fixture
def errors():
    return []


@pytest.fixture
def receiver(errors):
    made = Receiver("127.0.0.1", 0, KEY, on_error=errors.append, wake=lambda: None)
    made.start()
    yield made
    made.close()


def until(condition, seconds=300.0):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return result


def link_to(receiver, key=KEY):
    return Link(["127.0.0.1"], receiver.port, key)


def test_what_a_sender_recorded_comes_once_with_its_place(receiver, errors):
    link = link_to(receiver)
    link.put(7, measurement({"flops": 10**30}))
    link.put("e", measurement({"flops": 1}))
    assert link.flush(20)
    taken = receiver.take()
    assert [(place, made.flops["total"]) for _, place, made in taken] == [(7, 10**30), ("e", 1)]
    assert receiver.take() == errors == []
    link.end(1)


def test_who_does_not_hold_the_key_is_not_let_in_and_keeps_nobody_out(receiver, errors):
    odd = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(3)]
    odd[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
    odd[1].sendall(wire.frame(wire.PROOF, bytes(120)))  # the third says nothing
    stranger = link_to(receiver, key=b"x" * 32)
    stranger.put(1, measurement({"flops": 13}))
    link = link_to(receiver)
    link.put(1, measurement({"flops": 5}))
    assert link.flush(20)
    assert [made.flops["total"] for *_, made in receiver.take()] == [5]
    assert not stranger.flush(0.5)
    assert (receiver.take(), errors) == ([], [])
    assert odd[0].recv(1000)[:5] == wire.frame(wire.HELLO, bytes(32))[:5]
    assert odd[0].recv(1000) == b""  # hung up
    for made in (stranger, link):
        made.end(0.1)
    for one in odd:
        one.close()


def test_a_mark_is_answered_after_all_that_was_recorded_before_it(receiver):
    link = link_to(receiver)
    link.put(1, measurement({"flops": 1}))
    assert link.flush(20)
    for _ in range(50):
        link.put(1, measurement({"flops": 1}))
        mark = receiver.ask()
        until(lambda mark=mark: not receiver.unanswered(mark))
    assert sum(made.flops["total"] for *_, made in receiver.take()) == 51
    link.end(1)


def test_a_sender_that_breaks_off_is_named_and_waited_for_no_more(receiver, errors):
    link = link_to(receiver)
    link.put(1, measurement({"flops": 1}))
    assert link.flush(20)
    link.end(1)
    until(lambda: not receiver._peers)
    assert errors == []  # it said goodbye
    child = os.fork()
    if child == 0:
        dying = link_to(receiver)
        dying.put(1, measurement({"flops": 1}))
        dying.flush(20)
        os._exit(9)
    os.waitpid(child, 0)
    until(lambda: errors)
    assert f"the sender of pid {child} " in str(errors[0])
    assert "broke off" in str(errors[0])
    assert receiver.unanswered(receiver.ask()) == {}


def test_sums_that_can_not_be_read_are_told_and_taken_off_the_sender(receiver, errors, monkeypatch):
    link = link_to(receiver)
    with monkeypatch.context() as other:
        other.setattr(wire, "VERSION", wire.VERSION)
        other.setattr(wire, "pack", lambda sums: b"[[1,2,3]]")
        link.put(1, measurement({"flops": 1}))
        assert link.flush(20)
    link.put(1, measurement({"flops": 2}))
    assert link.flush(20)
    assert [made.flops["total"] for *_, made in receiver.take()] == [2]
    (error,) = errors
    assert "is lost. Let both sides run the same version" in str(error)
    link.end(1)


def test_a_port_that_is_taken_is_an_oserror():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Receiver("127.0.0.1", taken.getsockname()[1], KEY, on_error=pytest.fail, wake=lambda: None)


def test_after_the_end_senders_know_that_the_run_is_over(receiver, caplog):
    link = link_to(receiver)
    link.put(1, measurement({"flops": 1}))
    assert link.flush(20)
    receiver.close()
    until(lambda: link._is_over)
    link.put(1, measurement({"flops": 1}))
    assert link.counts == (2, 1, 0, 1)
    assert "the trainer has closed its run" in caplog.text


def test_a_writer_that_takes_nothing_leaves_sums_with_their_senders_in_bounded_memory(errors):
    made = Receiver(
        "127.0.0.1", 0, KEY, on_error=errors.append, wake=lambda: None, byte_limit=10_000
    )
    made.start()
    link = link_to(made)
    sent = 0
    while made.nbytes < 10_000:
        link.put(sent, measurement({"flops": 1}))
        sent += 1
        assert link.flush(20)
    for number in range(50):
        link.put(sent + number, measurement({"flops": 1}))
    assert not link.flush(0.5)
    assert made.nbytes < 12_000
    came = made.take()
    assert link.flush(20)
    assert len(came) + len(made.take()) == sent + 50
    assert made.nbytes == 0
    link.end(1)
    made.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python knows no IPv6")
@pytest.mark.parametrize("host", ["", "::1", "localhost"])
def test_it_listens_where_its_host_is_by_ipv6_too(errors, host):
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    made = Receiver(host, 0, KEY, on_error=errors.append, wake=lambda: None)
    made.start()
    for address in {"": ["127.0.0.1", "::1"], "::1": ["::1"], "localhost": ["localhost"]}[host]:
        link = Link([address], made.port, KEY)
        link.put(1, measurement({"flops": 1}))
        assert link.flush(20), address
        link.end(1)
    made.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="it counts open files there")
@pytest.mark.parametrize("left", range(4))
def test_without_descriptors_nothing_listens_and_who_asks_is_told(few_descriptors, left):
    before = set(os.listdir("/proc/self/fd"))
    with few_descriptors(left), pytest.raises(OSError, match="Too many open files"):
        Receiver("127.0.0.1", 0, KEY, on_error=pytest.fail, wake=lambda: None)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="it counts open files there")
def test_without_a_thread_nothing_listens_and_who_asks_is_told(no_threads):
    before = set(os.listdir("/proc/self/fd"))
    made = Receiver("127.0.0.1", 0, KEY, on_error=pytest.fail, wake=lambda: None)
    with no_threads(), pytest.raises(RuntimeError, match="can't start new thread"):
        made.start()
    assert set(os.listdir("/proc/self/fd")) == before
