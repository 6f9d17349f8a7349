"""The form of events with rows: all but the numbers is the same in those with as many rows."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rlviz import schema

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


@dataclass(frozen=True, slots=True)
class EventForm:
    """What stands around the numbers of an event with one table of rows. To see that another event
    has the same form takes a fifth of the time of parsing it.

    Attributes:
        header, shape: of the table.
        begin, end: where its numbers stand.
        head: how many bytes hold the time and the step of the event, which come first.
        before: the bytes between those and the numbers.
        behind: the bytes behind the numbers.
    """

    header: schema.RowsHeader
    shape: tuple[int, ...]
    begin: int
    end: int
    head: int
    before: bytes
    behind: bytes

    @classmethod
    def of(
        cls,
        event: "Event",
        payload: bytes,
        header: schema.RowsHeader,
        shape: tuple[int, ...],
        begin: int,
    ) -> "EventForm | None":
        """The form of an event, which is changed; None if it is written in another way.

        Args:
            event: with rows in its first value.
            payload: its bytes.
            header, shape: of its table.
            begin: where its numbers seem to stand.
        """
        tensor = event.summary.value[0].tensor
        content = tensor.tensor_content
        head, end = _head(event), begin + len(content)
        # Other numbers, of which each byte differs, change the bytes of the event there alone.
        others = np.invert(np.frombuffer(content, np.uint8)).tobytes()
        tensor.tensor_content = others
        changed = b"".join((payload[:begin], others, payload[end:]))
        if len(event.summary.value) > 1 or not content or event.SerializeToString() != changed:
            return None
        if not payload.startswith(head):
            return None
        before, behind = payload[len(head) : begin], payload[end:]
        return cls(header, shape, begin, end, len(head), before, behind)

    def step_in(self, data: bytes | bytearray, at: int = 0) -> int | None:
        """The step of an event as long as this one; None if it has another form.

        Args:
            data: bytes that the event stands in.
            at: where it begins.
        """
        has_form = data.startswith(self.before, at + self.head) and data.startswith(
            self.behind, at + self.end
        )
        if not has_form:
            return None
        head = bytes(data[at : at + self.head])
        event_type, decode_error, _ = protos()
        try:
            event = event_type.FromString(head)
        except decode_error:
            return None
        return int(event.step) if _head(event) == head else None


@lru_cache(maxsize=1)
def protos() -> "tuple[type[Event], type[Exception], frozenset[int]]":
    """An event, what it raises for bytes that are none, and the types of a tensor of rows. They are
    imported by the first who asks, and not looked up each time, which takes as long as parsing."""
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_INVALID

    return Event, DecodeError, frozenset((DT_DOUBLE, DT_INVALID))


def _head(event: "Event") -> bytes:
    """The bytes of an event that has only the time and the step of another."""
    return bytes(type(event)(wall_time=event.wall_time, step=event.step).SerializeToString())
