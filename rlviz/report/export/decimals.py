"""Numbers as an export writes them: decimals that read back exactly, counts to the last digit."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlviz import schema
from rlviz.report.export import shortest

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WITHOUT_EXPONENT = 1e16
"""Below it `repr` writes a whole number with all its digits."""


class Cells(NamedTuple):
    """The cells of some rows of a column, as "%" writes them: into the text of all rows at once, a
    cell takes a third of the time that it takes as a text of its own.

    Attributes:
        form: what "%" makes a cell of.
        columns: what "%" takes for it, (n,) each; none where all cells have one text.
    """

    form: str
    columns: tuple[Sequence[object], ...] = ()


def cells(values: Floats) -> Cells:
    """The `texts` of a column.

    >>> for column in ([3.0, 4.0], [0.5, np.nan], [0.1, 0.1]):
    ...     print(*cells(np.array(column)))
    %d ([3, 4],)
    %s (['0.5', ''],)
    0.1 ()
    """
    if len(values) and _is_one(values):  # many a column is the same for very many steps
        return Cells(_texts(values[:1], shortest.NONE)[0])
    if _whole(values).all():
        return Cells("%d", (values.astype(np.int64).tolist(),))
    found = shortest.decimals(values)
    if len(found.at) == len(values):
        return Cells(found.form, found.columns)
    return Cells("%s", (_texts(values, found),))


def count_cells(nearest: Floats, remainder: Floats) -> Cells:
    """The `counts` of a column."""
    if len(nearest) and _is_one(nearest) and _is_one(remainder):
        return Cells(counts(nearest[:1], remainder[:1])[0])
    if np.isfinite(nearest).all():
        pairs = nearest.tolist(), _finite(remainder).tolist()
        return Cells("%d", (list(map(schema.join_count, *pairs)),))
    return Cells("%s", (counts(nearest, remainder),))


def written(form: str, columns: Sequence[Sequence[object]], rows: int) -> str:
    """A text for each of some rows, one behind the other.

    >>> written("%d: %s, ", [[1, 2], ["a", "b"]], 2)
    '1: a, 2: b, '
    """
    values: list[object] = [None] * (rows * len(columns))
    for number, column in enumerate(columns):
        values[number :: len(columns)] = column
    return form * rows % tuple(values)


def _is_one(values: Floats) -> bool:
    """Whether all values have the same bits."""
    return values.tobytes() == values[:1].tobytes() * len(values)


def _whole(values: Floats) -> Bools:
    """Which values `repr` writes as a whole number and ".0", and have no sign that is lost."""
    with np.errstate(invalid="ignore"):  # a signaling NaN
        whole = (values == np.rint(values)) & (np.abs(values) < _WITHOUT_EXPONENT)
    return np.asarray(whole & ((values != 0) | ~np.signbit(values)))


def texts(values: Floats) -> list[str]:
    """`repr` of each value without a trailing ".0"; "" for NaN.

    -0.0 stays "-0.0": many readers take "-0" for an integer and drop its sign.

    Args:
        values: (n,), any float64.

    >>> texts(np.array([0.1, 3.0, -0.0, 2 / 3, 1e22, np.nan]))
    ['0.1', '3', '-0.0', '0.6666666666666666', '1e+22', '']
    """
    return _texts(values, shortest.decimals(values))


def _texts(values: Floats, decimals: shortest.Decimals) -> list[str]:
    whole = _whole(values)
    rest = ~whole & ~np.isnan(values)
    found = np.full(len(values), "", object)
    found[whole] = list(map(str, values[whole].astype(np.int64).tolist()))
    found[decimals.at] = written(f"{decimals.form} ", decimals.columns, len(decimals.at)).split()
    rest[decimals.at] = False
    found[rest] = list(map(repr, values[rest].tolist()))
    cells: list[str] = found.tolist()
    return cells


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
