"""The one shape that spans of every source take: `SpanRecord`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

from rlviz.parallelism.forest import check_useful

Kind: TypeAlias = Literal["agent", "model", "tool", "transport"]
Seconds: TypeAlias = float | Fraction
"""A fraction where a source has whole nanoseconds, since epochs in float round to 256 ns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span: who ran when, inside what, and how many tokens a model read and wrote in it.

    Args:
        id: unique in its episode.
        start: in seconds, on the episode's clock.
        end: on the same clock; None when it never ended.
        parent: id of the span that started it; None for a root.
        episode: which episode it belongs to: a trace id, a rollout id.
        session: a name that episodes share which are one, such as the turns of a conversation.
            Spans inside it have it too.
        name: for messages.
        kind: `"agent"`, `"model"` (a call of one), `"tool"`, or `"transport"` (HTTP, a database),
            which is left out; None for any other work.
        model: the name of the model that was called.
        prompt_tokens: tokens that the call was given, cached ones included; None if unknown.
        cached_tokens: those of them that came from a cache.
        completion_tokens: tokens that it sampled, reasoning included; None if unknown.
        useful: of a sub-agent, whether it brought something that was used; None if nobody said it.

    Raises:
        ValueError: kind is none of these, or a number of tokens is negative.
        TypeError: a number of tokens is no whole number, or `useful` is neither True nor False.

    Example:
        >>> SpanRecord(id=1, start=0.0, end=2.0, kind="model", prompt_tokens=10).cached_tokens
        0
    """

    id: Hashable
    start: Seconds
    end: Seconds | None = None
    parent: Hashable | None = None
    episode: Hashable = ""
    session: Hashable | None = None
    name: str = ""
    kind: Kind | None = None
    model: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int = 0
    completion_tokens: int | None = None
    useful: bool | None = None

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in get_args(Kind):
            raise ValueError(
                f"kind must be one of {', '.join(map(repr, get_args(Kind)))} or None for any other "
                f"work, got {self.kind!r}."
            )
        object.__setattr__(self, "useful", check_useful(self.useful))
        for field in ("prompt_tokens", "cached_tokens", "completion_tokens"):
            tokens = getattr(self, field)
            if tokens is None and field != "cached_tokens":
                continue
            if isinstance(tokens, bool) or not isinstance(tokens, int):
                raise TypeError(
                    f"{field} of span {self.name or self.id!r} must be a whole number >= 0, got "
                    f"{tokens!r:.80}."
                )
            if tokens < 0:
                raise ValueError(
                    f"{field} of span {self.name or self.id!r} must be >= 0, got {tokens}."
                )

    @property
    def has_tokens(self) -> bool:
        """Whether it says how many tokens a model read or wrote."""
        return bool(self.prompt_tokens or self.completion_tokens)
