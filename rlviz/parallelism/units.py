"""In what unit the work and span of episodes are, and how many episodes are in which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rlviz import schema
from rlviz.schema import WorkUnit


def check_unit(unit: WorkUnit | None) -> None:
    """Raises ValueError if there is no such unit; None is one that is not said."""
    if unit is not None and unit not in schema.WORK_UNITS:
        known = ", ".join(map(repr, schema.WORK_UNITS))
        raise ValueError(
            f"the unit of work and span must be one of {known}, or None if it is not known, got "
            f"{unit!r:.80}."
        )


def by_unit(units: Iterable[WorkUnit | None]) -> dict[str, int]:
    """How many episodes are in each unit, by the fields of `ParallelismSums`.

    >>> by_unit(["tokens", None, "tokens"])
    {'in_tokens': 2}
    """
    return {schema.unit_column(unit): n for unit, n in Counter(units).items() if unit is not None}
