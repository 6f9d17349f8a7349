"""What senders and the trainer say to each other, and what comes over the network otherwise."""

import json

import numpy as np
import pytest

from rlviz.accuracy import Accuracy
from rlviz.parallelism import Parallelism, ParallelismSums
from rlviz.record import wire
from rlviz.record.measurement import measurement
from rlviz.record.step_sums import StepSums


def full():
    made = StepSums()
    made.correct, made.graded, made.ungraded = 0.1, 3, 1
    made.flops = {"update": 10**31 + 1, "total": -5}
    made.groups = {"math": Accuracy(0.3, 2, 1)}
    made.metrics, made.counts = {"loss": float("nan"), "kl": float("inf")}, {"kl": 3}
    made.seconds = {"rollout": 0.7}
    made.agents = ParallelismSums.from_episodes([Parallelism(6, 2)])
    return made


@pytest.mark.parametrize("place", [None, 0, 2**53 - 1, "episode ü"])
def test_sums_and_their_place_come_exactly(place):
    ((known, made),) = wire.unpack(wire.pack([(place, full())]))
    assert known == place
    assert repr(made.to_list()) == repr(full().to_list())


def changed(path, value):
    """A packed message with one of its values replaced."""
    (message,) = [json.loads(wire.pack([(1, full())]))]
    inside = message
    for at in path[:-1]:
        inside = inside[at]
    inside[path[-1]] = value
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x80\x04\x95",  # a pickle
        b"[[1]]",
        b"[[1, []]]",
        b'{"a": 1}',
        changed([0, 0], -1),
        changed([0, 0], 1.5),
        changed([0, 0], True),
        changed([0, 0], ""),
        changed([0, 0], "e" * 257),
        changed([0, 1, 2, 0], -1),
        changed([0, 1, 2, 0], "12"),
        changed([0, 1, 2, 0], float("nan")),
        changed([0, 1, 2], [1]),
        changed([0, 1, 4, "math"], [5, 2, 0]),
        changed([0, 1, 5, "update"], 1.5),
        changed([0, 1, 5, "update"], 10**60),
        changed([0, 1, 5, "../x"], 1),
        changed([0, 1, 6, "loss"], [1]),
        changed([0, 1, 6, "m" * 300], 1.0),
        changed([0, 1, 7, "kl"], -1),
        changed([0, 1, 8, "rollout"], float("inf")),
        changed([0, 1, 9], ["an episode"]),
    ],
)
def test_what_no_sender_packs_is_refused(message):
    with pytest.raises((ValueError, TypeError, AttributeError, KeyError)):
        wire.unpack(message)


def test_a_sum_that_overflows_is_infinite_here_and_there():
    sums = StepSums()
    with np.errstate(over="ignore"):
        sums.add(measurement({"parallelism": [1e200]}), lambda value: value)
    ((_, come),) = wire.unpack(wire.pack([(None, sums)]))
    assert come.to_list() == sums.to_list()


def test_frames_are_taken_off_as_they_become_whole_whatever_the_pieces():
    sent = wire.frame(wire.SUMS, b"abc") + wire.frame(wire.BYE) + wire.frame(wire.MARK, bytes(300))
    buffer, taken = bytearray(), []
    for byte in sent:
        buffer.append(byte)
        taken += wire.frames(buffer, 1000)
    assert taken == [(wire.SUMS, b"abc"), (wire.BYE, b""), (wire.MARK, bytes(300))]
    assert not buffer


@pytest.mark.parametrize(
    "came", [b"GET / HTTP/1.1\r\n", wire.frame(wire.SUMS, bytes(257)), b"\0\0\0\1\xffx"]
)
def test_what_is_no_frame_or_too_long_is_refused_before_it_is_kept(came):
    with pytest.raises(ValueError, match="no frame"):
        list(wire.frames(bytearray(came[:6]), wire.MOST_UNKNOWN))


def test_a_proof_fits_one_key_one_side_and_one_connection():
    own = wire.proof(b"key", b"sender", b"nonce")
    assert own == wire.proof(b"key", b"sender", b"nonce")
    others = [(b"kez", b"sender", b"nonce"), (b"key", b"trainer", b"nonce")]
    others.append((b"key", b"sender", b"nonke"))
    assert own not in [wire.proof(*other) for other in others]


def test_a_number_comes_before_the_rest():
    assert wire.number_of(wire.numbered(2**60, b"rest")) == (2**60, b"rest")
    with pytest.raises(ValueError, match="without its number"):
        wire.number_of(b"short")
