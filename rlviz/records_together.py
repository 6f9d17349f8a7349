"""Records of an event file one behind the other, all of which are checked under one checksum.

With another footer a record has the checksum 0 from its first byte to its last, and so have any
number of them. The footer that a record has tells the other one, if it is intact.
"""

import struct
from functools import lru_cache

import google_crc32c
import numpy as np

from rlviz import checksums

_U4 = np.dtype("<u4")


class Together:
    """Records one behind the other, all of which are checked at once.

    Args:
        begin: offset of the first.
    """

    def __init__(self, begin: int) -> None:
        self.end = self._begin = begin
        """Offset of the first byte behind them."""
        self.held: list[tuple[int, int]] = []
        """Where records begin and end that may hold the bytes to hold."""
        self._runs: list[tuple[int, int, int, np.uint32]] = []
        """Of equally long records: the place of the first footer, their size, how many there are,
        and what makes their checksums 0."""

    def add(self, header: bytes, size: int, count: int) -> None:
        """Add records of the same header and size at the end."""
        first = self.end + size - checksums.STORED_BYTES - self._begin
        self._runs.append((first, size, count, _to_zero(header)))
        self.end += size * count

    def are_intact(self, data: bytes | bytearray) -> bool:
        """Whether there are any, and all are intact. A record that is not is taken for one as
        rarely as if each had been checked. The footers of a bytearray are others meanwhile."""
        if not self._runs:
            return False
        records = np.frombuffer(data, np.uint8, self.end - self._begin, self._begin)
        if isinstance(data, bytes):
            records = records.copy()
        footers = [
            np.ndarray(count, _U4, records, first, size) for first, size, count, _ in self._runs
        ]
        stored = np.concatenate(footers)
        crcs = checksums.unmasked(stored)
        at = 0
        for own, (_, _, count, to_zero) in zip(footers, self._runs, strict=True):
            np.bitwise_xor(crcs[at : at + count], to_zero, out=own)
            at += count
        crc = google_crc32c.value(records)
        at = 0
        for own in footers:
            own[:] = stored[at : at + len(own)]
            at += len(own)
        return bool(crc == 0)


_CHECKSUM_0 = 0x9BE09BAB
"""The four bytes whose own checksum is 0, as a number."""


@lru_cache(maxsize=1024)
def _to_zero(header: bytes) -> np.uint32:
    """What makes, of the checksum of a payload, a footer with which the checksum of the whole
    record is 0, so that any number of such records have the checksum 0.

    >>> from rlviz.tfrecord import frame
    >>> record = frame(b"hello")
    >>> footer = google_crc32c.value(b"hello") ^ int(_to_zero(record[:12]))
    >>> google_crc32c.value(2 * (record[:-4] + struct.pack("<I", footer)))
    0
    """
    zeros = bytes(struct.unpack_from("<Q", header)[0])
    # A checksum is linear but for a constant: that of header and payload together follows from
    # those of each, with zeros in place of the other.
    before = google_crc32c.value(header + zeros) ^ google_crc32c.value(zeros)
    return np.uint32(before ^ _CHECKSUM_0)
