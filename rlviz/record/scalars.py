"""Encodes per-step scalars as TensorBoard records, many steps at once.

Building one protobuf for each step costs 30 µs, more than all else that a step costs. Between two
changes of which scalars there are, the records of the steps differ in the wall time, the step and
the values alone, each at a fixed place: so they are stamped from one template. The bytes are those
that protobuf gives; `tests/record/test_scalars.py` holds that.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlviz import tfrecord

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


def encode(
    steps: NDArray[np.int64], wall_times: Floats, scalars: Mapping[str, tuple[Floats, Mask]]
) -> bytes:
    """One framed event for each step, with the scalars that it brought.

    Args:
        steps: (k,), each in [0, 2**53).
        wall_times: (k,), seconds since the epoch.
        scalars: tag -> values and which of the steps have one, each (k,). Values beyond float32's
            range become infinities.
    """
    if not len(steps):
        return b""
    tags = list(scalars)
    brought = np.array([mask for _, mask in scalars.values()]).reshape(len(tags), len(steps))
    with np.errstate(over="ignore"):
        values = np.array([v for v, _ in scalars.values()], "<f4").reshape(brought.shape)
    parts = []
    for first, last in _alike(steps, brought):
        at = np.flatnonzero(brought[:, first])
        part = slice(first, last)
        parts.append(
            _stamped(steps[part], wall_times[part], [tags[i] for i in at], values[at, part])
        )
    return b"".join(parts)


def _alike(steps: NDArray[np.int64], brought: Mask) -> Iterator[tuple[int, int]]:
    """Stretches of steps whose records have the same layout, as (first, behind the last)."""
    digits = _varint_bytes(steps)
    changes = (brought[:, 1:] != brought[:, :-1]).any(axis=0) | (digits[1:] != digits[:-1])
    cuts = [0, *(np.flatnonzero(changes) + 1).tolist(), len(steps)]
    yield from pairwise(cuts)


def _stamped(
    steps: NDArray[np.int64], wall_times: Floats, tags: Sequence[str], values: NDArray[np.float32]
) -> bytes:
    """Records of one layout. `values` is (tags, k)."""
    summary, places = _summary(tags)
    step_bytes = int(_varint_bytes(steps[:1])[0])
    # Event: wall_time = 1 (double), step = 2 (int64), summary = 5 (message); proto3 leaves out a
    # step that is 0.
    has_step = bool(steps[0])
    head = b"\x09" + bytes(8) + (b"\x10" + bytes(step_bytes) if has_step else b"")
    event = head + (b"\x2a" + _varint(len(summary)) + summary)
    start = len(event) - len(summary)
    framed = tfrecord.frame(event)  # the checksum of the length is right, that of the event is not
    block: Bytes = np.tile(np.frombuffer(framed, np.uint8), (len(steps), 1))
    body = block[:, tfrecord.HEADER_BYTES : tfrecord.HEADER_BYTES + len(event)]
    body[:, 1:9] = _bytes_of(wall_times.astype("<f8"), 8)
    if has_step:
        for digit in range(step_bytes):
            more = 0x80 if digit < step_bytes - 1 else 0
            body[:, 10 + digit] = ((steps >> (7 * digit)) & 0x7F) | more
    for place, row in zip(places, values, strict=True):
        body[:, start + place : start + place + 4] = _bytes_of(row, 4)
    contents = [row.tobytes() for row in body]
    checksums = b"".join(map(tfrecord.checksum, contents))
    block[:, -tfrecord.FOOTER_BYTES :] = np.frombuffer(checksums, np.uint8).reshape(-1, 4)
    return block.tobytes()


def _summary(tags: Sequence[str]) -> tuple[bytes, list[int]]:
    """A summary with a zero for every value, and where in it the values stand."""
    summary, places = b"", []
    for tag in tags:
        name = tag.encode()
        # Summary.Value: tag = 1 (string), simple_value = 2 (float)
        value = b"\x0a" + _varint(len(name)) + name + b"\x15" + bytes(4)
        summary += b"\x0a" + _varint(len(value)) + value
        places.append(len(summary) - 4)
    return summary, places


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _varint_bytes(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bytes each number takes as a varint; 0 for 0, which is left out."""
    limits = np.array([0, *(1 << 7 * n for n in range(1, 8))], np.int64)
    count: NDArray[np.int64] = np.searchsorted(limits, numbers, side="right") - (numbers == 0)
    return count


def _bytes_of(numbers: NDArray[np.floating], size: int) -> Bytes:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, size)
