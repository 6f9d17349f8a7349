"""A process's way to the trainer: broken and mended connections, and a trainer that is gone."""

import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import pytest

import rlviz
from rlviz.record import unsent, wire
from rlviz.record.link import Link
from rlviz.record.measurement import measurement
from rlviz.record.receiver import Receiver
from rlviz.record.step_sums import StepSums

KEY = b"k" * 32
ONE = measurement({"flops": 1})


def receiver_at(port=0):
    made = Receiver("127.0.0.1", port, KEY, on_error=lambda error: None, wake=lambda: None)
    made.start()
    return made


class Cutting:
    """Stands between both sides and cuts every connection after some bytes from the sender."""

    def __init__(self, to, bytes_each):
        self.to, self.bytes_each, self.cuts, self.is_on = to, bytes_each, 0, True
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with suppress(OSError), self.server:
            while True:
                near, _ = self.server.accept()
                with near, socket.create_connection(("127.0.0.1", self.to)) as far:
                    back = threading.Thread(target=self.back, args=(far, near))
                    back.start()
                    left = self.bytes_each if self.is_on else 1 << 60
                    while left > 0 and (piece := near.recv(min(left, 4096))):
                        far.sendall(piece)
                        left -= len(piece)
                    self.cuts += 1
                    for end in (near, far):
                        with suppress(OSError):
                            end.shutdown(socket.SHUT_RDWR)
                    back.join()

    def back(self, far, near):
        with suppress(OSError):
            while piece := far.recv(4096):
                near.sendall(piece)


def test_over_connections_that_break_everything_comes_exactly_once():
    receiver = receiver_at()
    cutting = Cutting(receiver.port, 1500)
    link = Link(["127.0.0.1"], cutting.port, KEY)
    for number in range(60):
        link.put(number % 5, ONE)
        receiver.ask()
        time.sleep(0.01)
    cutting.is_on = False
    assert link.flush(30)
    assert cutting.cuts > 2
    assert sum(made.flops["total"] for *_, made in receiver.take()) == 60
    assert link.counts == (60, 60, 0, 0)
    link.end(1)
    receiver.close()
    cutting.server.shutdown(socket.SHUT_RDWR)
    cutting.thread.join(10)


def test_without_a_trainer_what_is_recorded_waits_in_bounded_memory_and_is_said(
    caplog, monkeypatch, waits
):
    monkeypatch.setattr(unsent, "_MOST_BYTES", 5_000)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    link = Link(["127.0.0.1"], port, KEY)
    for number in range(2000):
        link.put(number % 100, ONE)
    assert waits == []
    deadline = time.monotonic() + 300
    while "memory is full" not in caplog.text or link._calls or link.counts[2] > 200:
        assert time.monotonic() < deadline, link.counts  # what was taken out is not yet added up
        time.sleep(0.01)
    recorded, delivered, waiting, dropped = link.counts
    assert (recorded, delivered) == (2000, 0)
    assert waiting + dropped == 2000
    assert 20 <= waiting <= 200  # a few steps, with all of their calls
    receiver = receiver_at(port)  # the trainer is there after all
    assert not link.flush(30)  # it will never have what was dropped
    assert link.counts == (2000, waiting, 0, dropped)
    assert sum(made.flops["total"] for *_, made in receiver.take()) == waiting
    link.end(1)
    receiver.close()


@pytest.mark.slow
def test_a_process_that_ends_without_a_trainer_says_what_is_lost(caplog):
    link = Link(["127.0.0.1"], 9, KEY)
    for _ in range(3):
        link.put(1, ONE)
    deadline = time.monotonic() + 300
    while "can't be reached at port 9 (127.0.0.1: " not in caplog.text:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    link.end(0.2)
    assert link.counts == (3, 0, 0, 3)
    assert "3 calls of Sender.record() are lost: this process ended before" in caplog.text
    assert "see Sender.health" in caplog.text


def test_a_link_to_nowhere_drops_and_says_so(caplog):
    link = Link([], 0, KEY)
    link.put(1, ONE)
    assert link.counts == (1, 0, 0, 1)
    assert "this sender has no run" in caplog.text
    assert not link.flush(0)


def test_what_comes_after_the_end_of_the_run_is_not_flushed(caplog):
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    link.put(1, ONE)
    assert link.flush(20)
    receiver.close()
    deadline = time.monotonic() + 300
    while not link._is_over:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    link.put(1, ONE)
    assert not link.flush(20)


class Slow:
    """Stands between both sides and lets so many bytes a second through, from the sender on."""

    def __init__(self, to, rate):
        self.to, self.rate, self.connections = to, rate, 0
        self.server = socket.socket()
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        self.server.bind(("127.0.0.1", 0))
        self.server.listen()
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with suppress(OSError):
            while True:
                near, _ = self.server.accept()
                self.connections += 1
                far = socket.create_connection(("127.0.0.1", self.to))
                threading.Thread(target=self.back, args=(far, near), daemon=True).start()
                threading.Thread(target=self.forth, args=(near, far), daemon=True).start()

    def forth(self, near, far):
        with suppress(OSError):
            while piece := near.recv(self.rate // 20):
                far.sendall(piece)
                time.sleep(len(piece) / self.rate)
            far.shutdown(socket.SHUT_RDWR)

    def back(self, far, near):
        with suppress(OSError):
            while piece := far.recv(4096):
                near.sendall(piece)


@pytest.mark.slow
def test_a_frame_that_takes_long_goes_once_and_calls_are_added_up_meanwhile():
    receiver = receiver_at()
    slow = Slow(receiver.port, 1_000_000)
    link = Link(["127.0.0.1"], slow.port, KEY)
    names = {f"{n:06d}{'x' * 150}": 1.0 for n in range(66_000)}
    link.put(1, measurement({"metrics": names}))  # 11 MB, of which the system takes about 4 at once
    time.sleep(2.0)
    for _ in range(100):
        link.put(2, ONE)
    deadline = time.monotonic() + 300
    while link._calls:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert link.counts[1] == 0  # the frame is still on its way
    assert link.flush(60)
    assert slow.connections == 1
    came = receiver.take()
    assert sum(len(made.metrics) for *_, made in came) == 66_000
    assert sum(made.flops.get("total", 0) for *_, made in came) == 100
    link.end(1)
    receiver.close()
    slow.server.close()


def test_sums_of_one_place_that_no_frame_can_hold_come_in_several(monkeypatch):
    monkeypatch.setattr(wire, "_USUAL_BYTES", 2_000)
    monkeypatch.setattr(wire, "MOST_BYTES", 3_000)
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    for value in (1.0, 2.0):
        metrics = {f"metric {number}": value for number in range(500)}
        link.put("e", measurement({"metrics": metrics, "flops": 7, "seconds": {"update": 2.0}}))
    assert link.flush(20)
    assert link.counts == (2, 2, 0, 0)
    come = StepSums()
    for *_, sums in receiver.take():
        come.merge(sums, side_by_side=False)
    assert (come.flops, come.seconds) == ({"total": 14}, {"update": 4.0})
    assert (len(come.metrics), set(come.metrics.values())) == (500, {3.0})
    assert set(come.counts.values()) == {2}
    link.end(1)
    receiver.close()


def test_senders_end_before_a_run_that_was_made_after_another():
    code = """
import socket, sys, time, rlviz
first = rlviz.Callback(sys.argv[1] + "/a", figure_seconds=None)
first.sender().record(step=1, flops=1)
first.on_step_end(1)
first.close()
second = rlviz.Callback(sys.argv[1] + "/b", figure_seconds=None)
sender = second.sender()
second.on_step_end(1)
reach = socket.create_connection
socket.create_connection = lambda *args, **more: (time.sleep(0.25), reach(*args, **more))[1]
sender.record(step=1, flops=5)
"""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", code, folder], check=True, timeout=120)
        assert rlviz.read(f"{folder}/b").exact_flops()[-1] == 5


@pytest.mark.parametrize("many", [1, 3])
def test_many_places_go_in_several_frames(monkeypatch, many):
    monkeypatch.setattr(wire, "_MOST_PLACES", many)
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    for number in range(10):
        link.put(f"e{number}", ONE)
    assert link.flush(20)
    assert {place for _, place, _ in receiver.take()} == {f"e{n}" for n in range(10)}
    link.end(1)
    receiver.close()


@pytest.mark.slow
def test_a_link_that_was_ended_while_it_connected_says_what_is_lost_and_begins_anew(caplog):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        link = Link(["127.0.0.1"], port, KEY)
        link.put(1, ONE)
        near, _ = mute.accept()
        with near:  # who accepts and says nothing
            link.end(0.1)
            assert link.counts == (1, 0, 0, 1)
            assert "1 call of Sender.record() are lost: this process ended before" in caplog.text
            link.put(2, ONE)
            link.put(2, ONE)
            link.end(0.1)  # again, at the same try
            assert link.counts == (3, 0, 0, 3)
            link.put(3, ONE)
    receiver = receiver_at(port)
    deadline = time.monotonic() + 60
    while link.counts != (4, 1, 0, 3):  # and nobody calls it again
        assert time.monotonic() < deadline, link.counts
        receiver.ask()
        time.sleep(0.01)
    assert [(place, made.flops["total"]) for _, place, made in receiver.take()] == [(3, 1)]
    link.end(1)
    link.put(4, ONE)
    assert not link.flush(20)  # some were lost
    assert link.counts == (5, 2, 0, 3)
    link.end(1)
    receiver.close()


def welcomed(server):
    """A sender's connection, taken as a trainer takes it."""
    near, _ = server.accept()
    near.settimeout(20)
    near.sendall(wire.frame(wire.HELLO, bytes(32)))
    came = bytearray()
    while not (heard := list(wire.frames(came, wire.MOST_UNKNOWN))):
        came += near.recv(4096)
    own = wire.proof(KEY, b"trainer", heard[0][1][:32], bytes(32))
    near.sendall(wire.frame(wire.WELCOME, own + wire.numbered(0)))
    return near


def test_what_is_acknowledged_as_the_link_ends_is_not_counted_twice():
    with socket.create_server(("127.0.0.1", 0)) as server:

        class Late(Link):
            """A link whose trainer answers just as it counts what is lost."""

            is_counting = False

            @property
            def counts(self):
                before = super().counts
                if self.is_counting:
                    self.is_counting = False
                    with suppress(OSError):
                        near.sendall(wire.frame(wire.TAKEN, wire.numbered(1)))
                    time.sleep(0.3)
                return before

        link = Late(["127.0.0.1"], server.getsockname()[1], KEY)
        link.put(1, ONE)
        with welcomed(server) as near:
            assert near.recv(4096)
            link.is_counting = True
            link.end(0.1)
            assert link.counts == (1, 0, 0, 1)


@pytest.mark.slow
def test_a_link_that_was_ended_amid_a_frame_begins_anew_with_a_whole_one():
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link(["127.0.0.1"], server.getsockname()[1], KEY)
        names = {f"{n:06d}{'x' * 150}": 1.0 for n in range(66_000)}
        link.put(1, measurement({"metrics": names}))  # more than the system takes at once
        with welcomed(server):
            deadline = time.monotonic() + 60
            while not link._going:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            link.end(0.1)
        link.put(2, ONE)
        with welcomed(server) as near:
            came = bytearray()
            while not (heard := list(wire.frames(came, wire.MOST_BYTES))):
                came += near.recv(4096)
            ((kind, body),) = heard
            number, message = wire.number_of(body)
            near.sendall(wire.frame(wire.TAKEN, wire.numbered(number)))
            link.flush(20)
        ((place, sums),) = wire.unpack(message)
        assert (kind, place, sums.flops) == (wire.SUMS, 2, {"total": 1})
        assert link.counts == (2, 1, 0, 1)
        link.end(0.1)


@pytest.mark.parametrize("left", range(5))
def test_without_descriptors_a_link_says_so_and_goes_on_when_there_are_some(
    few_descriptors, caplog, left
):
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    with few_descriptors(left):
        for _ in range(20):
            link.put(1, ONE)
            time.sleep(0.01)  # its thread, if there is one, meets what is missing
        if left < 3:
            assert link.counts == (20, 0, 20, 0)
            assert "OSError: [Errno 24] Too many open files" in caplog.text
    link.put(1, ONE)
    assert link.flush(60)
    assert link.counts == (21, 21, 0, 0)
    assert sum(made.flops["total"] for *_, made in receiver.take()) == 21
    link.end(1)
    receiver.close()


def test_where_no_thread_is_left_the_end_says_what_is_lost_and_a_later_call_begins_anew(
    no_threads, caplog
):
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    with no_threads():
        link.end(1)  # nothing was recorded
        assert caplog.text == ""
        for _ in range(3):
            link.put(1, ONE)
        assert "can't start new thread" in caplog.text
        link.end(0.1)
    assert link.counts == (3, 0, 0, 3)
    assert "3 calls of Sender.record() are lost: this process has no thread" in caplog.text
    link.put(1, ONE)
    assert not link.flush(20)  # some were lost
    assert link.counts == (4, 1, 0, 3)
    link.end(1)
    receiver.close()


def test_a_process_in_which_no_thread_could_be_started_says_at_its_end_what_is_lost():
    code = """
import threading
from rlviz.record.sender import Sender

def refuse(thread):
    raise RuntimeError("can't start new thread")

threading.Thread.start = refuse
Sender(["127.0.0.1"], 9, b"k" * 32, "").record(flops=1)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert "can't start new thread" in done.stderr
    assert "1 call of Sender.record() are lost: this process has no thread" in done.stderr
