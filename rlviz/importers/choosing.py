"""Gives every role its column, by the names that frameworks use, unless the user says otherwise."""

from functools import partial

import numpy as np

from rlviz.importers import names, rates
from rlviz.importers.answers import choose_accuracy, choose_graded
from rlviz.importers.log import MAX_STEP, Indices, Log
from rlviz.importers.options import Options, option
from rlviz.importers.roles import Roles


def choose(log: Log, options: Options) -> Roles:
    """Give every role its column.

    Raises:
        ValueError: a column that the user named is not in the log, or can't have that role.
    """
    roles = Roles(scale=options.scale)
    for name in options.columns():
        log.check_column(name)
    _step(log, options, roles)
    choose_graded(log, options, roles)
    choose_accuracy(log, options, roles)
    _return(log, options, roles)
    _parallelism(log, options, roles)
    if options.flops is not None or options.tokens is None:
        roles.flops = options.flops or log.first(names.FLOPS, partial(_counts_along, log))
    roles.tokens = options.tokens or log.first(names.TOKENS, partial(_counts_along, log))
    return roles


def _counts_along(log: Log, name: str) -> bool:
    """Whether a column counts along the run, unlike the total of a final summary and the work of
    single answers."""
    if name in (names.work_of(other) for other in log.series):
        return False
    return log.is_count(name) and (len(log.series[name]) > 1 or log.count == 1)


def _work_over_span(log: Log) -> str | None:
    """The quotient of work and span as a column, if the log has both."""
    for span in [name for name in log.series if not names.is_evaluation(name)]:
        work = names.work_of(span)
        if work in log.series:
            return log.divide(work, span)
    return None


def _step(log: Log, options: Options, roles: Roles) -> None:
    if options.step is not None:
        if not _counts_steps(log, options.step):
            raise ValueError(
                f"{options.step!r} can't be the step: steps are whole numbers in [0, 2**53). "
                "Name another column, or none to number the rows."
            )
        roles.step = options.step
    elif not len(log.step):
        roles.step = log.first(
            names.STEPS, partial(_counts_most_rows, log, _rewarded(log, options))
        )
    if roles.step is not None:
        by_name = names.counts_more_than_updates(roles.step)
        beside = roles.counts_more_than_updates(log) and not by_name
        more = ", which counts steps of an environment, by the columns beside it" if beside else ""
        roles.know("step", f"The step is {roles.step!r}{more}.")
    elif len(log.step):
        roles.know("step", "The steps are those under which the log has its values.")
    else:
        roles.lack("step", f"No {log.column} counts steps: the rows are numbered from 1.")


def _counts_steps(log: Log, name: str) -> bool:
    values = log.series[name].numbers()
    return bool(
        (values == np.floor(values)).all() and values.min() >= 0 and values.max() < MAX_STEP
    )


def _rewarded(log: Log, options: Options) -> Indices:
    """The rows of the longest series that may become the main one: others, such as those of a
    profiler, may stand in rows of their own. Every row if there is no such series."""
    named = [name for name in (options.accuracy, options.return_) if name is not None]
    known = {*names.SCORES, *names.RETURNS}
    found = named or [
        name
        for name in log.series
        if (names.plain(name) in known or names.is_reward_function(name) or rates.is_rate(name))
        and not names.is_evaluation(name)
    ]
    rows = max((log.series[name].rows() for name in found), key=len, default=np.arange(0))
    return rows if len(rows) > 1 else np.arange(log.count)


def _counts_most_rows(log: Log, rewarded: Indices, name: str) -> bool:
    series = log.series[name]
    if 2 * len(np.intersect1d(series.rows(), rewarded)) < len(rewarded):
        return False
    if not _counts_steps(log, name):
        return False
    values = series.numbers()
    if names.plain(name) == "epoch":  # many steps share one
        return 2 * len(np.unique(values)) > len(values)
    return log.count == 1 or bool(values.any())


def _parallelism(log: Log, options: Options, roles: Roles) -> None:
    named = log.first(names.PARALLELISM) or next(
        (name for name in log.series if names.ends_as_parallelism(name)), None
    )
    name = options.parallelism or named or _work_over_span(log)
    if name is not None:
        values = log.series[name].numbers()
        fits = bool(np.isfinite(values).all() and values.min() >= 0)
        if not fits and options.parallelism is not None:
            raise ValueError(
                f"{name!r} can't be the average parallelism: work / span is finite and >= 0."
            )
        roles.parallelism = name if fits else None
    if roles.parallelism is None:
        speaks = next((one for one in log.series if names.speaks_of_parallelism(one)), None)
        if name is not None:
            why = f"{name!r} is not finite and >= 0 everywhere."
        elif speaks is None:
            why = "the log does not hold it."
        else:
            why = f"if {speaks!r} is work / span of episodes, give {option('parallelism', speaks)}."
        roles.lack("parallelism", f"The average parallelism is unknown: {why}")
    else:
        roles.know("parallelism", f"The average parallelism is {roles.parallelism!r}.")


def _return(log: Log, options: Options, roles: Roles) -> None:
    """Choose the mean return."""
    if roles.return_ is None:
        name = options.return_ or (log.return_ if log.return_ in log.series else None)
        known = (*names.SCORES, *names.RETURNS)
        name = name or log.first(known, lambda name: name != roles.accuracy)
        roles.return_ = name
    if roles.return_ is not None:
        values = log.series[roles.return_].numbers()
        low, high = float(values.min()), float(values.max())
        few = len(values) < log.count and not log.events
        rows = f" ({len(values):,} of {log.count:,} rows)" if few else ""
        roles.know(
            "return",
            f"The metric 'return' is {roles.return_!r}, from {low:g} to {high:g}{rows}.",
        )
    elif roles.main is None:
        speak = [name for name in log.series if names.speaks_of_reward(name)]
        speaks = next((name for name in speak if names.is_mean(name)), speak[0] if speak else None)
        if speaks is None:
            which = f"If one is, name it: {option('return_')}."
        else:
            which = f"If {speaks!r} is one, give {option('return_', speaks)}"
            values = log.series[speaks].numbers()
            if values.min() >= 0 and values.max() <= 1:
                which += f"; if single answers earn only 0 or 1 in it, {option('accuracy', speaks)}"
            which += "."
        roles.lack(
            "return",
            f"The return is unknown: no value of the log is known to be a mean reward. {which}",
        )
