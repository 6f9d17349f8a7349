"""A process's way to the trainer: broken and mended connections, and a trainer that is gone."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from rlviz.record import link as link_module
from rlviz.record import wire
from rlviz.record.link import Link
from rlviz.record.measurement import measurement
from rlviz.record.receiver import Receiver

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
    monkeypatch.setattr(link_module, "_MOST_SUM_BYTES", 5_000)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    link = Link(["127.0.0.1"], port, KEY)
    for number in range(2000):
        link.put(number % 100, ONE)
    assert waits == []
    deadline = time.monotonic() + 300
    while "memory is full" not in caplog.text or link.counts[2] > 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    recorded, delivered, waiting, dropped = link.counts
    assert (recorded, delivered) == (2000, 0)
    assert waiting + dropped == 2000
    assert 20 <= waiting <= 200  # a few steps, with all of their calls
    receiver = receiver_at(port)  # the trainer is there after all
    assert link.flush(30)
    assert sum(made.flops["total"] for *_, made in receiver.take()) == waiting
    link.end(1)
    receiver.close()


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
    assert link.flush(0)


def test_who_answers_without_the_key_gets_nothing():
    with socket.create_server(("127.0.0.1", 0)) as impostor:
        link = Link(["127.0.0.1"], impostor.getsockname()[1], KEY)
        link.put(1, ONE)
        near, _ = impostor.accept()
        near.sendall(wire.frame(wire.HELLO, bytes(32)))
        assert near.recv(4096)
        near.sendall(wire.frame(wire.WELCOME, bytes(32) + wire.numbered(0)))
        assert near.recv(4096) == b""  # it hung up, and sent no sums
        near.close()
        link.end(0.1)


@pytest.mark.parametrize("many", [1, 3])
def test_many_places_go_in_several_frames(monkeypatch, many):
    monkeypatch.setattr(link_module, "_MOST_PLACES", many)
    receiver = receiver_at()
    link = Link(["127.0.0.1"], receiver.port, KEY)
    for number in range(10):
        link.put(f"e{number}", ONE)
    assert link.flush(20)
    assert {place for _, place, _ in receiver.take()} == {f"e{n}" for n in range(10)}
    link.end(1)
    receiver.close()
