"""Which column is the accuracy and which the return; what is no accuracy is not taken for one."""

import numpy as np

from rlviz.importers import names
from rlviz.importers.log import Log
from rlviz.importers.options import option
from rlviz.importers.wanted import Roles, Wanted, first, is_count

_MAX_GRADED = 2.0**53
_ROUNDING = 1e-6
"""A rate that was kept as float32 may be a little more than 1."""


def graded_answers(log: Log, wanted: Wanted, roles: Roles) -> None:
    """Choose the number of answers behind an accuracy."""
    graded = wanted.graded if wanted.graded is not None else first(log, names.GRADED, is_count)
    if isinstance(graded, str) and not is_count(log, graded):
        raise ValueError(
            f"{graded!r} can't count graded answers: it has values below 0, or only 0."
        )
    if isinstance(graded, (int, float)) and not 0 < graded < _MAX_GRADED:
        raise ValueError(
            f"{option('graded')} must be a number of answers in each row, > 0, got {graded!r}."
        )
    roles.graded = graded


def accuracy(log: Log, wanted: Wanted, roles: Roles) -> None:
    """Choose the training accuracy: a share of right answers, or the mean of scores of 0 and 1."""
    if wanted.accuracy is not None:
        _take_as_named(log, wanted, roles, wanted.accuracy)
    elif not _counts(log, roles):
        rates = [name for name in log.series if names.is_rate(name)]
        trained = [name for name in rates if not names.is_evaluation(name)]
        for name in (*_most_values_first(log, trained), _score(log)):
            if name is not None and _is_fraction(log, name, wanted.full_score):
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
    """Take correct answers over graded ones, where a log counts both and has no rate."""
    correct, graded = first(log, names.CORRECT), roles.graded
    if correct is None or not isinstance(graded, str) or first(log, ("accuracy",)) is not None:
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
    """The mean reward, if it is that of a single grader."""
    functions = [name for name in log.series if names.is_reward_function(name)]
    name = first(log, names.SCORES)
    if name is not None and names.plain(name) == "reward" and len(functions) > 1:
        return None  # the sum of what several functions give
    return name or (functions[0] if len(functions) == 1 else None)


def _is_fraction(log: Log, name: str, full_score: float) -> bool:
    """Whether all its values, and those of its minimum and maximum, are in [0, full_score]."""
    beside = [name]
    if name.endswith("mean"):
        beside += [name[:-4] + extreme for extreme in ("min", "max")]
    for one in beside:
        if one in log.series:
            values = log.series[one].numbers() / full_score
            if not (values.min() >= -_ROUNDING and values.max() <= 1 + _ROUNDING):
                return False
    return True


def _take_as_named(log: Log, wanted: Wanted, roles: Roles, name: str) -> None:
    if _is_fraction(log, name, wanted.full_score):
        _take(log, roles, name)
        return
    low, high = _range(log, name)
    roles.unknown.append(
        f"The accuracy is unknown: {name!r} is not in [0, {wanted.full_score:g}] (it or its "
        f"minimum and maximum go from {low:g} to {high:g}), so it is the metric 'return'. If a "
        "right answer earns more than 1 and a wrong one 0, say how much with "
        f"{option('full_score')}."
    )
    roles.return_ = name if wanted.return_ is None else None


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


def return_(log: Log, wanted: Wanted, roles: Roles) -> None:
    """Choose the mean return."""
    if roles.return_ is None:
        name = wanted.return_ or first(log, names.SCORES, lambda _, name: name != roles.accuracy)
        roles.return_ = name
    if roles.return_ is not None:
        low, high = _range(log, roles.return_)
        roles.known.append(f"The metric 'return' is {roles.return_!r}, from {low:g} to {high:g}.")
