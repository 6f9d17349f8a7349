"""The shortest decimals of many numbers at once, as `repr` has them, in a third of its time.

A number times a power of ten of which it has 17 digits before the point is two float64 exactly, so
what 15, 16 and 17 digits of it are follows from a few operations on arrays. A decimal is enough if
it is nearer to the number than half the way to the next float64. What is too near to call, and
whatever does not look like most numbers, is left to `repr`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]

_LEAST, _MOST = 1e-4, 1e16
"""From the one up to below the other `repr` writes no exponent."""
_DIGITS = 17
"""As many tell any float64 apart; 15 digits are the shortest decimal that has no more, without the
zeros at its end."""
_TENS: Floats = np.array([10.0**power for power in range(23)])
"""Powers of ten that a float64 is exactly."""
_POINTS = tuple("." + "0" * zeros for zeros in range(_DIGITS + 5))
_WHOLE_TENS = 10 ** np.arange(_DIGITS + 1)
_SPLIT = 2.0**27 + 1
_NEAR = 1e-9
"""The share of a distance within which two are too near to call."""


class Decimals(NamedTuple):
    """Decimals of some of many numbers.

    Attributes:
        at: the places of these numbers, (m,).
        form: what "%" makes their texts of.
        columns: what "%" takes for it, (m,) each.
    """

    at: Indices
    form: str
    columns: tuple[list[int] | list[str], ...]


NONE = Decimals(np.empty(0, np.int64), "", ())
"""Those of no number."""


def decimals(values: Floats) -> Decimals:
    """The shortest decimals of most of some numbers, (n,); the others are whole numbers, not
    between 0.0001 and 1e16, a power of two, or rare.

    >>> found = decimals(np.array([0.2, 7.0, 12.05]))
    >>> found.at, found.form, found.columns
    (array([0, 2]), '%d%s%d', ([0, 12], ['.', '.0'], [2, 5]))
    """
    size = np.abs(values)
    at = np.flatnonzero((size >= _LEAST) & (size < _MOST))
    at = at[(size[at] != np.rint(size[at])) & (np.frexp(size[at])[0] != 0.5)]
    exponent = np.floor(np.log10(size[at])).astype(np.int64)
    digits, count, is_sure = _shortest(size[at], exponent)
    behind = count - 1 - exponent  # digits behind the point
    sure = np.flatnonzero(is_sure & (behind > 0))
    at, behind = at[sure], behind[sure]
    whole, part = np.divmod(digits[sure], _WHOLE_TENS[np.minimum(behind, _DIGITS)])
    zeros = behind - np.searchsorted(_WHOLE_TENS, part, side="right")
    form, columns = "", []
    for kind, texts in ((values[at] < 0, ("", "-")), (whole, None), (zeros, _POINTS), (part, None)):
        is_one = len(kind) > 0 and bool((kind == kind[0]).all())
        if texts is None:
            form += str(kind[0]) if is_one else "%d"
        else:
            form += texts[int(kind[0])] if is_one else "%s"
        if not is_one:
            found = kind.tolist()
            columns.append(found if texts is None else [texts[number] for number in found])
    return Decimals(at, form, tuple(columns))


def _shortest(values: Floats, exponent: Indices) -> tuple[Indices, Indices, Bools]:
    """The digits of the shortest decimals of positive numbers as whole numbers, how many digits
    there are, and whether that is sure, each (n,).

    Args:
        values: (n,), no powers of two.
        exponent: the power of ten of their first digits, probably.
    """
    tens = _TENS[_DIGITS - 1 - exponent]
    high, low = _product(values, tens)
    first = high.astype(np.int64)  # a whole number, beyond 2**53
    is_sure = (high > 1e16) & (high < 1e17 - 100)  # it is rounded
    half_gap = np.spacing(values) / 2 * tens
    below = np.floor(low)
    digits = first + below.astype(np.int64) + (low - below > 0.5)
    is_sure &= np.abs(low - below - 0.5) > _NEAR
    count = np.full(len(values), _DIGITS)
    for unit in (10, 100):
        rest = first % unit
        beyond = rest + low
        up = np.rint(beyond / unit)
        distance = np.abs(beyond - unit * up)
        enough = distance < half_gap
        is_sure &= np.abs(distance - half_gap) > _NEAR * half_gap
        is_sure &= ~enough | (np.abs(distance - unit / 2) > _NEAR * unit)
        digits = np.where(enough, (first - rest) // unit + up.astype(np.int64), digits)
        count = np.where(enough, _DIGITS + 1 - len(str(unit)), count)
    short = np.flatnonzero(count == _DIGITS - 2)
    while len(short := short[digits[short] % 10 == 0]):
        digits[short] //= 10
        count[short] -= 1
    return digits, count, is_sure & (digits < _WHOLE_TENS[count])


def _product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The product of numbers as the sum of two, exactly: T. J. Dekker, 1971."""
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    product = a * b
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(values: Floats) -> tuple[Floats, Floats]:
    scaled = _SPLIT * values
    high = scaled - (scaled - values)
    return high, values - high
