"""Values as text, with as many digits as their errors allow."""

import math
from collections.abc import Callable

from rlviz import schema
from rlviz.report.series.curves import Value


def percent(value: Value) -> str:
    """
    >>> percent(Value.around(0.364, 0.0025)), percent(Value(0.25))
    ('36.4 ± 0.5 %', '25.0 %')
    """
    return f"{_with_error(value, scale=100, decimals=1)} %"


def plain(value: Value) -> str:
    """
    >>> plain(Value.around(13.7, 0.25)), plain(Value.around(8.3, 0.01))
    ('13.70 ± 0.50', '8.30 ± 0.02')
    """
    return _with_error(value, scale=1, decimals=2)


def _with_error(value: Value, *, scale: float, decimals: int) -> str:
    """The value, with its error if the error is large enough to show."""
    error = scale * (value.error or 0.0)
    if error < 0.5 * 10.0 ** -(decimals + 1):
        return f"{scale * value.value:.{decimals}f}"
    decimals += error < 0.5 * 10.0**-decimals
    return f"{scale * value.value:.{decimals}f} ± {error:.{decimals}f}"


def number(value: Value) -> str:
    """A value of any size: its error has two digits; a value without an error has four.

    >>> number(Value.around(187.31, 1.57)), number(Value(0.02371))
    ('187.3 ± 3.1', '0.02371')
    >>> number(Value.around(-3.2e7, 7.5e4))
    '-3.200e+07 ± 1.5e+05'
    >>> number(Value.around(21.0, 155)), number(Value(0.0)), number(Value.around(1e-9, 1e-09))
    ('21 ± 310', '0', '1.0e-09 ± 2.0e-09')
    """
    error = value.error or 0.0
    largest = max(abs(value.value), error)
    if error < 1e-4 * largest or not largest:  # too small to show
        return f"{value.value:.4g}"
    smallest_place = math.floor(math.log10(error)) - 1
    if 1e-3 <= largest < 1e6:
        decimals = max(0, -smallest_place)
        return f"{value.value:.{decimals}f} ± {error:.{decimals}f}"
    digits = math.floor(math.log10(largest)) - smallest_place
    return f"{value.value:.{digits}e} ± {error:.1e}"


def form_of(name: str) -> Callable[[Value], str]:
    """The function that writes values of a measure."""
    forms = {"percent": percent, "count": plain, "number": number}
    return forms[schema.QUANTITIES[name].scale] if name in schema.QUANTITIES else number
