"""Decides which column is the step, the accuracy, the return, the compute, and says so in words.

A column that is not an accuracy is never taken for one.
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rlviz.importers import names
from rlviz.importers.log import MAX_STEP, Log
from rlviz.importers.options import Options, option

_MAX_GRADED = 2.0**53
_ROUNDING = 1e-6
"""A rate stored as float32 may be slightly above 1."""


@dataclass(slots=True)
class Roles:
    """The chosen columns; None where the log has none."""

    step: str | None = None
    accuracy: str | None = None
    correct: str | None = None
    """With `graded`, the counts whose quotient is the accuracy."""
    graded: str | float | None = None
    return_: str | None = None
    parallelism: str | None = None
    flops: str | None = None
    tokens: str | None = None
    full_score: float = 1.0
    known: list[str] = field(default_factory=list)
    """Sentences on what each column was taken for."""
    unknown: list[str] = field(default_factory=list)
    """Sentences on what the log does not tell."""

    @property
    def main(self) -> str | None:
        """The main series of the run: its steps are the run's steps."""
        return self.accuracy or self.correct or self.return_

    @property
    def doubles_step(self) -> bool:
        """Whether the column of the step has another role too, as where a run counts in tokens."""
        return self.step in self._beside_step()

    def columns(self) -> set[str]:
        """All columns that have a role."""
        return {name for name in (self.step, *self._beside_step()) if isinstance(name, str)}

    def _beside_step(self) -> tuple[str | float | None, ...]:
        answers = (self.accuracy, self.correct, self.graded, self.return_)
        return (*answers, self.parallelism, self.flops, self.tokens)


def choose(log: Log, options: Options) -> Roles:
    """Give every role its column.

    Raises:
        ValueError: a column that the user named is not in the log, or can't have that role.
    """
    roles = Roles(full_score=options.full_score)
    for name in options.columns():
        log.check_column(name)
    _step(log, options, roles)
    _graded_answers(log, options, roles)
    _accuracy(log, options, roles)
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
        roles.step = log.first(names.STEPS, partial(_counts_most_rows, log))
    if roles.step is not None:
        roles.known.append(f"The step is {roles.step!r}.")
    elif len(log.step):
        roles.known.append("The steps are those that it was logged under.")
    else:
        roles.unknown.append(f"No {log.column} counts steps: the rows are numbered from 1.")


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


def _parallelism(log: Log, options: Options, roles: Roles) -> None:
    name = options.parallelism or log.first(names.PARALLELISM) or _work_over_span(log)
    if name is not None:
        values = log.series[name].numbers()
        fits = bool(np.isfinite(values).all() and values.min() >= 0)
        if not fits and options.parallelism is not None:
            raise ValueError(
                f"{name!r} can't be the average parallelism: work / span is finite and >= 0."
            )
        roles.parallelism = name if fits else None
    if roles.parallelism is None:
        roles.unknown.append("The average parallelism is unknown: the log does not hold it.")
    else:
        roles.known.append(f"The average parallelism is {roles.parallelism!r}.")


def _graded_answers(log: Log, options: Options, roles: Roles) -> None:
    """Choose the number of answers behind an accuracy."""
    graded = options.graded if options.graded is not None else log.first(names.GRADED, log.is_count)
    if isinstance(graded, str) and not log.is_count(graded):
        raise ValueError(
            f"{graded!r} can't count graded answers: it has values below 0, or only 0."
        )
    if isinstance(graded, (int, float)) and not 0 < graded < _MAX_GRADED:
        raise ValueError(
            f"{option('graded')} must be a number of answers in each row, > 0, got {graded!r}."
        )
    roles.graded = graded


def _accuracy(log: Log, options: Options, roles: Roles) -> None:
    """Choose the training accuracy: a share of right answers, or the mean of scores of 0 and 1."""
    if options.accuracy is not None:
        _take_as_named(log, options, roles, options.accuracy)
    elif not _counts(log, roles):
        rates = [name for name in log.series if names.is_rate(name)]
        trained = [name for name in rates if not names.is_evaluation(name)]
        for name in (*_most_values_first(log, trained), _score(log)):
            if name is not None and _is_fraction(log, name, options.full_score):
                _take(log, roles, name)
                return
        _say_what_is_no_accuracy(log, roles, trained)
        evaluated = [name for name in rates if name not in trained]
        for name in _most_values_first(log, evaluated)[:1]:
            roles.unknown.append(
                f"{name!r} is of evaluations ({len(log.series[name]):,} of {log.count:,} rows), "
                "not of training: to draw it nevertheless, give "
                f"{option('accuracy', name)}."
            )


def _counts(log: Log, roles: Roles) -> bool:
    """Take correct over graded answers, if the log counts both and has no rate."""
    correct, graded = log.first(names.CORRECT), roles.graded
    if correct is None or not isinstance(graded, str) or log.first(("accuracy",)) is not None:
        return False
    right, answers = log.series[correct].numbers(), log.series[graded].numbers()
    if (right != np.floor(right)).any() or right.min() < 0 or right.max() > answers.max():
        return False  # a rate, or something else
    roles.correct = correct
    roles.known.append(f"The accuracy is {correct!r} of {graded!r} answers.")
    return True


def _most_values_first(log: Log, found: list[str]) -> list[str]:
    return sorted(found, key=lambda name: -len(log.series[name]))


def _score(log: Log) -> str | None:
    """The mean reward, if a single grader gives it."""
    functions = [name for name in log.series if names.is_reward_function(name)]
    name = log.first(names.SCORES)
    if name is not None and names.plain(name) == "reward" and len(functions) > 1:
        return None  # a sum over several reward functions
    return name or (functions[0] if len(functions) == 1 else None)


def _is_fraction(log: Log, name: str, full_score: float) -> bool:
    """Whether all values, and those of its minimum and maximum columns, are in [0, full_score]."""
    beside = [name]
    if name.endswith("mean"):
        beside += [name[:-4] + extreme for extreme in ("min", "max")]
    for one in beside:
        if one in log.series:
            values = log.series[one].numbers() / full_score
            if not (values.min() >= -_ROUNDING and values.max() <= 1 + _ROUNDING):
                return False
    return True


def _take_as_named(log: Log, options: Options, roles: Roles, name: str) -> None:
    if _is_fraction(log, name, options.full_score):
        _take(log, roles, name)
        return
    low, high = _range(log, name)
    roles.unknown.append(
        f"The accuracy is unknown: {name!r} is not in [0, {options.full_score:g}] (it or its "
        f"minimum and maximum go from {low:g} to {high:g}), so it is the metric 'return'. If a "
        "right answer earns more than 1 and a wrong one 0, say how much with "
        f"{option('full_score')}."
    )
    roles.return_ = name if options.return_ is None else None


def _range(log: Log, name: str) -> tuple[float, float]:
    beside = [name, *(name[:-4] + end for end in ("min", "max") if name.endswith("mean"))]
    values = [log.series[one].numbers() for one in beside if one in log.series]
    return min(float(v.min()) for v in values), max(float(v.max()) for v in values)


def _take(log: Log, roles: Roles, name: str) -> None:
    roles.accuracy = name
    says = f"The accuracy is {name!r}"
    if roles.full_score != 1:
        says += f", divided by {roles.full_score:g}"
    if names.is_evaluation(name):
        roles.unknown.append(
            f"The accuracy of training is unknown: {name!r}, which stands for it, is that of "
            f"evaluations ({len(log.series[name]):,} of {log.count:,} rows)."
        )
    elif not names.is_rate(name):
        says += ", whose values are all in [0, 1]: right if an answer earns 1 or 0"
    roles.known.append(f"{says}.")


def _say_what_is_no_accuracy(log: Log, roles: Roles, rates: list[str]) -> None:
    says = "The accuracy is unknown: nothing in the log is a share of right answers in training."
    if rates:
        low, high = _range(log, rates[0])
        says = (
            f"The accuracy is unknown: {rates[0]!r} goes from {low:g} to {high:g}, outside [0, 1]. "
            f"If {high:g} stands for all right and 0 for none, give "
            f"{option('accuracy', rates[0])} with {option('full_score', high)}."
        )
    roles.unknown.append(says)


def _return(log: Log, options: Options, roles: Roles) -> None:
    """Choose the mean return."""
    if roles.return_ is None:
        name = options.return_ or (log.return_ if log.return_ in log.series else None)
        name = name or log.first(names.SCORES, lambda name: name != roles.accuracy)
        roles.return_ = name
    if roles.return_ is not None:
        low, high = _range(log, roles.return_)
        roles.known.append(f"The metric 'return' is {roles.return_!r}, from {low:g} to {high:g}.")
