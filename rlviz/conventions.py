"""The conventions by which RL FLOPs are counted: their names, what each counts, what a run says.

A run's count is the sum over its phases; docs/definitions.md has the sources and worked numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rlviz import wording

ConventionName: TypeAlias = Literal["exact", "6N", "6N-tokens"]

EXACT, BY_WEIGHTS, BY_TOKENS = "exact", "6N", "6N-tokens"


@dataclass(frozen=True, slots=True)
class PerToken:
    """FLOPs of a token as multiples of N, the parameters that it is multiplied by."""

    forward: int
    """In a pass without gradients: a rollout, log-probabilities, rewards, values."""
    training: int
    """In an update, forward and backward."""


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to count.

    Example:
        >>> CONVENTIONS["6N"].per_token
        PerToken(forward=2, training=6)
    """

    name: str
    counts: str
    """What it counts, in words that follow a colon."""
    per_token: PerToken | None
    """None where the lengths and the shape of the model decide, not the tokens alone."""


CONVENTIONS: dict[str, Convention] = {
    known.name: known
    for known in (
        Convention(
            EXACT,
            "every matrix product of every pass, attention by the real lengths included",
            None,
        ),
        Convention(
            BY_WEIGHTS,
            "6·N a token that is trained on, 2·N a token of any other pass, N parameters; no "
            "attention",
            PerToken(2, 6),
        ),
        Convention(
            BY_TOKENS,
            "6·N a token that is trained on, N parameters; no rollouts, no attention",
            PerToken(0, 6),
        ),
    )
}
"""The conventions by name, the default first."""

NOT_SAID = "convention not said"


def check(name: object) -> str:
    """The name, if it is that of a convention.

    Raises:
        ValueError: it is not.
    """
    if isinstance(name, str) and name in CONVENTIONS:
        return name
    known = ", ".join(map(repr, CONVENTIONS))
    raise ValueError(
        f"convention must be one of {known}, got {name!r:.80}. What is an axis and no count of "
        "FLOPs, such as tokens, samples, seconds or GPU hours, is a metric."
    )


def called(names: Sequence[str]) -> str:
    """What a run says of its conventions, in short; "" is that of a part that says nothing.

    >>> called(["6N"]), called([""]), called([]), called(["exact", "6N"]), called(["6N", ""])
    ('6N', 'convention not said', '', 'exact and 6N', '6N and convention not said')
    """
    return wording.joined([name or NOT_SAID for name in names])


def explained(names: Sequence[str]) -> str:
    """What a run says of its conventions, each with what it counts.

    >>> explained(["6N-tokens"])
    'convention 6N-tokens (6·N a token that is trained on, N parameters; no rollouts, no attention)'
    >>> explained(["", "of a later rlviz"])
    'convention not said and convention of a later rlviz'
    """
    return wording.joined([_explained(name) for name in names])


def _explained(name: str) -> str:
    known = CONVENTIONS.get(name)
    counts = "" if known is None else f" ({known.counts})"
    return f"convention {name}{counts}" if name else NOT_SAID


def of_runs(said: Mapping[str, Sequence[str]]) -> str:
    """What runs say together, in short; where they differ, which of them say what.

    Args:
        said: name of a run -> its conventions; those of a run without FLOPs are empty.

    >>> of_runs({"a": ["6N"], "b": ["6N"]}), of_runs({"a": [""]}), of_runs({"a": []})
    ('convention 6N', 'convention not said', '')
    >>> of_runs({"a": ["6N"], "b": ["exact"], "c": ["6N"]})
    'different conventions, 6N (a and c) and exact (b)'
    >>> of_runs({"a": ["6N"], "b": [""]})
    'convention 6N (a) and not said (b)'
    """
    runs: dict[str, list[str]] = {}
    for name, names in said.items():
        if names:
            runs.setdefault(called(names), []).append(name)
    if not runs:
        return ""
    if len(runs) == 1:
        (all_say,) = runs
        several = "s" if any(len(names) > 1 for names in said.values()) else ""
        return all_say if all_say == NOT_SAID else f"convention{several} {all_say}"
    if sum(words != NOT_SAID for words in runs) == 1:
        parts = {w.removeprefix("convention "): which for w, which in runs.items()}
        head = "convention "
    else:
        parts, head = runs, "different conventions, "
    return head + wording.joined([f"{words} ({_listed(which)})" for words, which in parts.items()])


_NAMED = 3
"""Runs that are named where they differ."""


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return wording.joined(names)
    return f"{len(names)} runs, such as {names[0]}"
