"""The columns of a log by their roles: what the user named, what was chosen, how one is found."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from rlviz.importers import names
from rlviz.importers.log import Log

MAX_STEP = 2.0**53
"""Steps are below it."""
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user says about the columns; None leaves it to what is known of the names."""

    step: str | None = None
    accuracy: str | None = None
    return_: str | None = None
    parallelism: str | None = None
    flops: str | None = None
    tokens: str | None = None
    graded: str | float | None = None
    full_score: float = 1.0


@dataclass(slots=True)
class Roles:
    """The columns that were chosen; None where the log has none."""

    step: str | None = None
    accuracy: str | None = None
    correct: str | None = None
    """With `graded`, counts that the accuracy is the quotient of."""
    graded: str | float | None = None
    return_: str | None = None
    parallelism: str | None = None
    flops: str | None = None
    tokens: str | None = None
    full_score: float = 1.0
    known: list[str] = field(default_factory=list)
    """Sentences on what was taken for what."""
    unknown: list[str] = field(default_factory=list)
    """Sentences on what the log does not tell."""

    @property
    def main(self) -> str | None:
        """The series that the run is about: its steps are the run's steps."""
        return self.accuracy or self.correct or self.return_

    def columns(self) -> set[str]:
        """All columns that have a role."""
        found = (
            *(self.step, self.accuracy, self.correct, self.graded, self.return_),
            *(self.parallelism, self.flops, self.tokens),
        )
        return {name for name in found if isinstance(name, str)}


def check_name(log: Log, name: str | float | None) -> None:
    """ValueError for a name that the log does not have, with those that it has."""
    if not isinstance(name, str) or name in log.series:
        return
    if name in log.texts:
        raise ValueError(f"{name!r} holds text, no numbers, in {log.name}.")
    close = difflib.get_close_matches(name, log.series, n=3, cutoff=0.5)
    some = sorted(log.series)
    more = f" and {len(some) - _MOST_NAMES} more" if len(some) > _MOST_NAMES else ""
    raise ValueError(
        f"{log.name} has no {'tag' if log.events else 'column'} {name!r}."
        + (f" Close to it: {', '.join(map(repr, close))}." if close else "")
        + f" It has {', '.join(some[:_MOST_NAMES])}{more}."
    )


def first(
    log: Log, known: Iterable[str], fits: Callable[[Log, str], bool] = lambda log, name: True
) -> str | None:
    """The column with the first of the known names, of those that fit."""
    plain: dict[str, list[str]] = {}
    for name in log.series:
        plain.setdefault(name.casefold(), []).append(name)
        if names.plain(name) != name.casefold():
            plain.setdefault(names.plain(name), []).append(name)
    found = (name for one in known for name in plain.get(one, ()) if fits(log, name))
    return next(found, None)


def is_count(log: Log, name: str) -> bool:
    """Whether it can count something: never below 0, and not always 0."""
    values = log.series[name].numbers()
    return bool(np.isfinite(values).all() and values.min() >= 0 and values.max() > 0)
