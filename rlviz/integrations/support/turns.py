"""Turns of an episode, from the mask that says which of its tokens the model sampled."""

import itertools
from collections.abc import Iterable


def turns_of(mask: Iterable[object], observed: int = 0) -> list[tuple[int, int]]:
    """Tokens that came in and were then sampled, turn by turn, as `LanguageModel.turns` takes them.

    What came in after the last sampled token was never fed.

    Args:
        mask: for each token whether the model sampled it.
        observed: tokens of the prompt that stand before the mask.

    Example:
        >>> turns_of([1, 1, 1, 0, 0, 1, 0], observed=4)
        [(4, 3), (2, 1)]
    """
    turns = []
    for is_sampled, run in itertools.groupby(mask, bool):
        tokens = sum(1 for _ in run)
        if is_sampled:
            turns.append((observed, tokens))
        observed = 0 if is_sampled else observed + tokens
    return turns
