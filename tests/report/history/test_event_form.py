"""An event that has the form of another is taken for nothing but what parsing it gives."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event

from rlviz import schema
from rlviz.record import events
from rlviz.report.history.event_form import EventForm

HEADER = schema.RowsHeader(0, ("step", "session", "metrics/loss"))
RANDOM = np.random.default_rng(5)


def event_of(table, written=100, wall_time=1.7e9):
    return events.rows(wall_time, HEADER, 0, table, rows_before=written - len(table))


def form_of(event):
    payload, tensor = event.SerializeToString(), event.summary.value[0].tensor
    return EventForm.of(
        Event.FromString(payload),
        payload,
        HEADER,
        tuple(dim.size for dim in tensor.tensor_shape.dim),
        payload.find(tensor.tensor_content),
    )


FIRST = event_of(RANDOM.normal(size=(4, 3)))
FORM = form_of(FIRST)


def assert_parses_so(payload, step):
    """Parsed as a whole, the event differs from the first in its time, step and numbers alone."""
    parsed = Event.FromString(payload)
    assert parsed.step == step
    assert parsed.summary.value[0].tensor.tensor_content == payload[FORM.begin : FORM.end] != b""
    parsed.wall_time, parsed.step = FIRST.wall_time, FIRST.step
    tensor = FIRST.summary.value[0].tensor
    parsed.summary.value[0].tensor.tensor_content = tensor.tensor_content
    assert parsed == FIRST


def test_events_with_other_numbers_have_the_form():
    for written in (4, 104, 2**40):
        event = event_of(RANDOM.normal(size=(4, 3)), written, wall_time=2e9)
        payload = event.SerializeToString()
        assert FORM.step_in(payload) == event.step
        assert_parses_so(payload, event.step)


@given(
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=3),
    head=st.one_of(st.none(), st.binary(min_size=20, max_size=20)),
)
def test_whatever_has_the_form_is_what_parsing_gives(flips, head):
    data = bytearray(event_of(RANDOM.normal(size=(4, 3))).SerializeToString())
    if head is not None:
        data[: len(head)] = head
    for at, mask in flips:
        data[at % len(data)] ^= mask
    step = FORM.step_in(bytes(data))
    if step is not None:
        assert_parses_so(bytes(data), step)


@pytest.mark.parametrize(
    "head",
    [
        b"\x2a\x12\x0a\x10\x0a\x0erlviz/rows/s10",  # a summary, with a value of its own
        b"\x1a\x12brain.Event:2.....",  # the version of a file
        b"\x7a\x12" + bytes(18),  # a field that nobody knows
    ],
)
def test_an_event_with_more_in_it_has_not_the_form(head):
    payload = FIRST.SerializeToString()
    assert len(head) == FORM.head == 20
    event = Event.FromString(head + payload[20:])
    assert event.summary.value[-1] == FIRST.summary.value[0]
    assert FORM.step_in(head + payload[20:]) is None


def test_an_event_that_another_writer_wrote_has_no_form():
    payload = FIRST.SerializeToString()
    turned = payload[9:20] + payload[:9] + payload[20:]  # the step before the time
    assert Event.FromString(turned) == FIRST
    place = turned.find(FIRST.summary.value[0].tensor.tensor_content)
    assert EventForm.of(Event.FromString(turned), turned, HEADER, (4, 3), place) is None


def test_numbers_that_stand_twice_have_no_form_where_the_place_is_not_theirs():
    numbers = np.zeros((1, 3))
    event = event_of(numbers)
    payload = event.SerializeToString()
    at = payload.find(numbers.tobytes())
    shape = (1, 3)
    assert EventForm.of(Event.FromString(payload), payload, HEADER, shape, at) is not None
    assert EventForm.of(Event.FromString(payload), payload, HEADER, shape, at - 1) is None


def test_an_event_with_two_tables_has_no_form():
    event = event_of(RANDOM.normal(size=(4, 3)))
    event.summary.value.append(event.summary.value[0])
    assert form_of(event) is None


def test_a_table_without_rows_has_no_form():
    assert form_of(event_of(np.empty((0, 3)))) is None
