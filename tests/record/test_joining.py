"""How a sender meets the trainer, or somebody else, over real sockets."""

import socket

from rlviz.record import wire
from rlviz.record.link import Link
from rlviz.record.measurement import measurement

KEY = b"k" * 32
ONE = measurement({"flops": 1})


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


def test_a_mark_that_comes_with_the_welcome_is_answered_at_once():
    with socket.create_server(("127.0.0.1", 0)) as trainer:
        link = Link(["127.0.0.1"], trainer.getsockname()[1], KEY)
        link.put(1, ONE)
        near, _ = trainer.accept()
        with near:
            near.settimeout(10)
            theirs = bytes(32)
            near.sendall(wire.frame(wire.HELLO, theirs))
            came = bytearray()
            while not (heard := list(wire.frames(came, wire.MOST_UNKNOWN))):
                came += near.recv(4096)
            ((_, proof),) = heard
            own = wire.proof(KEY, b"trainer", proof[:32], theirs)
            welcome = wire.frame(wire.WELCOME, own + wire.numbered(0))
            near.sendall(welcome + wire.frame(wire.MARK, wire.numbered(3)))  # in one segment
            heard = []
            while wire.MARKED not in [kind for kind, _ in heard]:
                came += near.recv(4096)
                heard += wire.frames(came, wire.MOST_BYTES)
            assert [kind for kind, _ in heard] == [wire.SUMS, wire.MARKED]
            near.sendall(wire.frame(wire.TAKEN, wire.numbered(1)))
            assert link.flush(10)
        link.end(0.1)
