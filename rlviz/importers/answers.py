"""Decides which column is the training accuracy, on evidence, and says so in words.

A column that is not an accuracy is never taken for one.
"""

import numpy as np

from rlviz import wording
from rlviz.importers import names, rates, spread
from rlviz.importers.log import Floats, Log
from rlviz.importers.options import Options, option
from rlviz.importers.roles import Roles
from rlviz.importers.spread import Scale

_MAX_GRADED = 2.0**53


def choose_graded(log: Log, options: Options, roles: Roles) -> None:
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


def choose_accuracy(log: Log, options: Options, roles: Roles) -> None:
    """Choose the training accuracy: a share of right answers, or the mean of scores of 0 and 1."""
    if options.accuracy is not None:
        _take_as_named(log, options, roles, options.accuracy)
        return
    if _counts(log, roles):
        return
    of_pairs = _ranks_pairs(log)
    found = [name for name in log.series if rates.is_rate(name) and not of_pairs]
    trained = _best_first(log, [name for name in found if not names.is_evaluation(name)])
    scores = [name for name in (_score(log),) if name not in (None, options.return_)]
    why: dict[str, str] = {}
    # What is called an accuracy and is none would be a part of the reward, which is none either.
    for name in (*scores, *trained) if options.scale[0] else trained or scores:
        why[name] = spread.against(log, name, options.scale)
        if not why[name]:
            of_episodes = roles.counts_more_than_updates(log) and not rates.is_rate(name)
            if (
                not (_is_return(name) or of_episodes)
                or spread.is_told(log, name)
                or options.tells_scale
            ):
                _take(log, roles, name)
                break
            why[name] = _UNTOLD
    else:
        _say_what_is_no_accuracy(log, options, roles, why)
        evaluated = _best_first(log, [name for name in found if name not in trained])
        for name in evaluated[:1]:
            roles.lack(
                "accuracy",
                f"{name!r} is of evaluations ({len(log.series[name]):,} of {log.count:,} rows), "
                "not of training: to draw it nevertheless, give "
                f"{option('accuracy', name)}.",
            )
    _say_what_is_of_something_else(log, roles, of_pairs)


_UNTOLD = "untold"
"""Nothing beside a mean return tells how its values are spread."""


def _is_return(name: str) -> bool:
    return names.plain(name) in names.RETURNS


def _ranks_pairs(log: Log) -> bool:
    """Whether the log is of a training on pairs of a chosen and a rejected answer."""
    said = {word for name in log.series for word in names.words(name)}
    of_both = "chosen" in said and bool({"rejected", "reject"} & said)  # "reject" as OpenRLHF
    return of_both or bool({"margin", "margins"} & said)


def _say_what_is_of_something_else(log: Log, roles: Roles, of_pairs: bool) -> None:
    found: dict[str, list[str]] = {}
    for name in log.series:
        if rates.says_a_rate(name) and not names.is_evaluation(name):
            what = rates.something_else(name) or ("preference pairs" if of_pairs else "")
            if what and what != "a spread":
                found.setdefault(what, []).append(name)
    for what, called in list(found.items())[:_MOST_KINDS]:
        does = "is a share" if len(called) == 1 else "are shares"
        roles.lack(
            "accuracy",
            f"{wording.some(called, 2)} {does} of something else ({what}), so no "
            "accuracy of the policy's answers.",
        )


_MOST_KINDS = 3


def _counts(log: Log, roles: Roles) -> bool:
    """Take correct over graded answers, if the log counts both and has no rate."""
    correct, graded = log.first(names.CORRECT), roles.graded
    if correct is None or not isinstance(graded, str) or log.first(("accuracy",)) is not None:
        return False
    right, answers = log.series[correct].numbers(), log.series[graded].numbers()
    if (right != np.floor(right)).any() or right.min() < 0 or right.max() > answers.max():
        return False  # a rate, or something else
    roles.correct = correct
    roles.know("accuracy", f"The accuracy is {correct!r} of {graded!r} answers.")
    return True


def _best_first(log: Log, found: list[str]) -> list[str]:
    """Most values first; of equally many, the one of fewer words, which is no part of another."""
    return sorted(found, key=lambda name: (-len(log.series[name]), len(names.words(name))))


def _score(log: Log) -> str | None:
    """The mean reward, if a single grader gives it."""
    functions = [name for name in log.series if names.is_reward_function(name)]
    name = log.first((*names.SCORES, *names.RETURNS))
    if functions and all(map(rates.something_else, functions)):
        return None  # nothing grades the answer itself
    if name is not None and names.plain(name) == "reward" and len(functions) > 1:
        return None  # a sum over several reward functions
    return functions[0] if name is None and len(functions) == 1 else name


def _take_as_named(log: Log, options: Options, roles: Roles, name: str) -> None:
    low, high = options.scale
    first, last = spread.extent(log, name)
    share = (log.series[name].numbers() - low) / (high - low)
    against = spread.against(log, name, options.scale)
    if not against or (share.min() >= 0 and share.max() <= 1 and low <= first and last <= high):
        _take(log, roles, name)
        if against:
            says = f"{name!r} {against}: it is hardly a share of right answers as it stands."
            roles.lack("accuracy", f"{says} {_how_to_tell(log, name)}")
        return
    roles.lack(
        "accuracy",
        f"The accuracy is unknown: {name!r} is not in [{low:g}, {high:g}] (it or its "
        f"minimum and maximum go from {first:g} to {last:g}), so it is the metric 'return'. "
        f"{_how_to_tell(log, name)}",
    )
    roles.return_ = name if options.return_ is None else None


def _how_to_tell(log: Log, name: str) -> str:
    """What to give if a column is a mean of scores on another scale."""
    first, last = spread.extent(log, name)
    values = log.series[name].numbers()
    if first < 0:
        inside = first >= -1 and last <= 1 and not spread.is_told(log, name)
        scale = (-1.0, 1.0) if inside else (first, last)
        if not (scale[0].is_integer() and scale[1].is_integer()):
            return (
                f"If answers are right or wrong, say what each earns: {option('scores')} LOW:HIGH."
            )
        return (
            f"If a right answer earns {scale[1]:g} and a wrong one {scale[0]:g}, give "
            f"{option('scores', scale)}{_went(values, scale)}."
        )
    high = spread.right_earns(log, name)
    if not (2 * high).is_integer():
        return f"If answers are right or wrong, say what each earns: {option('scores')} LOW:HIGH."
    return (
        f"If a right answer earns {high:g} and a wrong one 0, give "
        f"{option('full_score', high)}{_went(values, (0.0, high))}."
    )


def _full_mark(highest: float) -> float:
    """What most likely stands for all right, by the highest mean: no run that is worth a look ends
    with all right, so 73.5 is of 100.

    >>> [_full_mark(highest) for highest in (1.4, 2.0, 3.0, 7.3, 73.5, 250.0)]
    [2.0, 2.0, 3.0, 10.0, 100.0, 250.0]
    """
    if highest <= _FULL_MARKS[-2] and highest.is_integer():
        return highest
    return next((mark for mark in _FULL_MARKS if mark >= highest), highest)


_FULL_MARKS = (2.0, 5.0, 10.0, 100.0)


def _went(values: Floats, scale: Scale) -> str:
    low, high = scale
    if high <= low:
        return ""
    ends = ((float(values[at]) - low) / (high - low) for at in (0, -1))
    first, last = (f"{100 * end:.1f} %" for end in ends)
    return f" (the accuracy then goes from {first} to {last})"


def _take(log: Log, roles: Roles, name: str) -> None:
    roles.accuracy = name
    says = f"The accuracy is {name!r}"
    low, high = roles.scale
    if low:
        says += f", (score - {low:g}) / {high - low:g}".replace("- -", "+ ")
    elif high != 1:
        says += f", divided by {high:g}"
    if len(log.series[name]) < log.count and not log.events and not names.is_evaluation(name):
        says += f" ({len(log.series[name]):,} of {log.count:,} rows)"
    if names.is_evaluation(name):
        roles.lack(
            "accuracy",
            f"The accuracy of training is unknown: {name!r}, which stands for it, is that of "
            f"evaluations ({len(log.series[name]):,} of {log.count:,} rows).",
        )
    elif rates.is_rate(name):
        says += ": its name says so, and its values fit"
    elif spread.is_told(log, name):
        says += f": {_evidence(log, name)}, as if a right answer earns {high:g} and a wrong {low:g}"
    if roles.graded is None:
        says += "; how many answers are behind it is unknown, so it has no interval"
    elif isinstance(roles.graded, str):
        says += f"; {roles.graded!r} counts its answers"
    else:
        says += f"; {roles.graded:,.10g} answers in each row, as given"
    roles.know("accuracy", f"{says}.")
    if not rates.is_rate(name) and not spread.is_told(log, name):
        roles.lack(
            "accuracy",
            f"That single answers earn {low:g} or {high:g} is an assumption: nothing beside "
            f"{name!r} tells its spread. If they earn something between, it is a mean reward: "
            f"give {option('return_', name)}.",
        )


def _evidence(log: Log, name: str) -> str:
    if spread.of(log, name, "min") is not None and spread.of(log, name, "max") is not None:
        low, high = spread.extent(log, name)
        return f"its minimum and maximum are from {low:g} to {high:g}"
    return "its standard deviation fits"


def _say_what_is_no_accuracy(log: Log, options: Options, roles: Roles, why: dict[str, str]) -> None:
    lead = "The accuracy is unknown: "
    why = {name: text for name, text in why.items() if text == _UNTOLD or not _is_return(name)}
    if not why:
        roles.lack("accuracy", f"{lead}nothing in the log is a share of right answers in training.")
    for name, reason in list(why.items())[:_MOST_KINDS]:
        low, high = options.scale
        if reason == _UNTOLD:
            text = (
                f"{name!r} is a mean return in [{low:g}, {high:g}], and nothing beside it tells "
                "whether single episodes earn only 0 or 1. If they do, give "
                f"{option('accuracy', name)}."
            )
        elif rates.is_rate(name) and spread.extent(log, name)[0] >= 0:
            earns = _full_mark(spread.right_earns(log, name))
            text = (
                f"{name!r} {reason}, outside [{low:g}, {high:g}]. If {earns:g} stands for all "
                f"right and 0 for none, give {option('full_score', earns)}"
                f"{_went(log.series[name].numbers(), (0.0, earns))}."
                if reason.startswith(("goes", "or"))
                else f"{name!r} {reason}. {_how_to_tell(log, name)}"
            )
        else:
            text = f"{name!r} {reason}. {_how_to_tell(log, name)}"
        roles.lack("accuracy", f"{lead}{text}")
        lead = ""
