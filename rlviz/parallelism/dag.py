"""DAG form of the parallelism: work and span of tasks with happens-before edges."""

from __future__ import annotations

import math
import numbers
from collections import deque
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from rlviz.parallelism.sums import Parallelism
from rlviz.schema import WorkUnit

Node = TypeVar("Node", bound=Hashable)


def work_span(
    weights: Mapping[Node, float],
    edges: Iterable[tuple[Node, Node]],
    *,
    unit: WorkUnit | None = None,
) -> Parallelism:
    """Average parallelism of a directed acyclic graph of tasks.

    `finish(v) = w(v) + max(finish(predecessors), default 0)`, `span = max finish`, `work = Σ w`.
    Levels are not synchronized: the stage form does that, and overstates the span where branches go
    on independently. Takes time linear in nodes and edges.

    Args:
        weights: `{node: cost}`, costs finite and >= 0, in one unit (steps, tokens or seconds).
        edges: `(before, after)` pairs of nodes; repeated edges do not matter.
        unit: which of these; None if it is not known.

    Raises:
        ValueError: an edge names an unknown node, the edges close a cycle, or a cost is negative or
            not finite.

    Example:
        >>> result = work_span({"plan": 1, "a": 4, "b": 2}, [("plan", "a"), ("plan", "b")])
        >>> result.work, result.span
        (7, 5)
    """
    after: dict[Node, list[Node]] = {node: [] for node in weights}
    waiting = dict.fromkeys(weights, 0)
    for node, cost in weights.items():
        _check_cost(node, cost)
    for before, behind in edges:
        for node in (before, behind):
            if node not in after:
                raise ValueError(
                    f"edge ({before!r}, {behind!r}) names the unknown node {node!r}. "
                    "Give every node a cost in `weights`, 0 if it costs nothing."
                )
        after[before].append(behind)
        waiting[behind] += 1
    ready: dict[Node, float] = dict.fromkeys(weights, 0)  # when all predecessors are done
    queue = deque(node for node, count in waiting.items() if count == 0)
    span: float = 0
    while queue:
        node = queue.popleft()
        finish = ready[node] + weights[node]
        span = max(span, finish)
        for behind in after[node]:
            ready[behind] = max(ready[behind], finish)
            waiting[behind] -= 1
            if waiting[behind] == 0:
                queue.append(behind)
    if any(waiting.values()):
        raise ValueError(
            f"the edges close a cycle: {_cycle(after, waiting)}. An edge (before, after) says that "
            "`before` had finished when `after` started; give an agent that ran twice two nodes."
        )
    return Parallelism(sum(weights.values()), span, unit=unit)


def _check_cost(node: Hashable, cost: float) -> None:
    if not isinstance(cost, numbers.Real):
        raise TypeError(f"the cost of node {node!r} must be a number >= 0, got {cost!r}.")
    if not 0 <= cost < math.inf:
        raise ValueError(
            f"the cost of node {node!r} must be finite and >= 0, got {cost!r}. "
            "Give costs in one unit: steps, tokens or seconds."
        )


def _cycle(after: Mapping[Node, list[Node]], waiting: Mapping[Node, int]) -> str:
    # Nodes behind the cycle wait too. But each waiting node has a waiting predecessor, so walking
    # backwards must come round.
    before = {behind: node for node in after if waiting[node] for behind in after[node]}
    node = next(node for node, count in waiting.items() if count)
    path: list[Node] = []
    while node not in path:
        path.append(node)
        node = before[node]
    cycle = [node, *reversed(path[path.index(node) :])]
    return " -> ".join(repr(node) for node in cycle)
