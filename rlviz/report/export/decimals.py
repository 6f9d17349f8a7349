"""Decimal texts of many numbers at once: the shortest that reads back exactly, as `repr` gives it.

`repr` takes about half a microsecond for one float64, which is most of the time of an export. Here
a column is worked on at once. A float64 times a power of ten up to 10**22 is exactly the sum of two
float64 (T. J. Dekker, Numerische Mathematik 18, 1971), so the 17 digits of a value, and how far the
nearest decimals of 16 and 15 digits are from it, are known without any rounding. The few values for
which that does not settle it (ties; below 1e-4, and from 1e16 on) are left to `repr`.
"""

import math

import numpy as np
from numpy.typing import NDArray

from rlviz import schema

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

_POWERS = np.array([float(f"1e{e}") for e in range(-4, 17)])
"""Between the first and the last of them `repr` writes no exponent."""
_TENS = np.array([10.0**p for p in range(23)])  # exact
_INT_TENS = np.array([10**p for p in range(19)], np.int64)
_FOUR_DIGITS = np.array([f"{n:04d}" for n in range(10_000)], "S4").view(np.uint32)
_MINUS, _POINT, _END = b"-.,"
_PLACES = np.arange(20)
_LAST = np.greater_equal(_PLACES, 20 - np.arange(21)[:, None])
"""Count -> the last so many of 20 places."""
_FRACTION = np.logical_and(
    np.greater_equal(_PLACES, 3 - np.arange(4)[:, None]),
    np.less(_PLACES, 3 + np.arange(18)[:, None, None]),
).reshape(-1, 20)
"""4·digits + zeros before them, of three at most -> the places that show them."""


def texts(values: Floats) -> list[str]:
    """`repr` of each value without a trailing ".0"; "" for NaN.

    -0.0 stays "-0.0", for "-0" is an integer to many readers, and loses its sign.

    Args:
        values: (n,), any float64.

    >>> texts(np.array([0.1, 3.0, -0.0, 2 / 3, 1e22, np.nan]))
    ['0.1', '3', '-0.0', '0.6666666666666666', '1e+22', '']
    """
    if not len(values):
        return []
    bits = values.view(np.int64)
    if (bits == bits[0]).all():
        return [text(float(values[0]))] * len(values)
    missing = np.isnan(values)
    with np.errstate(invalid="ignore"):  # a signaling NaN
        whole = (values == np.rint(values)) & (values < 2**53) & ~np.signbit(values)
    if (whole | missing).all():
        return counts(values, np.zeros(len(values)))
    size = np.abs(values)
    is_easy = (size >= _POWERS[0]) & (size < _POWERS[-1])
    size = np.where(is_easy, size, 1.0)
    exponent = np.searchsorted(_POWERS, size, "right") - 5  # of ten, of the first digit
    digits, zeros, is_sure = _shortest(size, exponent)
    zero = whole & (values == 0)
    digits[zero], zeros[zero] = 0, 17
    found = _fixed_point(digits, exponent, zeros, np.signbit(values), ~missing)
    for at in np.flatnonzero(~(is_easy & is_sure | zero | missing)).tolist():
        found[at] = text(float(values[at]))
    return found


def text(value: float) -> str:
    """The same of one value."""
    if math.isnan(value):
        return ""
    shortest = repr(value)
    return shortest if shortest == "-0.0" else shortest.removesuffix(".0")


def counts(nearest: Floats, remainder: Floats) -> list[str]:
    """Counts that `rlviz.schema.split_count` took apart, to the last digit; "" for NaN.

    Args:
        nearest: (n,), the float64 nearest to each count.
        remainder: (n,), what is missing to it.

    >>> counts(np.array([1e23, 5.0]), np.array([8388608.0, 0.0]))
    ['100000000000000000000000', '5']
    """
    if not len(nearest):
        return []
    missing = np.isnan(nearest)
    is_easy = _are_counts(nearest, remainder)
    high, low = _divided(np.where(is_easy, nearest, 0.0), np.where(is_easy, remainder, 0.0))
    is_easy &= high >= 0
    length = _length(low)
    room = 16 if high.any() else 0
    width = 20 if room else -(-int(length.max()) // 4) * 4
    matrix = _matrix(len(nearest), room + width)
    _put(matrix, room, width, low)
    keep = np.zeros(matrix.shape, np.bool_)
    keep[:, room : room + width] = _last(length, width)
    if room:
        _put(matrix, 0, room, np.maximum(high, 0))
        is_long = high > 0
        keep[is_long, :room] = _last(_length(high[is_long]), room)
        keep[is_long, room + 2 : room + width] = True  # all 18 digits that low then has
    found = _split(matrix, keep, ~missing)
    for at in np.flatnonzero(~(is_easy | missing)).tolist():
        found[at] = _count(float(nearest[at]), float(remainder[at]))
    return found


def halves_of_counts(nearest: Floats, remainder: Floats) -> tuple[NDArray[np.uint64], Bools]:
    """The same counts as integers of 128 bits in two's complement, for Arrow.

    Returns:
        (n, 2), the lower and the upper 64 bits; and (n,), where they are the count: elsewhere it is
        missing, or none that `rlviz.schema.split_count` took apart.

    >>> halves_of_counts(np.array([2.0**64, np.nan]), np.array([7.0, 0.0]))[0].tolist()
    [[7, 1], [0, 0]]
    """
    is_held = _are_counts(nearest, remainder)
    nearest, remainder = np.where(is_held, nearest, 0.0), np.where(is_held, remainder, 0.0)
    upper = np.floor(nearest / 2.0**64)
    lower = (nearest - upper * 2.0**64).astype(np.uint64)
    added = lower + remainder.astype(np.int64).view(np.uint64)  # modulo 2**64
    carry = np.where(remainder < 0, -(added > lower).astype(np.int64), added < lower)
    halves = np.stack([added, (upper.astype(np.int64) + carry).view(np.uint64)], axis=1)
    return halves, is_held


def _are_counts(nearest: Floats, remainder: Floats) -> Bools:
    return (nearest >= 0) & (nearest < schema.MAX_COUNT) & (np.abs(remainder) < 2**53)


def _count(nearest: float, remainder: float) -> str:
    if not math.isfinite(nearest):
        return text(nearest)
    return str(schema.join_count(nearest, remainder if math.isfinite(remainder) else 0.0))


def _divided(nearest: Floats, remainder: Floats) -> tuple[Ints, Ints]:
    """(nearest + remainder) divided by 10**18, exactly: quotient and rest."""
    quotient = np.floor(nearest / 1e18).astype(np.int64)  # or one more or less
    low = np.fmod(nearest, 2.0**64).astype(np.uint64) + remainder.astype(np.int64).view(np.uint64)
    # Modulo 2**64 nothing is lost, for the rest is far smaller than that.
    rest = (low - quotient.view(np.uint64) * np.uint64(10**18)).view(np.int64)
    over = rest // 10**18
    return quotient + over, rest - over * 10**18


def _shortest(size: Floats, exponent: Ints) -> tuple[Ints, Ints, Bools]:
    """17 digits as an integer, how many of them at the end are zeros, and whether that is sure.

    A decimal is read back as the same float64 if it is off by less than half the distance to the
    next float64. Of the shortest such decimals `repr` takes the closest.
    """
    scale = _TENS[16 - exponent]
    product, error = _exact_product(size, scale)
    below = np.floor(error)
    digits = product.astype(np.int64) + below.astype(np.int64)
    fraction = error - below  # size · scale is digits + fraction, exactly
    # Half as much below a power of two; but those here have no more than 16 digits, all found.
    tolerance = np.ldexp(scale, np.frexp(size)[1] - 54)

    found = digits + (fraction > 0.5)
    zeros = np.zeros(len(size), np.int64)
    is_sure = fraction != 0.5
    for drop, ten in ((1, 10), (2, 100)):
        last = digits % ten
        above = last + fraction  # exact: at most 53 bits
        distance = np.minimum(above, ten - above)
        fits = distance < tolerance
        found = np.where(fits, digits - last + np.where(above > ten / 2, ten, 0), found)
        zeros = np.where(fits, drop, zeros)
        is_sure &= (distance != tolerance) & ~(fits & (above == ten / 2))
    is_sure &= (found >= 10**16) & (found < 10**17)
    short = np.flatnonzero(zeros == 2)
    zeros[short] = _trailing_zeros(found[short])
    return found, zeros, is_sure


def _exact_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a·b: the nearest float64 and what is missing to it, exactly."""
    product = a * b
    a_high, a_low = _halves(a)
    b_high, b_low = _halves(b)
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, error


def _halves(a: Floats) -> tuple[Floats, Floats]:
    """The upper 26 bits and the rest, so that the products of two such parts are exact."""
    scaled = a * (2.0**27 + 1)
    high = scaled - (scaled - a)
    return high, a - high


def _trailing_zeros(digits: Ints) -> Ints:
    """How many zeros a positive number below 10**17 ends with."""
    zeros = np.zeros(len(digits), np.int64)
    for drop in (8, 4, 2, 1, 1):
        quotient, rest = np.divmod(digits, 10**drop)
        ends = rest == 0
        digits = np.where(ends, quotient, digits)
        zeros += drop * ends
    return zeros


def _fixed_point(
    digits: Ints, exponent: Ints, zeros: Ints, is_negative: Bools, is_there: Bools
) -> list[str]:
    """Texts of `digits`·10**(`exponent` − 16), without the zeros at the end of a fraction."""
    places = np.where(exponent < 0, 17, 16 - exponent)  # digits after the point
    whole = digits // _INT_TENS[places]
    fraction = (digits - whole * _INT_TENS[places]) * _INT_TENS[17 - places]
    length = np.maximum(exponent + 1, 1)  # of what stands before the point
    room = -(-int(length.max()) // 4) * 4
    point = 4 + room
    matrix = _matrix(len(digits), point + 4 + 20)
    matrix[:, 3] = _MINUS
    _put(matrix, 4, room, whole)
    matrix[:, point] = _POINT
    _put(matrix, point + 4, 20, fraction)  # 17 digits, and 3 zeros for 0.000…

    keep = np.zeros(matrix.shape, np.bool_)
    keep[:, 3] = is_negative
    keep[:, 4:point] = _last(length, room)
    shown = np.maximum(places - zeros, 0)
    keep[:, point] = shown > 0
    zeros_before = np.maximum(-1 - exponent, 0)
    keep[:, point + 4 : point + 24] = _FRACTION.take(4 * shown + zeros_before, axis=0)
    return _split(matrix, keep, is_there)


def _length(numbers: Ints) -> Ints:
    """How many digits; one for 0."""
    return np.maximum(np.searchsorted(_INT_TENS, numbers, "right"), 1)


def _matrix(rows: int, width: int) -> Bytes:
    """Room for texts of `width` bytes, a multiple of four, and for what ends them."""
    matrix = np.empty((rows, width + 4), np.uint8)
    matrix[:, width] = _END
    return matrix


def _put(matrix: Bytes, begin: int, width: int, numbers: Ints) -> None:
    """Write numbers as digits, with zeros before them; where and how wide in multiples of four."""
    words = matrix.view(np.uint32)
    for at in range((begin + width) // 4 - 1, begin // 4 - 1, -1):
        rest = numbers // 10_000
        words[:, at] = _FOUR_DIGITS[numbers - rest * 10_000]
        numbers = rest


def _last(count: Ints, width: int) -> Bools:
    """(n, width), true in the last `count` places of each row."""
    return _LAST[:, 20 - width :].take(count, axis=0)


def _split(matrix: Bytes, keep: Bools, is_there: Bools) -> list[str]:
    """The bytes to be kept of the rows that are there, and nothing of the others."""
    if not is_there.all():
        keep[~is_there] = False
    keep[:, -4] = True
    return matrix[keep].tobytes().decode("ascii").split(",")[:-1]
