"""Decides which column of a log is the step, the accuracy, the compute and so on, and says so."""

import numpy as np

from rlviz.importers import names
from rlviz.importers.log import Log
from rlviz.importers.scores import accuracy, graded_answers, return_
from rlviz.importers.wanted import MAX_STEP, Roles, Wanted, check_name, first, is_count


def choose(log: Log, wanted: Wanted) -> Roles:
    """Give every role its column.

    Raises:
        ValueError: a column that the user named is not in the log, or can't have that role.
    """
    roles = Roles(full_score=wanted.full_score)
    named: tuple[str | float | None, ...] = (
        wanted.step,
        wanted.accuracy,
        wanted.return_,
        wanted.parallelism,
    )
    for name in (*named, wanted.flops, wanted.tokens, wanted.graded):
        check_name(log, name)
    _step(log, wanted, roles)
    graded_answers(log, wanted, roles)
    accuracy(log, wanted, roles)
    return_(log, wanted, roles)
    _parallelism(log, wanted, roles)
    if wanted.flops is not None or wanted.tokens is None:
        roles.flops = wanted.flops or first(log, names.FLOPS, _counts_along)
    roles.tokens = wanted.tokens or first(log, names.TOKENS, _counts_along)
    return roles


def _counts_along(log: Log, name: str) -> bool:
    """Whether it counts at more than the end of the run, as the total of a final summary does."""
    return is_count(log, name) and (len(log.series[name]) > 1 or log.count == 1)


def _step(log: Log, wanted: Wanted, roles: Roles) -> None:
    if wanted.step is not None:
        if not _counts_steps(log, wanted.step):
            raise ValueError(
                f"{wanted.step!r} can't be the step: steps are whole numbers in [0, 2**53). "
                "Name another column, or none to number the rows."
            )
        roles.step = wanted.step
    elif not len(log.step):
        roles.step = first(log, names.STEPS, _counts_most_rows)
    what = "tag" if log.events else "column"
    if roles.step is not None:
        roles.known.append(f"The step is {roles.step!r}.")
    elif len(log.step):
        roles.known.append("The steps are those that it was logged under.")
    else:
        roles.unknown.append(f"No {what} counts steps: the rows are numbered from 1.")


def _counts_steps(log: Log, name: str) -> bool:
    values = log.series[name].numbers()
    return bool(
        (values == np.floor(values)).all() and values.min() >= 0 and values.max() < MAX_STEP
    )


def _counts_most_rows(log: Log, name: str) -> bool:
    series = log.series[name]
    if 2 * len(series) < log.count or not _counts_steps(log, name):
        return False
    values = series.numbers()
    if names.plain(name) == "epoch":  # many steps share one
        return 2 * len(np.unique(values)) > len(values)
    return log.count == 1 or bool(values.any())


def _parallelism(log: Log, wanted: Wanted, roles: Roles) -> None:
    name = wanted.parallelism or first(log, names.PARALLELISM)
    if name is not None:
        values = log.series[name].numbers()
        fits = bool(np.isfinite(values).all() and values.min() >= 0)
        if not fits and wanted.parallelism is not None:
            raise ValueError(
                f"{name!r} can't be the average parallelism: work / span is finite and >= 0."
            )
        roles.parallelism = name if fits else None
    if roles.parallelism is None:
        roles.unknown.append("The average parallelism is unknown: the log does not hold it.")
    else:
        roles.known.append(f"The average parallelism is {roles.parallelism!r}.")
