"""Arrays as bytes for the browser: a JSON header, then the float64 arrays one after the other."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Encode a header and arrays.

    The bytes are: the length of the header in 4 bytes, little-endian; the header as JSON, padded
    with spaces so that the rest begins at a multiple of 8; the arrays as float64, little-endian.

    Args:
        header: plain data; gets "arrays": [[name, length], …] in the order of the arrays.
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
