"""Stamped scalars: the bytes that protobuf gives, for every layout that steps can have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from rlviz import tfrecord
from rlviz.record.scalars import encode

TAGS = ("rlviz/accuracy", "rlviz/é" * 30, "x")
FLOAT32_MAX = 3.4028234663852886e38


def by_protobuf(step, wall_time, values):
    """One event, made the slow way."""
    event = Event(wall_time=wall_time, step=step)
    event.summary.SetInParent()
    for tag, value in values.items():
        with np.errstate(over="ignore"):
            event.summary.value.append(Summary.Value(tag=tag, simple_value=np.float32(value)))
    return event.SerializeToString()


steps_with_values = st.lists(
    st.tuples(
        st.integers(0, 2**53 - 1) | st.sampled_from([0, 1, 127, 128, 16383, 16384, 2**35, 2**49]),
        st.floats(0.5, 2e9),
        st.dictionaries(st.sampled_from(TAGS), st.floats()),
    ),
    min_size=1,
    max_size=8,
)


@given(steps_with_values)
def test_the_records_are_those_of_protobuf_byte_for_byte(steps):
    scalars = {
        tag: (
            np.array([values.get(tag, np.nan) for _, _, values in steps]),
            np.array([tag in values for _, _, values in steps]),
        )
        for tag in TAGS
    }
    data = encode(
        np.array([step for step, _, _ in steps]), np.array([wall for _, wall, _ in steps]), scalars
    )
    expected = [by_protobuf(s, w, {t: v[t] for t in TAGS if t in v}) for s, w, v in steps]
    assert [record.payload for record in tfrecord.scan(data)] == expected


def test_a_value_beyond_float32_becomes_an_infinity_and_nan_stays_nan():
    values = np.array([1e300, -1e300, np.nan, FLOAT32_MAX])
    data = encode(np.arange(1, 5), np.ones(4), {"loss": (values, np.ones(4, bool))})
    read = [Event.FromString(r.payload).summary.value[0].simple_value for r in tfrecord.scan(data)]
    assert read == pytest.approx([np.inf, -np.inf, np.nan, FLOAT32_MAX], nan_ok=True)


def test_no_steps_are_no_bytes_and_a_step_without_scalars_is_an_event_of_its_own():
    assert encode(np.empty(0, np.int64), np.empty(0), {}) == b""
    (record,) = tfrecord.scan(encode(np.array([3]), np.array([1.5]), {}))
    event = Event.FromString(record.payload)
    assert (event.step, event.wall_time, len(event.summary.value)) == (3, 1.5, 0)
