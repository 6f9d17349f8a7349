"""Finds the runs in a log that holds several: side by side, one below the other, or interleaved."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rlviz import wording
from rlviz.importers import names
from rlviz.importers.log import Floats, Indices, Log
from rlviz.importers.options import option

_MOST_NAMES = 8
_NUMBERED = re.compile(r"(?:^|[\s/._(\-])((?:run|seed|trial)[-_ #]?\d+)(?=$|[\s/._)\-])", re.I)
_SHARED = 0.5
"""The share of the rows whose step another run has too."""
_MOST_REPEATED = 0.1
_STATES = {"state", "status", "created", "runtime", "sweep", "tags", "notes", "user", "start_time"}


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs in a log.

    Attributes:
        names: how the log calls them.
        where: where they stand, in words.
        take: gives the log of one of them.
        why: the error where none is named, if the place does not say why they are several.
    """

    names: tuple[str, ...]
    where: str
    take: Callable[[str], Log]
    why: str = ""


def one_of(log: Log, main: str, step: Floats, run: str | None) -> Log:
    """The log of one run: the only one, or the named one.

    Args:
        log: what was read.
        main: its main series.
        step: the step of each row, (rows,), NaN where it has none.
        run: the name of a run, or None.

    Raises:
        ValueError: it holds several and none was named, or none of that name.
    """
    if log.run is not None:
        return log  # chosen among the folders already
    found = runs_in(log, main, step)
    if found is not None and found.why and run is None:
        raise ValueError(found.why)
    if found is None:
        if run is not None:
            raise ValueError(f"{log.name} holds one run, so {option('run', run)} says too much.")
        return log
    taken = found.take(chosen(found.names, run, f"{log.name} holds", found.where))
    taken.run = run
    return taken


def chosen(names: tuple[str, ...], run: str | None, holds: str, where: str = "") -> str:
    """The named one of several runs.

    Raises:
        ValueError: none was named, or there is none of that name.
    """
    if run in names:
        return run
    several = (
        f"{holds} {len(names)} runs{where and f' {where}'}: {wording.some(names, _MOST_NAMES)}"
    )
    if run is not None:
        raise ValueError(f"{several}. None of them is {run!r}.")
    raise ValueError(f"{several}. {_how_to_take(names)}")


def _how_to_take(names: tuple[str, ...]) -> str:
    every = "--all-runs -o FOLDER" if option("run").startswith("--") else "rlviz.import_runs"
    return (
        f"A run is one training: take one of them with {option('run', names[0])}, or all, each in "
        f"a run directory of its own, with {every}."
    )


def runs_in(log: Log, main: str, step: Floats) -> Runs | None:
    """The runs in a log, None if it holds one.

    Raises:
        ValueError: it is a table of runs, with a row for each, so there is no course of any.
    """
    return _in_columns(log) or _in_rows(log, main, step) or _in_files(log, main, step)


def run_of_column(name: str) -> tuple[str, str] | None:
    """The run that a column names, and the rest of its name; None if it names none.

    >>> run_of_column("grpo-7b - train/reward"), run_of_column("reward_seed3"), run_of_column("kl")
    (('grpo-7b', 'grpo-7b - train/reward'), ('seed3', 'reward'), None)
    """
    if (run := names.run_of_chart(name)) is not None:
        return run, name  # which `names.plain` knows
    if (numbered := _NUMBERED.search(name)) is None:
        return None
    rest = f"{name[: numbered.start(1)]}{name[numbered.end(1) :]}"
    return numbered[1], rest.strip(" /._()-") or name


def _in_columns(log: Log) -> Runs | None:
    of_run: dict[str, dict[str, str]] = {}
    for name in log.series:
        if (found := run_of_column(name)) is not None:
            of_run.setdefault(found[0], {})[name] = found[1]
    of_run = of_run or _in_folders(log)
    if len(of_run) < 2:
        return None
    alike = [{names.plain(rest) for rest in columns.values()} for columns in of_run.values()]
    if not any(first & second for i, first in enumerate(alike) for second in alike[:i]):
        return None  # parts of one run, such as its environments

    def take(run: str) -> Log:
        others = {name for other, columns in of_run.items() if other != run for name in columns}
        rows = np.zeros(log.count, np.bool_)
        for name in of_run[run]:
            rows[log.series[name].rows()] = True
        part = log.part(rows, set(log.series) - others)
        part.series = {of_run[run].get(name, name): found for name, found in part.series.items()}
        return part

    return Runs(tuple(of_run), "side by side in its columns", take)


def _in_folders(log: Log) -> dict[str, dict[str, str]]:
    """Folders of columns that each hold a whole run, by the folder: nothing stands outside them but
    steps and times, all hold the same, and each has a reward and what trains on it, which parts of
    one run share."""
    found: dict[str, dict[str, str]] = {}
    shared = {*names.STEPS, *names.TIMESTAMPS, *names.DATES, *names.ELAPSED}
    for name in log.series:
        folder, slash, rest = name.partition("/")
        if slash and folder.casefold() not in ("train", "eval", "test", "val"):
            found.setdefault(folder, {})[name] = rest
        elif names.plain(name) not in shared:
            return {}
    hold = [frozenset(map(names.plain, columns.values())) for columns in found.values()]
    whole = all(
        one == hold[0] and one & _REWARDS and any(_TRAINS & set(names.words(n)) for n in one)
        for one in hold
    )
    return found if whole else {}


_REWARDS = {*names.SCORES, *names.RETURNS, "accuracy", "success_rate"}
_TRAINS = {"loss", "lr", "kl", "entropy", "grad"}


def _in_rows(log: Log, main: str, step: Floats) -> Runs | None:
    known = [name for name in (*log.labels, *log.series) if names.plain(name) in names.RUNS]
    for name in (*known, *(name for name in log.labels if name not in known)):
        codes, called = _codes(log, name)
        if codes is None or len(called) < 2:
            continue
        is_named = name in known
        rows = log.series[main].rows()
        rows = rows[codes[rows] >= 0]
        if is_named and _one_row_each(log, name, codes, rows):
            raise ValueError(
                f"{log.name} is a table of {len(called)} runs, one row for each (by {name!r}: "
                f"{wording.some(called, _MOST_NAMES)}), so it tells their ends and not their "
                "course. Export the history of a run: its values step by step."
            )
        if _are_runs(codes[rows], step[rows], is_named):
            there = np.unique(codes[rows])
            return _by_rows(log, name, codes, {called[code]: int(code) for code in there})
    return None


def _by_rows(log: Log, column: str, codes: Indices, found: dict[str, int]) -> Runs:
    why = ""
    if names.plain(column) not in names.RUNS:
        every = wording.some(list(found), _MOST_NAMES, form=str)
        why = (
            f"Rows of the same step differ by {column!r} ({every}). If these are runs, take one "
            f"with {option('run', next(iter(found)))}; if they are parts of one run, merge them "
            "first."
        )
    where = f"in its rows, by {column!r}"
    return Runs(tuple(found), where, lambda run: log.part(codes == found[run]), why)


def _codes(log: Log, name: str) -> tuple[Indices | None, list[str]]:
    """The run that a column gives each row, (rows,), -1 for none, and the names of the runs; None
    for a column that names none."""
    codes = np.full(log.count, -1)
    labels = log.labels.get(name)
    if labels is not None:
        codes[np.array(labels.at, np.int64)] = np.array(labels.codes, np.int64)
        return codes, labels.texts
    if name not in log.series or names.plain(name) not in names.RUNS:
        return None, []
    series = log.series[name]
    values = series.numbers()
    if not (values == np.floor(values)).all():
        return None, []
    known, which = np.unique(values, return_inverse=True)
    codes[series.rows()] = which
    return codes, [f"{value:.0f}" for value in known]


def _one_row_each(log: Log, column: str, codes: Indices, rows: Indices) -> bool:
    """Whether the rows are the ends of runs: each has one, and the table says how they ended."""
    said = {names.plain(name) for name in (*log.series, *log.texts)}
    if len(rows) < 2 or not len(np.unique(codes[rows])) == len(rows) == log.count:
        return False
    if said & _STATES:
        return True
    names_runs = names.plain(column) not in names.ROWS
    return column in log.labels and (names_runs or not said & set(names.STEPS))


def _are_runs(codes: Indices, step: Floats, is_named: bool) -> bool:
    """Whether rows of different names tell the same steps."""
    known = ~np.isnan(step)
    codes, step = codes[known], step[known]
    if len(np.unique(codes)) < 2:
        return False
    pairs = np.unique(np.stack([step, codes.astype(np.float64)]), axis=1)
    _, which, times = np.unique(pairs[0], return_inverse=True, return_counts=True)
    shared = np.count_nonzero(times[which] > 1)
    if shared < _SHARED * len(which):
        return False
    return is_named or len(codes) - len(which) <= _MOST_REPEATED * len(codes)


_Told = dict[float, float]
"""Step -> the last value that a file gives for it."""


def _in_files(log: Log, main: str, step: Floats) -> Runs | None:
    """The files as runs, if they can't be the parts of one: a later one tells the same steps
    otherwise, and no resume explains it.

    A file that begins at a later step than what came before it comes from a resumed run, and its
    steps replace those that it repeats. One that begins no later would replace everything. Event
    files are written in the order of time, many by one start of a run, so what came before are all
    of them; of other files it is the last one.

    Raises:
        ValueError: they are in the wrong order.
    """
    ends = [row for _, row in log.parts[1:]] + [log.count]
    before, earlier = "", _Told()
    for (file, first), end in zip(log.parts, ends, strict=True):
        told = _values_of(log, main, step, first, end)
        if earlier and told and min(told) <= min(earlier):
            shared = earlier.keys() & told.keys()
            if 2 * sum(earlier[at] != told[at] for at in shared) > len(shared):
                return _by_files(
                    log,
                    f"{before} and {file} are not the parts of one run: both tell the same steps, "
                    f"with other values of {main!r}.",
                )
            if max(told) < min(earlier):
                raise ValueError(
                    f"{file} ends before {before} begins, at step {min(earlier):.0f}. Give the "
                    "files in the order of their steps."
                )
        if told:
            before, earlier = file, ({**earlier, **told} if log.events else told)
    return None


def _values_of(log: Log, name: str, step: Floats, first: int, end: int) -> _Told:
    """The values of a series in one file: rows from `first` up to but excluding `end`."""
    series = log.series[name]
    rows = series.rows()
    low, high = np.searchsorted(rows, (first, end))
    steps, values = step[rows[low:high]], series.numbers()[low:high]
    known = ~np.isnan(steps)
    return dict(zip(steps[known].tolist(), values[known].tolist(), strict=True))


def _by_files(log: Log, why: str) -> Runs:
    ends = [row for _, row in log.parts[1:]] + [log.count]
    found: dict[str, tuple[int, int]] = {}
    for (file, first), end in zip(log.parts, ends, strict=True):
        name, number = file, 2
        while name in found:
            name, number = f"{file} ({number})", number + 1
        found[name] = (first, end)

    def take(run: str) -> Log:
        rows = np.zeros(log.count, np.bool_)
        rows[slice(*found[run])] = True
        return log.part(rows)

    every = tuple(found)
    return Runs(every, "in its files", take, f"{why} {_how_to_take(every)}")
