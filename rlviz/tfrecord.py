"""The framing of TensorBoard's event files: length, checksum, payload, checksum.

Writer and reader share it, so it stands above both. After damage the reader looks for the next
intact record; in TensorBoard's own readers one bad byte hides the rest of the file.
Format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

HEADER_BYTES = 12
FOOTER_BYTES = 4


class Record(NamedTuple):
    """One intact record."""

    payload: bytes
    end: int
    """Offset of the first byte after the record."""

    @property
    def begin(self) -> int:
        """Offset of the record's first byte."""
        return self.end - FOOTER_BYTES - len(self.payload) - HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of bytes that holds no intact record."""

    offset: int
    length: int
    reason: str
    is_incomplete: bool = False
    """Whether the data end within a record that is intact so far."""


def frame(payload: bytes) -> bytes:
    """Wrap one payload as a record.

    >>> next(scan(frame(b"hello"))).payload
    b'hello'
    """
    length = struct.pack("<Q", len(payload))
    return b"".join((length, checksum(length), payload, checksum(payload)))


def scan(data: bytes, start: int = 0, *, holding: bytes = b"") -> Iterator[Record | Damage]:
    """Yield every intact record from offset `start` on, and the damage between them, in order.

    It never raises, whatever the bytes hold. An incomplete record at the end counts as damage: a
    killed run leaves one, and a running one does for a moment.

    Args:
        data: the bytes of an event file.
        start: offset at which a record begins.
        holding: skip intact records without these bytes, which takes a tenth of the time.
    """
    offset = start
    held = data.find(holding, start)
    while offset < len(data):
        if holding and offset > held >= 0:
            held = data.find(holding, offset)
        if holding and (after := _alike(data, offset, len(data) if held < 0 else held)) > offset:
            offset = after
            continue
        record = _record_at(data, offset)
        if record is None:
            resumed = _next_intact(data, offset + 1)
            yield _damage(data, offset, resumed)
            offset = resumed
        else:
            if holding in record.payload:
                yield record
            offset = record.end


_FEWEST_ALIKE = 8


def _alike(data: bytes, offset: int, until: int) -> int:
    """The end of the run of equally long intact records from `offset` on, before `until`.

    The scalars of most steps make such records. Returns `offset` itself where there are few.
    """
    length = _length_at(data, offset)
    if length is None:
        return offset
    size = HEADER_BYTES + length + FOOTER_BYTES
    count = (until - offset) // size
    if count < _FEWEST_ALIKE:
        return offset
    table = np.frombuffer(data, np.uint8, count * size, offset).reshape(count, size)
    alike = (table[:, :HEADER_BYTES] == table[0, :HEADER_BYTES]).all(axis=1)
    count = count if alike.all() else int(alike.argmin())
    if count < _FEWEST_ALIKE:
        return offset
    begin = offset + HEADER_BYTES
    value = google_crc32c.value
    begins = range(begin, begin + count * size, size)
    found = np.fromiter((value(data[at : at + length]) for at in begins), np.uint32, count)
    stored = np.ascontiguousarray(table[:count, -FOOTER_BYTES:]).view("<u4")[:, 0]
    intact = _masked(found) == stored
    return offset + size * (count if intact.all() else int(intact.argmin()))


def _masked(crc: Any) -> Any:
    """TFRecord's mask over CRCs, one or an array of uint32."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _record_at(data: bytes, offset: int) -> Record | None:
    length = _length_at(data, offset)
    if length is None:
        return None
    begin, end = offset + HEADER_BYTES, offset + HEADER_BYTES + length
    payload = bytes(data[begin:end])
    if data[end : end + FOOTER_BYTES] != checksum(payload):
        return None
    return Record(payload, end + FOOTER_BYTES)


def _length_at(data: bytes, offset: int) -> int | None:
    """The payload's length if an intact header stands at `offset` and the record ends in time."""
    length = _length_in(bytes(data[offset : offset + HEADER_BYTES]))
    if length is None or offset + HEADER_BYTES + length + FOOTER_BYTES > len(data):
        return None
    return length


@lru_cache(maxsize=1024)  # the scalars of most steps make records of the same length
def _length_in(header: bytes) -> int | None:
    """The length that a header gives, if it is intact."""
    if len(header) < HEADER_BYTES or header[8:] != checksum(header[:8]):
        return None
    length: int = struct.unpack("<Q", header[:8])[0]
    return length


_CANDIDATE = re.compile(rb"(?=[\s\S]{5}\0\0\0)(?!\0{12})")
"""Where a header may be: the high bytes of a length are always 0; twelve zeros are no header."""


def _next_intact(data: bytes, offset: int) -> int:
    """The offset of the next intact record, or the end of the data."""
    for candidate in _CANDIDATE.finditer(data, offset):
        if _record_at(data, candidate.start()) is not None:
            return candidate.start()
    return len(data)


def _damage(data: bytes, offset: int, resumed: int) -> Damage:
    header = bytes(data[offset : offset + HEADER_BYTES])
    length = resumed - offset
    if len(header) == HEADER_BYTES and header[8:] != checksum(header[:8]):
        return Damage(offset, length, "the length of a record is damaged")
    if _length_at(data, offset) is None:
        return Damage(offset, length, "incomplete record at the end", is_incomplete=True)
    return Damage(offset, length, "the content of a record is damaged")


def checksum(data: bytes) -> bytes:
    """TensorBoard's masked CRC-32C, little endian."""
    return struct.pack("<I", _masked(google_crc32c.value(data)))
