"""Values as text, with as many digits as their errors allow and their changes need."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from rlviz import schema
from rlviz.report.series.curves import Value
from rlviz.report.statistics import Segment

Form = Callable[[Value], str]

_MOST_DIGITS = 15
"""Digits that a float holds."""
_ROUNDING = 1e-14
"""A value below this share of the largest one is a zero that was computed."""


def percent(value: Value, change: float = math.inf) -> str:
    """
    >>> percent(Value.around(0.364, 0.0025)), percent(Value(0.25)), percent(Value(0.25), 2e-5)
    ('36.4 ± 0.5 %', '25.0 %', '25.000 %')
    """
    return f"{_with_error(value, 100 * change, scale=100, decimals=1)} %"


def plain(value: Value, change: float = math.inf) -> str:
    """
    >>> plain(Value.around(13.7, 0.25)), plain(Value.around(8.3, 0.01)), plain(Value(8.3), 0.003)
    ('13.70 ± 0.50', '8.30 ± 0.02', '8.300')
    """
    return _with_error(value, change, scale=1, decimals=2)


def _with_error(value: Value, change: float, *, scale: float, decimals: int) -> str:
    """The value, with its error if the error is large enough to show."""
    error = scale * (value.error or 0.0)
    if change < math.inf:
        most = _MOST_DIGITS - 1 - _place(max(abs(scale * value.value), change))
        decimals = max(decimals, min(-_place(change), most))
    if error < 0.5 * 10.0 ** -(decimals + 1):
        return f"{scale * value.value:.{decimals}f}"
    decimals += error < 0.5 * 10.0**-decimals
    return f"{scale * value.value:.{decimals}f} ± {error:.{decimals}f}"


def _place(size: float) -> int:
    """The decimal place of the first digit: 0 for 1 to 9.9, -2 for 0.01."""
    return math.floor(math.log10(size))


def number(value: Value, change: float = math.inf) -> str:
    """A value of any size: its error has two digits; a value without an error has four.

    >>> number(Value.around(187.31, 1.57)), number(Value(0.02371)), number(Value(1000.2), 0.3)
    ('187.3 ± 3.1', '0.02371', '1000.2')
    >>> number(Value.around(-3.2e7, 7.5e4))
    '-3.200e+07 ± 1.5e+05'
    >>> number(Value.around(21.0, 155)), number(Value(0.0)), number(Value.around(1e-9, 1e-09))
    ('21 ± 310', '0', '1.0e-09 ± 2.0e-09')
    """
    error = value.error or 0.0
    largest = max(abs(value.value), error)
    if not largest:
        return "0"
    first = _place(largest)
    needed = max(_place(change), first - _MOST_DIGITS + 1) if change < math.inf else first
    if error < 1e-4 * largest:  # too small to show
        return f"{value.value:.{max(4, first - needed + 1)}g}"
    smallest_place = min(_place(error) - 1, needed)
    if 1e-3 <= largest < 1e6:
        decimals = max(0, -smallest_place)
        return f"{value.value:.{decimals}f} ± {error:.{decimals}f}"
    digits = first - smallest_place
    return f"{value.value:.{digits}e} ± {error:.1e}"


def form_of(name: str, segments: Sequence[Segment] = ()) -> Form:
    """The function that writes values of a metric.

    Args:
        name: of the metric.
        segments: its rises and falls must show: two numbers that differ are written differently.
    """
    forms = {"percent": percent, "count": plain, "number": number}
    is_group = name.startswith(f"{schema.ACCURACY}/")
    quantity = schema.QUANTITIES.get(schema.ACCURACY if is_group else name)
    form = number if quantity is None else forms[quantity.scale]
    changes = [abs(p.y_end - p.y_start) for p in segments if p.kind != "level"]
    largest = max((max(abs(p.y_start), abs(p.y_end)) for p in segments), default=0.0)
    written = partial(form, change=min(changes, default=math.inf))

    def without_rounding(value: Value) -> str:
        return written(Value(0.0) if abs(value.value) < _ROUNDING * largest else value)

    return without_rounding
