"""Self time and fork-join order: what the recorded runs of an episode's agents amount to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from rlviz.given import flag

TimeStretch: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class AgentSpan:
    """One agent's run, as recorded.

    Args:
        name: the agent's name; names may repeat.
        start: in seconds, on the episode's clock.
        end: on the same clock; None when it has not ended (yet).
        parent: index of the agent that started it, in `Trace.spans()`; None for a root.
        error: type name of the exception that ended it (`CancelledError` for a cancelled task);
            None when it ended by itself.
        is_agent: False for a span of something else, such as a tool.
        useful: whether a sub-agent brought something that was used; None if nobody said it.

    Raises:
        TypeError: `is_agent` or `useful` is neither True nor False.
    """

    name: str
    start: float
    end: float | None = None
    parent: int | None = None
    error: str | None = None
    is_agent: bool = True
    useful: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_agent", flag("is_agent", self.is_agent))
        object.__setattr__(self, "useful", check_useful(self.useful))


def check_useful(useful: Any) -> bool | None:
    """Whether a sub-agent was useful; None where nobody said it.

    Raises:
        TypeError: it is anything else, such as "no".
    """
    return None if useful is None else flag("useful", useful)


class Forest:
    """The agents of one episode as trees, their self time, and the order that their times imply.

    **Self time.** An agent that waits for its children is not working. Its self time is its
    interval [start, end) minus the time in which any of its descendants runs, so an agent counts
    as waiting while a child runs; one that goes on working beside its children enters an agent of
    its own for that. `work` is the sum of all self times.

    **Fork-join order.** An agent's pieces are its stretches of self time and its children, a child
    reaching from its start to the last end in its subtree. A piece comes before another if it ended
    by the time the other started; pieces that overlap are independent. An agent's span is the
    costliest chain of its pieces, where a stretch costs its length and a child its own span; `span`
    is the same over the roots. Pieces inside two children that overlap are never ordered with one
    another, whatever their times: the children do not wait for each other.

    A child that outlives its parent counts up to its own end. An agent that starts when its parent
    is over (fire and forget) is a child of the closest ancestor that still runs, or a root. An
    agent without an end is clipped to the latest time in the episode.

    Two things follow. The stretches of a chain never overlap, so `span <= union` of all self time
    and `work / span >= busy`. And whatever a piece waited for had ended before it, so the order has
    every dependency of a fork-join program, and perhaps more, such as between agents that shared a
    slot: `work / span` is at most the parallelism of the program's own graph. Both hold as long as
    a waiting agent has a child that runs; one whose children all queue outside their `with` blocks
    looks like one that works.

    Args:
        spans: the recorded runs; `parent` indexes into them.

    Raises:
        ValueError: a span ends before it starts, or spans are each other's parents.

    Example:
        >>> forest = Forest([
        ...     AgentSpan("main", 0, 10),          # self time [0, 1), [5, 10)
        ...     AgentSpan("left", 1, 5, parent=0),
        ...     AgentSpan("right", 1, 3, parent=0),
        ... ])
        >>> forest.work, forest.span
        (12, 10)
    """

    def __init__(self, spans: Sequence[AgentSpan]) -> None:
        for span in spans:
            _check_times(span)
        times = [time for span in spans for time in (span.start, span.end) if time is not None]
        self.latest = max(times, default=0.0)
        self._start = [span.start for span in spans]
        self._end = [self.latest if span.end is None else span.end for span in spans]
        order = _parents_first(spans)
        children: list[list[int]] = [[] for _ in spans]
        roots: list[int] = []
        for k in order:
            parent = self._running_ancestor(k, spans)
            (roots if parent is None else children[parent]).append(k)
        self._reach = list(self._end)  # the last end in the subtree
        self._span: list[float] = [0.0] * len(spans)
        self.stretches: list[TimeStretch] = []
        for k in reversed(order):
            self._close(k, children[k])
        self.span = _longest_chain(self._piece(k) for k in roots)

    @cached_property
    def work(self) -> float:
        """Sum of all self times."""
        return sum(end - start for start, end in self.stretches)

    def _running_ancestor(self, k: int, spans: Sequence[AgentSpan]) -> int | None:
        parent = spans[k].parent
        while parent is not None:
            if self._start[parent] <= self._start[k] < self._end[parent]:
                return parent
            parent = spans[parent].parent
        return None

    def _close(self, k: int, children: Sequence[int]) -> None:
        """Self time, reach and span of agent k, whose children are closed already."""
        own: list[TimeStretch] = []
        free_from = self._start[k]
        for child in sorted(children, key=self._start.__getitem__):
            if self._start[child] > free_from:
                own.append((free_from, self._start[child]))
            free_from = max(free_from, self._reach[child])
        if self._end[k] > free_from:
            own.append((free_from, self._end[k]))
        self.stretches += own
        self._reach[k] = max(self._end[k], free_from)
        pieces = [(start, end, end - start) for start, end in own]
        self._span[k] = _longest_chain([*pieces, *map(self._piece, children)])

    def _piece(self, k: int) -> tuple[float, float, float]:
        return self._start[k], self._reach[k], self._span[k]


def _longest_chain(pieces: Iterable[tuple[float, float, float]]) -> float:
    """Greatest total cost of `(start, end, cost)` pieces that follow one another without overlap.

    Example:
        >>> _longest_chain([(0, 2, 2), (1, 3, 2.5), (2, 4, 2)])
        4
    """
    by_end = sorted((end, start, cost) for start, end, cost in pieces if cost > 0)
    ends = [end for end, _, _ in by_end]
    best: list[float] = [0]  # best[n]: the greatest cost among the first n pieces
    for _, start, cost in by_end:
        best.append(max(best[-1], best[bisect_right(ends, start)] + cost))
    return best[-1]


def _parents_first(spans: Sequence[AgentSpan]) -> list[int]:
    below: list[list[int]] = [[] for _ in spans]
    order: list[int] = []
    for k, span in enumerate(spans):
        (order if span.parent is None else below[span.parent]).append(k)
    for k in order:  # grows while it is walked
        order += below[k]
    if len(order) < len(spans):
        lost = spans[next(iter(set(range(len(spans))) - set(order)))].name
        raise ValueError(
            f"span {lost!r} is among its own ancestors. A parent is the agent that started it."
        )
    return order


def _check_times(span: AgentSpan) -> None:
    if span.end is not None and not span.start <= span.end:
        raise ValueError(
            f"span {span.name!r} must start before it ends, got start={span.start!r} and "
            f"end={span.end!r}. Take both from one monotonic clock."
        )
