"""What waits to be sent: added up, packed, acknowledged or lost, and weighed all the time."""

import pytest

from rlviz.record import unsent, wire
from rlviz.record.measurement import measurement
from rlviz.record.unsent import Unsent

ONE = measurement({"flops": 1})


@pytest.fixture
def errors():
    return []


@pytest.fixture
def waits(errors):
    return Unsent(errors.append)


def read(frames):
    """(number, place, FLOPs) of what is in frames."""
    found = []
    for kind, body in wire.frames(bytearray(b"".join(frames)), wire.MOST_BYTES):
        assert kind == wire.SUMS
        number, message = wire.number_of(body)
        found += [(number, place, sums.flops["total"]) for place, sums in wire.unpack(message)]
    return found


def test_calls_are_added_up_by_their_place_and_packed_once(waits):
    assert waits.add([(1, ONE), ("e", ONE), (1, ONE)]) == 0
    assert (waits.has_sums, waits.has_frames) == (True, False)
    frames = waits.pack()
    assert read(frames) == [(1, 1, 2), (1, "e", 1)]
    assert (waits.has_sums, waits.frames) == (False, frames)
    assert waits.pack() == []


def test_frames_stay_until_they_are_acknowledged_and_their_calls_count_then(waits):
    for place in (1, 2, 3):
        waits.add([(place, ONE)])
        waits.pack()
    waits.acknowledge(2)
    assert (read(waits.frames), waits.delivered) == ([(3, 3, 1)], 2)
    waits.acknowledge(2)
    waits.acknowledge(3)
    assert (waits.has_frames, waits.delivered) == (False, 3)


def test_what_is_forgotten_is_never_delivered_and_numbers_go_on(waits):
    waits.add([(1, ONE)])
    waits.pack()
    waits.add([(1, ONE)])
    waits.forget()
    assert (waits.has_sums, waits.has_frames) == (False, False)
    waits.acknowledge(1)
    assert waits.delivered == 0
    waits.add([(1, ONE)])
    assert read(waits.pack()) == [(2, 1, 1)]


def test_beyond_its_limit_it_refuses_new_places_and_then_known_ones_until_there_is_room(
    waits, errors, monkeypatch
):
    monkeypatch.setattr(unsent, "_MOST_BYTES", 5_000)
    assert waits.add([(number, ONE) for number in range(100)]) == len(errors) > 80
    assert waits.add([(0, ONE)]) == 0
    waits.pack()
    names = measurement({"metrics": {f"{number}": 1.0 for number in range(100)}})
    waits.add([(1, names)])
    assert waits.add([(1, ONE)]) == 1
    assert {str(error) for error in errors} == {"the trainer can't be reached, and memory is full"}
    waits.acknowledge(1)
    waits.forget()
    assert waits.add([(1, ONE)]) == 0
