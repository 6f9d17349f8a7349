"""Turns of tool loops and rounds of speculative decoding, as what passes feed after a cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rlviz.flops.lengths import Lengths, read_lengths, total

Pairs: TypeAlias = Iterable[Iterable[Sequence[int]]]
"""For each episode or response, its turns or rounds: two whole numbers each."""
_MOST = 2**53
"""Tokens in all, so that sums of lengths stay whole in int64."""


@dataclass(frozen=True, slots=True)
class Passes:
    """What is fed in one pass each, and sampled after it; all (n,) tokens.

    Attributes:
        cached: before the pass.
        fed: in the pass, >= 1.
        sampled: after it, one by one.
        first: whether it is the first pass of its episode, (n,) bool.
    """

    cached: Lengths
    fed: Lengths
    sampled: Lengths
    first: NDArray[np.bool_]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Passes:
        return Passes(
            self.cached[chosen], self.fed[chosen], self.sampled[chosen], self.first[chosen]
        )


def read_turns(episodes: Pairs) -> Passes:
    """The passes of episodes whose cache is kept from turn to turn.

    The last token that a turn samples is not fed until the next one, which feeds it before what it
    observes.

    Args:
        episodes: for each, `(observed, sampled)` tokens of its turns.

    Raises:
        TypeError, ValueError: they are no pairs of whole numbers >= 0, or a turn feeds nothing.

    Example:
        >>> passes = read_turns([[(5, 3), (4, 2)]])
        >>> passes.cached, passes.fed  # 5 + 2 of the 3 sampled ones; the third, and 4
        (array([0, 7]), array([5, 5]))
    """
    observed, sampled, first, _ = _read(
        "episodes", "(observed, sampled) tokens of a turn", episodes
    )
    waiting = (_before(sampled) > 0) & ~first
    cached = _sums_before(observed + sampled, first) - waiting
    fed = observed + waiting
    if not fed.all():
        raise ValueError(
            "a turn must feed at least one token, got one that observes 0 tokens where none waits "
            "to be fed: the first turn observes the prompt, and a turn after one that sampled "
            "nothing observes something. Leave empty turns out."
        )
    return Passes(cached, fed, sampled, first)


@dataclass(frozen=True, slots=True)
class Rounds:
    """Rounds of speculative decoding; all (rounds,).

    Attributes:
        known: tokens of the sequence before the round, the last of which the target was not fed.
        drafted: tokens that the draft model proposes.
        accepted: how many of them stay; the target adds one of its own.
        first: whether it is the first round of its response.
    """

    known: Lengths
    drafted: Lengths
    accepted: Lengths
    first: NDArray[np.bool_]

    def by_draft(self) -> Passes:
        """What the draft model is fed: what it has not seen yet, then all but the last that it
        drafts. Of these the rejected ones leave its cache."""
        works = self.drafted > 0
        known, drafted, accepted = self.known[works], self.drafted[works], self.accepted[works]
        first = np.diff(np.cumsum(self.first)[works], prepend=0) > 0
        cached = np.where(first, 0, _before(known + np.minimum(accepted, drafted - 1)))
        return Passes(cached, known - cached, drafted, first)


def read_rounds(prompts: Lengths, rounds: Pairs) -> Rounds:
    """Read the rounds of responses to prompts of these lengths, (n,).

    Raises:
        TypeError, ValueError: they are no pairs of whole numbers >= 0, more tokens are accepted
            than drafted, or there are not as many responses as prompts.
    """
    drafted, accepted, first, sizes = _read(
        "rounds", "(drafted, accepted) tokens of a round", rounds
    )
    if sizes.size != prompts.size:
        raise ValueError(
            "rounds must have one entry per prompt, the rounds of its response, got "
            f"{sizes.size} for {prompts.size} prompts. Repeat a prompt for each response."
        )
    if (accepted > drafted).any():
        odd = int(np.argmax(accepted > drafted))
        raise ValueError(
            f"a round can't accept more tokens than were drafted, got {accepted[odd]} of "
            f"{drafted[odd]}. Leave out the token that the target model itself adds."
        )
    known = np.repeat(prompts, sizes) + 1 + _sums_before(accepted + 1, first)
    return Rounds(known, drafted, accepted, first)


def _read(
    name: str, what: str, groups: Pairs
) -> tuple[Lengths, Lengths, NDArray[np.bool_], Lengths]:
    """Both numbers of all pairs, which of these are the first of their group, and the sizes of the
    groups."""
    try:
        lists = [[(one, other) for one, other in group] for group in groups]
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be a list with a list of pairs in each entry, {what}, got something else "
            f"({error}). For example [[(5, 3), (4, 2)]]."
        ) from None
    flat = read_lengths(
        f"{name}, {what},", [number for group in lists for pair in group for number in pair]
    )
    if total(flat) > _MOST:
        raise ValueError(f"{name} must have at most 2**53 tokens in all, got {total(flat)}.")
    sizes = np.array([len(group) for group in lists], np.int64)
    first = np.zeros(flat.size // 2, bool)
    first[(np.cumsum(sizes) - sizes)[sizes > 0]] = True
    return flat[0::2], flat[1::2], first, sizes


def _before(values: Lengths) -> Lengths:
    """The value before each; 0 before the first."""
    return np.concatenate((np.zeros(1, np.int64), values))[: values.size]


def _sums_before(values: Lengths, first: NDArray[np.bool_]) -> Lengths:
    """Sum of the values before each one, since the `first` one of its group."""
    before = np.cumsum(values) - values
    begins = np.maximum.accumulate(np.where(first, np.arange(values.size), 0))
    return np.asarray(before - before[begins])
