"""Rows that no callback would write."""

import json
import struct

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


@pytest.fixture
def write_rows():
    def write(file, columns, rows, *, session=0, resumed_after=None, header=None, shape=None):
        """Append a batch of rows to an event file, with TensorBoard's protos and writer."""
        content = header or {
            "version": 1,
            "session": session,
            "resumed_after": resumed_after,
            "columns": columns,
        }
        value = Summary.Value(tag=f"rlviz/rows/s{session}")
        value.metadata.plugin_data.content = (
            content if isinstance(content, bytes) else json.dumps(content).encode()
        )
        for size in shape or (len(rows), len(columns)):
            value.tensor.tensor_shape.dim.add(size=size)
        flat = [number for row in rows for number in row]
        value.tensor.tensor_content = struct.pack(f"<{len(flat)}d", *flat)
        with file.open("ab") as stream:
            RecordWriter(stream).write(Event(summary=Summary(value=[value])).SerializeToString())

    return write
