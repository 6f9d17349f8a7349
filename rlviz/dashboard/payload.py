"""Arrays as bytes for the browser: a JSON header, then float64 one after the other."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """4 bytes, little-endian: the length of the header; the header, JSON with spaces at its end so
    that what follows begins at a multiple of 8; the arrays, float64, little-endian.

    Args:
        header: plain data; "arrays" is added: [[name, length], …] in the order of the arrays.
        arrays: one-dimensional.

    >>> data = encode({"version": 3}, {"x": np.array([1.0, 2.0])})
    >>> int.from_bytes(data[:4], "little"), data[4:].split(b"]]}")[0]
    (36, b'{"version":3,"arrays":[["x",2')
    """
    named = [[name, len(array)] for name, array in arrays.items()]
    text = json.dumps({**header, "arrays": named}, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-(4 + len(text)) % 8)
    parts = [np.ascontiguousarray(array, dtype="<f8").tobytes() for array in arrays.values()]
    return b"".join([struct.pack("<I", len(text)), text, *parts])
