"""Unit and meaning of each column of `History.table`, for any export."""

from rlviz import schema

UNKNOWN_UNIT = "unknown"
"""The description of a column that this version of rlviz never writes."""


def describe(name: str, *, exact: bool = False) -> schema.Column:
    """Describe a column of `History.table`, derived ones included.

    Args:
        name: any name; a name that this rlviz does not know has the unit "unknown".
        exact: whether cumulative FLOPs are exact instead of the nearest float64.

    >>> describe("accuracy").unit, describe("metrics/loss").unit, describe("x").unit
    ('fraction in [0, 1]', 'as logged', 'unknown')
    >>> describe("flops/total", exact=True).meaning
    'cumulative RL FLOPs, total, exact'
    """
    if exact and is_count(name):
        phase = name.removeprefix(schema.flops_column(""))
        told = schema.phase_in_words(phase)
        return schema.Column(name, "FLOPs", f"cumulative RL FLOPs, {told}, exact")
    try:
        return schema.column(name)
    except KeyError:
        return schema.Column(name, UNKNOWN_UNIT, "not a column of this version of rlviz")


def is_count(name: str) -> bool:
    """Whether a column holds cumulative FLOPs, whose remainders are in a column of their own."""
    return name.startswith(schema.flops_column(""))


def is_remainder(name: str) -> bool:
    return name.startswith(schema.flops_remainder_column(""))


def remainder_of(name: str) -> str:
    """The column with the remainders of a column of cumulative FLOPs.

    >>> remainder_of("flops/total")
    'flops_remainder/total'
    """
    return schema.flops_remainder_column(name.removeprefix(schema.flops_column("")))
