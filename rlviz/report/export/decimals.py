"""Numbers as an export writes them: decimals that read back exactly, counts to the last digit."""

import math

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WITHOUT_EXPONENT = 1e16
"""Below it `repr` writes a whole number with all its digits."""


def texts(values: Floats) -> list[str]:
    """`repr` of each value without a trailing ".0"; "" for NaN.

    -0.0 stays "-0.0": many readers take "-0" for an integer and drop its sign.

    Args:
        values: (n,), any float64.

    >>> texts(np.array([0.1, 3.0, -0.0, 2 / 3, 1e22, np.nan]))
    ['0.1', '3', '-0.0', '0.6666666666666666', '1e+22', '']
    """
    if len(values) > 1 and values.tobytes() == values[:1].tobytes() * len(values):
        return texts(values[:1]) * len(values)  # many a column is the same for very many steps
    with np.errstate(invalid="ignore"):  # a signaling NaN
        whole = (values == np.rint(values)) & (np.abs(values) < _WITHOUT_EXPONENT)
    whole &= (values != 0) | ~np.signbit(values)
    if whole.all():  # most columns hold whole numbers, and integers take half the time
        return list(map(str, values.astype(np.int64).tolist()))
    found = list(map(repr, values.tolist()))
    for at in np.flatnonzero(whole).tolist():
        found[at] = found[at].removesuffix(".0")
    for at in np.flatnonzero(np.isnan(values)).tolist():
        found[at] = ""
    return found


def counts(nearest: Floats, remainder: Floats) -> list[str]:
    """Exact counts from the parts that `rlviz.schema.split_count` made; "" for NaN.

    Args:
        nearest: (n,), the float64 nearest to each count.
        remainder: (n,), the count minus `nearest`.

    >>> counts(np.array([1e23, 5.0]), np.array([8388608.0, 0.0]))
    ['100000000000000000000000', '5']
    """
    pairs = zip(nearest.tolist(), _finite(remainder).tolist(), strict=True)
    return [str(schema.join_count(n, r)) if math.isfinite(n) else _infinite(n) for n, r in pairs]


def words_of_counts(nearest: Floats, remainder: Floats) -> tuple[bytes, Bools]:
    """The same counts as integers of 128 bits, little endian in two's complement, for Arrow.

    Returns:
        16 bytes for each count, and a mask (n,) that is True where they are the count. Elsewhere
        the count is missing, or `rlviz.schema.split_count` did not make its parts, and the bytes
        are 0.

    >>> words_of_counts(np.array([2.0**64, np.nan]), np.array([7.0, 0.0]))[0].hex(" ", 8)
    '0700000000000000 0100000000000000 0000000000000000 0000000000000000'
    """
    most = float(
        schema.MAX_COUNT
    )  # numpy 1 compares with an int of this size one by one, and warns
    is_held = (nearest >= 0) & (nearest < most) & (np.abs(remainder) < 2**53)
    pairs = zip(
        *(np.where(is_held, part, 0.0).tolist() for part in (nearest, remainder)), strict=True
    )
    words = (schema.join_count(n, r).to_bytes(16, "little", signed=True) for n, r in pairs)
    return b"".join(words), is_held


def _finite(remainder: Floats) -> Floats:
    return np.where(np.isfinite(remainder), remainder, 0.0)


def _infinite(nearest: float) -> str:
    return "" if math.isnan(nearest) else repr(nearest)
