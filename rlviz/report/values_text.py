"""Values as text, with as many digits as their errors allow."""

from rlviz import schema
from rlviz.report.curve_values import Value


def percent(value: Value) -> str:
    """
    >>> percent(Value(0.364, 0.005)), percent(Value(0.25))
    ('36.4 ± 0.5 %', '25.0 %')
    """
    return f"{_with_error(value, scale=100, decimals=1)} %"


def plain(value: Value) -> str:
    """
    >>> plain(Value(13.7, 0.5)), plain(Value(8.3, 0.02))
    ('13.70 ± 0.50', '8.30 ± 0.02')
    """
    return _with_error(value, scale=1, decimals=2)


def _with_error(value: Value, *, scale: float, decimals: int) -> str:
    """The value, with its standard error where there is one that shows."""
    error = scale * (value.standard_error or 0.0)
    if error < 0.5 * 10.0 ** -(decimals + 1):
        return f"{scale * value.value:.{decimals}f}"
    decimals += error < 0.5 * 10.0**-decimals
    return f"{scale * value.value:.{decimals}f} ± {error:.{decimals}f}"


FORMATS = {schema.ACCURACY: percent, schema.PARALLELISM: plain}
