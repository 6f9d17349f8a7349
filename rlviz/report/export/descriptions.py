"""Unit and meaning of each column of `History.table`, for any export."""

from collections.abc import Sequence
from dataclasses import replace

from rlviz import conventions, schema

UNKNOWN_UNIT = "unknown"
"""The description of a column that this version of rlviz never writes."""


def describe(name: str, *, exact: bool = False, counted_by: Sequence[str] = ()) -> schema.Column:
    """Describe a column of `History.table`, derived ones included.

    Args:
        name: any name; a name that this rlviz does not know has the unit "unknown".
        exact: whether cumulative FLOPs are exact instead of the nearest float64.
        counted_by: the conventions of the run, see `History.conventions`.

    >>> describe("accuracy").unit, describe("metrics/loss").unit, describe("x").unit
    ('fraction in [0, 1]', 'as logged', 'unknown')
    >>> describe("flops/total", exact=True, counted_by=["6N"]).meaning
    'cumulative RL FLOPs, total, exact; convention 6N'
    """
    try:
        column = schema.column(name)
    except KeyError:
        return schema.Column(name, UNKNOWN_UNIT, "not a column of this version of rlviz")
    if not is_count(name):
        return column
    phase = name.removeprefix(schema.flops_column(""))
    told = f"cumulative RL FLOPs, {schema.phase_in_words(phase)}, exact"
    meaning = told if exact else column.meaning
    by = conventions.of_runs({name: counted_by})
    return replace(column, meaning=f"{meaning}; {by}" if by else meaning)


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
