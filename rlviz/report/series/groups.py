"""Runs that are drawn or compared together: their names, and which share a configuration."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TypeAlias

from rlviz.report.history import History

Histories: TypeAlias = History | Sequence[History] | Mapping[str, History | Sequence[History]]
"""One run, several runs, or names that each map to a run or to the seeds of one configuration."""


@dataclass(frozen=True, slots=True)
class Group:
    """One configuration: a run, or several runs that differ only in their seed."""

    name: str
    runs: tuple[History, ...]

    @property
    def conventions(self) -> tuple[str, ...]:
        """By which conventions its runs count FLOPs, each once, as `History.conventions`."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.conventions))


def groups_of(histories: Histories) -> tuple[Group, ...]:
    """The given runs as named groups, in the order given.

    Runs without a name get the name of their directory, with as many parents as it takes to tell
    them apart.

    Raises:
        TypeError: something is not a `History`.
        ValueError: there is no run, or a run has no step.
    """
    if isinstance(histories, History):
        histories = [histories]
    if isinstance(histories, Mapping):
        groups = tuple(_named(name, runs) for name, runs in histories.items())
    else:
        runs = _checked(histories, "histories")
        groups = tuple(Group(n, (run,)) for n, run in zip(_names(runs), runs, strict=True))
    if not groups:
        raise ValueError("histories is empty, expected at least one run. Read one: rlviz.read().")
    return groups


def distinct_ends(paths: Sequence[PurePath]) -> list[str] | None:
    """The shortest ends of paths, of equally many parts, that tell them apart; None if no end
    does.

    Example:
        >>> distinct_ends([PurePath("seed1/out"), PurePath("seed2/out")])
        ['seed1/out', 'seed2/out']
    """
    deepest = max((len(path.parts) for path in paths), default=0)
    for depth in range(1, deepest + 1):
        ends = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(ends)) == len(ends) and all(ends):
            return ends
    return None


def _named(name: object, runs: History | Sequence[History]) -> Group:
    if not isinstance(name, str) or not name:
        raise TypeError(f"a name of runs must be a string of at least 1 character, got {name!r}.")
    found = (runs,) if isinstance(runs, History) else runs
    group = Group(name, _checked(found, f"the runs of {name!r}"))
    if not group.runs:
        raise ValueError(f"{name!r} has no runs, expected a run or a list of seeds.")
    return group


def _checked(runs: Iterable[History], what: str) -> tuple[History, ...]:
    if isinstance(runs, str) or not isinstance(runs, Iterable):
        raise TypeError(f"{what} must be runs as rlviz.read returns them, got {runs!r}.")
    found = tuple(runs)
    for run in found:
        if not isinstance(run, History):
            raise TypeError(f"{what} must be runs as rlviz.read returns them, one is {run!r}.")
        if not len(run):
            raise ValueError(f"the run {run.logdir or 'without a directory'!r} has no steps yet.")
    return found


def _names(runs: Sequence[History]) -> list[str]:
    """The ends of the runs' paths; numbers if no end tells them apart."""
    paths = [PurePath(run.logdir or "") for run in runs]
    if (ends := distinct_ends(paths)) is not None:
        return ends
    names = [path.parts[-1] if path.parts else "run" for path in paths]
    if len(names) == 1:
        return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]
