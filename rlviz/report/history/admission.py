"""The border: what a table of rows must be like before any report sees it.

Rows come from files that anybody may have written. Whatever breaks a rule here is left out and
named, so nothing behind it has to ask again.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rlviz import schema, wording

Floats = NDArray[np.float64]

_ANYTHING = (-math.inf, math.inf)
_FINITE = (-1.7976931348623157e308, 1.7976931348623157e308)
_STEPS = (0.0, 2.0**53 - 1)
_COUNTS = (0.0, float(schema.MAX_COUNT))
_REMAINDERS = (-(2.0**53), 2.0**53)
_POSITIVE = (0.0, _FINITE[1])
_TIMES = (-schema.MAX_SECONDS, schema.MAX_SECONDS)
_DURATIONS = (0.0, schema.MAX_SECONDS)
_UTILIZATION = (0.0, schema.MAX_SECONDS)
"""Of MFU: far above 1 for a peak that was given wrong, but its product with seconds is finite."""
_ROUNDED = 1 + 1e-6
"""Sums of rates round: a part may be larger than the whole by this."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The part of a table that makes sense.

    Attributes:
        header: without the columns that were left out.
        table: (rows, columns of the header); NaN for a value that was left out.
        complaints: what was left out, and why.
    """

    header: schema.RowsHeader
    table: Floats
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the columns of one header may hold."""

    low: Floats
    high: Floats
    step: int
    pairs: tuple[tuple[int, int], ...]
    """Columns that have a value in the same rows."""
    shares: tuple[tuple[int, int], ...]
    """Columns of which the first is a part of the second."""
    alone: tuple[tuple[int, str], ...]
    """Columns that mean nothing without another, and the name of that one, or of any that would
    do."""


def is_sound(header: schema.RowsHeader, table: Floats) -> bool:
    """Whether a table breaks no rule."""
    rules = _rules(header.columns)
    if rules.alone:
        return False
    if not len(table):
        return True
    steps = np.ascontiguousarray(table[:, rules.step])
    least, most = _reduced(np.minimum, table), _reduced(np.fmax, table)
    if (has_gaps := np.isnan(least)).any():
        least[has_gaps] = _reduced(np.fmin, table[:, has_gaps])
    pairs = [(a, b) for a, b in rules.pairs if has_gaps[a] or has_gaps[b]]
    return not (
        (least < rules.low).any()
        or (most > rules.high).any()
        or (steps != np.floor(steps)).any()
        or any((np.isnan(table[:, a]) != np.isnan(table[:, b])).any() for a, b in pairs)
        or any((table[:, a] > _ROUNDED * table[:, b]).any() for a, b in rules.shares)
    )


_ROWS_AT_ONCE = 64


def _reduced(operation: np.ufunc, table: Floats) -> Floats:
    """A table reduced over its rows, (columns,). NumPy takes a row at a time, which is slow where
    it is short, so many rows are made one first."""
    whole = len(table) - len(table) % _ROWS_AT_ONCE
    if not whole:
        return np.asarray(operation.reduce(table, axis=0))
    wide = operation.reduce(table[:whole].reshape(-1, _ROWS_AT_ONCE * table.shape[1]), axis=0)
    rows = np.concatenate([wide.reshape(_ROWS_AT_ONCE, -1), table[whole:]])
    return np.asarray(operation.reduce(rows, axis=0))


def admitted(header: schema.RowsHeader, table: Floats) -> Admitted:
    """Leave out of a table what breaks a rule.

    A row without a valid step stays, without a step: its writer counted it.
    """
    if is_sound(header, table):
        return Admitted(header, table)
    rules = _rules(header.columns)
    complaints = [f"{header.columns[at]} without {other}" for at, other in rules.alone]
    wrong = _breaches(table, rules)
    for at in np.flatnonzero(wrong.any(axis=0)).tolist():
        what = wording.counted(int(wrong[:, at].sum()), "value")
        complaints.append(f"{what} that {header.columns[at]} can't have")
    kept = np.ones(len(header.columns), bool)
    kept[[at for at, _ in rules.alone]] = False
    names = tuple(name for name, keep in zip(header.columns, kept, strict=True) if keep)
    table = np.where(wrong, np.nan, table)[:, kept]
    return Admitted(replace(header, columns=names), table, tuple(complaints))


def _breaches(table: Floats, rules: _Rules) -> NDArray[np.bool_]:
    """Which values break a rule, (rows, columns)."""
    wrong = (table < rules.low) | (table > rules.high)
    steps = table[:, rules.step]
    wrong[:, rules.step] |= steps != np.floor(steps)
    for first, second in rules.pairs:
        either = wrong[:, first] | wrong[:, second]
        either |= np.isnan(table[:, first]) != np.isnan(table[:, second])
        for at in (first, second):
            wrong[:, at] |= either & ~np.isnan(table[:, at])
    for part, of in rules.shares:
        wrong[:, part] |= table[:, part] > _ROUNDED * table[:, of]
    return wrong


@lru_cache(maxsize=256)
def _rules(columns: tuple[str, ...]) -> _Rules:
    low, high = np.array([_limits(name) for name in columns]).T
    places = {name: at for at, name in enumerate(columns)}
    partners = {name: found for name in columns if (found := _partners(name))}
    pairs = {
        tuple(sorted((places[name], places[other])))
        for name, others in partners.items()
        for other in others
        if other in places and _is_count(other)
    }
    return _Rules(
        low,
        high,
        places[schema.STEP],
        tuple((a, b) for a, b in sorted(pairs)),
        tuple((places[a], places[b]) for a, b in map(_share, columns) if a != b and b in places),
        tuple(
            (places[name], " or ".join(others))
            for name, others in partners.items()
            if not any(other in places for other in others)
        ),
    )


_SUMMED = {column.name: column.unit for q in schema.QUANTITIES.values() for column in q.sums}
_OF_ANY_SIZE = {
    # Users give the number of graded answers themselves, and may give any.
    *("correct", "graded", "work", "span"),
    *(name for name, unit in _SUMMED.items() if unit in ("ratio", "ratio²")),
}
_COUNTED = {
    *_SUMMED.keys() - _OF_ANY_SIZE,
    *("fan_out_max", "peak", "unfinished"),
    *map(schema.unit_column, schema.WORK_UNITS),
}
_TOGETHER: dict[str, tuple[str, ...]] = {}
"""Columns of quantities, and what they are divided by or divide; any of these gives a meaning."""
for _known in schema.QUANTITIES.values():
    for _part, _other in (
        (_known.numerator, _known.denominator),
        (_known.denominator, _known.numerator),
    ):
        _TOGETHER[_part] = (*_TOGETHER.get(_part, ()), _other)
_PARTS = {
    known.numerator: known.denominator
    for known in schema.QUANTITIES.values()
    if known.scale == "percent"
}
_KINDS = {
    "flops": _COUNTS,
    "flops_remainder": _REMAINDERS,
    "seconds": _DURATIONS,
    "mfu": _UTILIZATION,
    "correct": _POSITIVE,
    "graded": _POSITIVE,
}


@lru_cache(maxsize=1 << 14)
def _limits(name: str) -> tuple[float, float]:
    """The least and the largest value of a column."""
    if name == schema.STEP:
        return _STEPS
    if name in _COUNTED:
        return _COUNTS
    if name in _OF_ANY_SIZE:
        return _POSITIVE
    if name == schema.WALL_TIME:
        return _TIMES
    kind, slash, _ = name.partition("/")
    return _KINDS.get(kind, _ANYTHING) if slash else _ANYTHING


@lru_cache(maxsize=1 << 14)
def _partners(name: str) -> tuple[str, ...]:
    """The columns that give a column a meaning; without any of them it has none."""
    if name in _TOGETHER:
        return _TOGETHER[name]
    kind, slash, rest = name.partition("/")
    if not slash:
        return ()
    if kind == "flops":
        return (schema.flops_remainder_column(rest),)
    if kind == "flops_remainder":
        return (schema.flops_column(rest),)
    if kind in ("correct", "graded"):
        correct, graded = schema.group_columns(rest)
        return (graded,) if kind == "correct" else (correct,)
    return (schema.seconds_column(rest),) if kind == "mfu" else ()


def _share(name: str) -> tuple[str, str]:
    """A column that is a part of another, such as the correct of the graded answers, and that one;
    twice the name of any other."""
    correct, slash, group = name.partition("/")
    if correct == "correct" and slash:
        return schema.group_columns(group)
    return name, _PARTS.get(name, name)


def _is_count(name: str) -> bool:
    return name.startswith((schema.flops_column(""), schema.flops_remainder_column("")))
