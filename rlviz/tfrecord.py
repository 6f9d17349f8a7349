"""The framing of TensorBoard's event files: length, checksum, payload, checksum.

Writer and reader share it, so it stands above both. After damage the reader looks for the next
intact record; in TensorBoard's own readers one bad byte hides the rest of the file.
Format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from rlviz import checksums
from rlviz.records_together import Together

Indices = NDArray[np.int64]

HEADER_BYTES = 12
FOOTER_BYTES = checksums.STORED_BYTES
LONGEST = 64 << 20
"""Records with more bytes are checked without being held in memory, and passed over: no writer of
rows makes one so long."""
INCOMPLETE = "incomplete record at the end"


class Record(NamedTuple):
    """One intact record."""

    data: bytes | bytearray
    """The bytes that it stands in."""
    begin: int
    """Offset of its first byte."""
    end: int
    """Offset of the first byte after it."""

    @property
    def payload(self) -> bytes:
        """A copy of what it holds."""
        return bytes(self.data[self.begin + HEADER_BYTES : self.end - FOOTER_BYTES])


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


_FEWEST_ALIKE = 8
"""From so many records of one length on, NumPy puts them together faster than Python."""


def frame_all(payloads: Sequence[bytes]) -> bytes:
    """Wrap payloads as records, one behind the other; many of one length at once.

    >>> frame_all([b"hello", b"world"]) == frame(b"hello") + frame(b"world")
    True
    """
    if len(payloads) < _FEWEST_ALIKE or len(set(map(len, payloads))) > 1:
        return b"".join(map(frame, payloads))
    count, length = len(payloads), len(payloads[0])
    crcs = np.fromiter(map(google_crc32c.value, payloads), np.uint32, count)
    records = np.empty((count, HEADER_BYTES + length + FOOTER_BYTES), np.uint8)
    records[:, :HEADER_BYTES] = np.frombuffer(frame(payloads[0]), np.uint8, HEADER_BYTES)
    records[:, HEADER_BYTES:-FOOTER_BYTES] = np.frombuffer(b"".join(payloads), np.uint8).reshape(
        count, length
    )
    records[:, -FOOTER_BYTES:] = checksums.masked(crcs).astype("<u4")[:, None].view(np.uint8)
    return records.tobytes()


def scan(data: bytes, start: int = 0, *, holding: bytes = b"") -> Iterator[Record | Damage]:
    """Yield every intact record from offset `start` on, and the damage between them, in order.

    It never raises, whatever the bytes hold, and takes time linear in their number. An incomplete
    record at the end counts as damage: a killed run leaves one, and a running one does for a
    moment.

    Args:
        data: the bytes of an event file.
        start: offset at which a record begins.
        holding: skip intact records without these bytes, which takes a tenth of the time.
    """
    return iter(Scanner(bytes(data), start, holding=holding))


_ALLOWANCE = 4
"""So many times the bytes may be read for records that turn out not to be intact."""
_PENDING = -1


class Scanner:
    """The records in bytes of an event file, one after another; `scan` for bytes that go on.

    Args:
        data: the bytes, or the next piece of them. Of a bytearray, which takes less time, some are
            others for a moment while they are checked.
        start: offset at which a record begins.
        holding: skip intact records without these bytes, which takes a tenth of the time.
        more: how many bytes of the file follow behind `data`. Where they may complete a record,
            the scan stops before it.
        is_intact: tells whether the record at an offset, of that payload's length, is intact,
            where it is longer than `LONGEST`; it is passed over. Without it `data` must hold it.
    """

    def __init__(
        self,
        data: bytes | bytearray,
        start: int = 0,
        *,
        holding: bytes = b"",
        more: int = 0,
        is_intact: Callable[[int, int], bool] | None = None,
    ) -> None:
        self.offset = start
        """Everything before it is done. It is beyond `data` where a long record was passed over."""
        self._data = data
        self._holding = holding
        self._more = more
        self._is_intact = is_intact
        self._allowance = _ALLOWANCE * len(data)
        """How many bytes more may be read for records that turn out not to be intact."""
        self._held = -1
        """Where the bytes to hold stand next; before `offset` if nobody looked yet."""
        self._ahead = _Headers(data)
        self._hopeful: tuple[Indices, Indices] | None = None
        """The headers that are worth a look, once the allowance is used up."""

    def __iter__(self) -> Iterator[Record | Damage]:
        """Yield the records and the damage between them, in order."""
        data, holding = self._data, self._holding
        alone = self.offset
        """The records before it are looked at one by one."""
        while self.offset < len(data):
            offset = self.offset
            if holding and offset >= alone:
                together = self._together(offset)
                alone = together.end
                if together.are_intact(data):
                    for begin, end in together.held:
                        self.offset = end
                        if self._holds(begin, end):
                            yield Record(data, begin, end)
                    self.offset = together.end
                    continue
            until = self._end_of_record(offset)
            if until == _PENDING:
                return
            if until is None:
                self.offset = self._next(offset + 1)
                yield self._damage(offset, self.offset)
            else:
                self.offset = until
                if until <= len(data) and self._holds(offset, until):
                    yield Record(data, offset, until)

    def _holds(self, begin: int, end: int) -> bool:
        """Whether a record holds the bytes to hold."""
        return self._data.find(self._holding, begin + HEADER_BYTES, end - FOOTER_BYTES) >= 0

    def _together(self, offset: int) -> Together:
        """The records from `offset` on as far as their headers tell, up to some bytes."""
        data, begin, held = self._data, offset, self._held
        found = Together(begin)
        while offset - begin < _TOGETHER_BYTES:
            header = bytes(data[offset : offset + HEADER_BYTES])
            length = _length_in(header)
            if length is None or length > _TOGETHER_BYTES:
                break
            size = HEADER_BYTES + length + FOOTER_BYTES
            if held < offset:
                at = data.find(self._holding, offset)
                held = len(data) if at < 0 else at
            count = (held - offset) // size
            if count > 1 and data.startswith(header, offset + size):
                # The scalars of most steps make records of the same length.
                count = min(count, _MOST_ALIKE, 1 + _TOGETHER_BYTES // size)
                count = _leading(np.ndarray(count, _U8, data, offset, size) == length)
            elif count:
                count = 1
            elif offset + size > len(data):
                break
            else:
                count = 1
                found.held.append((offset, offset + size))
            found.add(header, size, count)
            offset = found.end
        self._held = held
        return found

    def _end_of_record(self, offset: int) -> int | None:
        """Where the record at `offset` ends; None if none is intact there."""
        header = bytes(self._data[offset : offset + HEADER_BYTES])
        if len(header) < HEADER_BYTES:
            return _PENDING if self._more else None
        length = _length_in(header)
        return None if length is None else self._end_if_intact(offset, length)

    def _end_if_intact(self, offset: int, length: int) -> int | None:
        begin = offset + HEADER_BYTES
        end = begin + length + FOOTER_BYTES
        if end > len(self._data) + self._more:
            return None
        if self._is_intact is not None and length > LONGEST:
            return end if self._is_intact(offset, length) else None
        if end > len(self._data):
            return _PENDING
        if self._hopeful is not None and not _is_in(self._hopeful[0], offset):
            return None
        payload = bytes(self._data[begin : end - FOOTER_BYTES])
        if self._data[end - FOOTER_BYTES : end] == checksum(payload):
            return end
        self._allowance -= length
        if self._allowance < 0 and self._hopeful is None:
            self._hopeful = self._worth_a_look(offset + 1)
        return None

    def _next(self, offset: int) -> int:
        """The offset of the next record that is intact or not complete yet, or of the end."""
        for candidate, length in self._headers(offset):
            if self._end_if_intact(candidate, length) is not None:
                return candidate
        return max(offset, len(self._data) - (HEADER_BYTES - 1 if self._more else 0))

    def _headers(self, offset: int) -> Iterator[tuple[int, int]]:
        """Offset and claimed length of all headers from `offset` on that may begin a record."""
        while self._hopeful is None:
            found = self._ahead.next_from(offset)
            if found is None:
                return
            yield found
            offset = found[0] + 1
        offsets, lengths = self._hopeful
        for number in range(int(np.searchsorted(offsets, offset)), len(offsets)):
            yield int(offsets[number]), int(lengths[number])

    def _worth_a_look(self, offset: int) -> tuple[Indices, Indices]:
        """Offset and claimed length of the headers from `offset` on whose records are intact, or
        reach beyond `data`. One pass tells them all."""
        offsets, lengths = _Headers(self._data).all_from(offset)
        begins = offsets + HEADER_BYTES
        ends = begins + lengths
        hopeful = ends + FOOTER_BYTES <= len(self._data) + self._more
        here = np.flatnonzero(ends + FOOTER_BYTES <= len(self._data))
        crcs = checksums.of_stretches(bytes(self._data), begins[here], ends[here])
        stored = _number(np.frombuffer(self._data, np.uint8), ends[here], FOOTER_BYTES)
        hopeful[here] = checksums.masked(crcs) == stored
        return offsets[hopeful], lengths[hopeful]

    def _damage(self, offset: int, resumed: int) -> Damage:
        header = bytes(self._data[offset : offset + HEADER_BYTES])
        length = resumed - offset
        if len(header) < HEADER_BYTES:
            return Damage(offset, length, INCOMPLETE, is_incomplete=True)
        claimed = _length_in(header)
        if claimed is None:
            return Damage(offset, length, "the length of a record is damaged")
        if offset + HEADER_BYTES + claimed + FOOTER_BYTES > len(self._data) + self._more:
            return Damage(offset, length, INCOMPLETE, is_incomplete=True)
        return Damage(offset, length, "the content of a record is damaged")


_TOGETHER_BYTES, _MOST_ALIKE = 256 << 10, 1024
_U8 = np.dtype("<u8")


def _leading(holds: NDArray[np.bool_]) -> int:
    """How many from the first on are true, of one at least."""
    at = int(holds.argmin())
    return len(holds) if holds[at] else at


@lru_cache(maxsize=1024)  # the scalars of most steps make records of the same length
def _length_in(header: bytes) -> int | None:
    """The length that a header gives, if it is intact."""
    if len(header) < HEADER_BYTES or header[8:] != checksum(header[:8]):
        return None
    length: int = struct.unpack("<Q", header[:8])[0]
    return length


_WINDOW_BYTES = 4 << 10, 256 << 10
"""How far to look for headers: first, for a record is near, and at most at a time."""


class _Headers:
    """What has the form of a record's header, with its checksum, at any offset of some bytes."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._view = np.frombuffer(data, np.uint8)
        self._last = len(data) - HEADER_BYTES
        self._begin = self._end = 0
        """What was looked through last."""
        self._found: list[tuple[int, int]] = []
        self._window = _WINDOW_BYTES[0]

    def next_from(self, offset: int) -> tuple[int, int] | None:
        """Offset and claimed length of the first header from `offset` on."""
        while True:
            if self._begin <= offset < self._end:
                at = bisect_left(self._found, (offset, 0))
                if at < len(self._found):
                    return self._found[at]
                offset = self._end
                self._window = min(2 * self._window, _WINDOW_BYTES[1])
            else:
                self._window = _WINDOW_BYTES[0]
            if offset > self._last:
                return None
            self._begin, self._end = offset, min(offset + self._window, self._last + 1)
            offsets, lengths = self._within(self._begin, self._end)
            self._found = list(zip(offsets.tolist(), lengths.tolist(), strict=True))

    def all_from(self, offset: int) -> tuple[Indices, Indices]:
        """Offset and claimed length of every header from `offset` on."""
        begins = range(offset, self._last + 1, _WINDOW_BYTES[1])
        parts = [self._within(b, min(b + _WINDOW_BYTES[1], self._last + 1)) for b in begins]
        offsets, lengths = ([part[i] for part in parts] for i in (0, 1))
        nothing = np.empty(0, np.int64)
        return np.concatenate([nothing, *offsets]), np.concatenate([nothing, *lengths])

    def _within(self, begin: int, end: int) -> tuple[Indices, Indices]:
        view = self._view
        if not view[begin : end + HEADER_BYTES].any():  # space that was never written
            return np.empty(0, np.int64), np.empty(0, np.int64)
        # The high bytes of a length are always 0.
        high = view[begin + 5 : end + 5] | view[begin + 6 : end + 6] | view[begin + 7 : end + 7]
        at = np.flatnonzero(high == 0) + begin
        found = checksums.masked(checksums.of_columns(view[at + byte] for byte in range(8)))
        at = at[found == _number(view, at + 8, 4)]
        return at, _number(view, at, 5)


def _is_in(ordered: Indices, value: int) -> bool:
    at = int(np.searchsorted(ordered, value))
    return at < len(ordered) and bool(ordered[at] == value)


def _number(view: NDArray[np.uint8], at: Indices, width: int) -> Indices:
    """The little-endian numbers of some bytes at some offsets, (n,)."""
    parts = (view[at + byte].astype(np.int64) << 8 * byte for byte in range(width))
    return sum(parts, np.zeros(len(at), np.int64))


def checksum(data: bytes) -> bytes:
    """TensorBoard's masked CRC-32C, little endian."""
    return masked_bytes(google_crc32c.value(data))


def masked_bytes(crc: int) -> bytes:
    """A CRC-32C as a record holds it."""
    return struct.pack("<I", checksums.masked(crc))


def size_at(data: bytes | bytearray, offset: int) -> int:
    """The size of the record whose header stands at an offset; 0 if there is none."""
    header = bytes(data[offset : offset + HEADER_BYTES]) if 0 <= offset <= len(data) else b""
    length = _length_in(header)
    return 0 if length is None else HEADER_BYTES + length + FOOTER_BYTES
