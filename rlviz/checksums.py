"""CRC-32C as records store it, and of many stretches of the same bytes, in time linear in these.

Headers that were made up can each claim millions of bytes. One pass over the bytes tells the
checksum of every stretch: that of a stretch follows from those of the bytes before its ends.
"""

from collections.abc import Iterable
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Crcs = NDArray[np.uint32]
Indices = NDArray[np.int64]

STORED_BYTES = 4
"""Of a checksum in a file."""
_POLYNOMIAL = 0x82F63B78
"""Castagnoli's, its lowest power first: RFC 3720, appendix B.4."""


def _byte_table() -> Crcs:
    """The remainder of each byte, (256,)."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_BYTES = _byte_table()


def _after_zero_byte(crcs: Crcs) -> Crcs:
    return np.asarray((crcs >> 8) ^ _BYTES[crcs & 0xFF])


def of_columns(columns: Iterable[NDArray[np.uint8]]) -> Crcs:
    """The checksum of each row of a table of bytes, given column by column, each (n,) -> (n,).

    >>> table = np.array([list(b"12"), list(b"34")], np.uint8)
    >>> int(of_columns(table.T)[1]) == google_crc32c.value(b"34")
    True
    """
    crcs: Crcs | None = None
    for column in columns:
        if crcs is None:
            crcs = np.full(len(column), 0xFFFFFFFF, np.uint32)
        crcs = _after_zero_byte(crcs ^ column)
    return np.empty(0, np.uint32) if crcs is None else ~crcs


def of_stretches(data: bytes, begins: Indices, ends: Indices) -> Crcs:
    """The checksum of each stretch of some bytes, (n,).

    Args:
        data: all bytes.
        begins, ends: offsets into them, (n,), no end before its begin.

    >>> int(of_stretches(b"0123456789", np.array([0]), np.array([9]))[0]) == google_crc32c.value(
    ...     b"012345678")
    True
    """
    places = np.unique(np.concatenate([begins, ends]))
    until = np.empty(len(places), np.uint32)
    crc = at = 0
    for number, place in enumerate(places.tolist()):
        crc = google_crc32c.extend(crc, data[at:place])
        until[number], at = crc, place
    before = until[np.searchsorted(places, begins)]
    return until[np.searchsorted(places, ends)] ^ _after_zeros(before, ends - begins)


def _after_zeros(crcs: Crcs, counts: Indices) -> Crcs:
    """Each checksum as that many zero bytes behind it would change it, by repeated squaring."""
    # Row k is what bit k becomes: a checksum is the sum of its bits, and so is its successor.
    images = _after_zero_byte(np.uint32(1) << np.arange(32, dtype=np.uint32))
    left = counts.copy()
    while left.any():
        tables = _tables(images)
        odd = (left & 1).astype(bool)
        crcs = np.where(odd, _looked_up(tables, crcs), crcs)
        images = _looked_up(tables, images)
        left >>= 1
    return crcs


def _tables(images: Crcs) -> Crcs:
    """What each value of each of the four bytes becomes, (4, 256)."""
    tables = np.zeros((4, 256), np.uint32)
    for bit in range(8):
        below = 1 << bit
        tables[:, below : 2 * below] = tables[:, :below] ^ images[bit::8, None]
    return tables


def _looked_up(tables: Crcs, crcs: Crcs) -> Crcs:
    first, second, third, fourth = tables
    low = first[crcs & 0xFF] ^ second[(crcs >> 8) & 0xFF]
    return np.asarray(low ^ third[(crcs >> 16) & 0xFF] ^ fourth[crcs >> 24])


_MASK = 0xA282EAD8


def masked(crc: Any) -> Any:
    """TFRecord's mask over CRCs, one or an array of uint32."""
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def unmasked(masked: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The inverse of `masked`.

    >>> hex(int(unmasked(np.array([masked(0xFACADE)], np.uint32))[0]))
    '0xfacade'
    """
    rotated = masked - np.uint32(_MASK)
    return np.asarray(rotated << 15 | rotated >> 17)
