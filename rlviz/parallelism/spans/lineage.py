"""Which spans are one episode, what is left out of it, and who started whom."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from rlviz.parallelism.forest import AgentSpan
from rlviz.parallelism.spans.record import SpanRecord

Id: TypeAlias = tuple[Hashable, Hashable]
"""Trace and span: span ids are unique in a trace alone."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """The spans of one episode that count, each with its parent.

    Attributes:
        key: the session, or the trace id.
        records: in the order in which they were given.
        parents: for each, the index of its parent, found through spans that are left out; None for
            a root.
        missing: how many name a parent that was not given.
    """

    key: Hashable
    records: Sequence[SpanRecord]
    parents: Sequence[int | None]
    missing: int

    def agent_spans(self) -> tuple[AgentSpan, ...]:
        """As `Forest` takes them, in seconds since the episode's first start.

        Raises:
            ValueError: a time is not finite, or a span ends before it starts.
        """
        for record in self.records:
            if record.end is not None and record.end < record.start:
                raise ValueError(
                    f"span {record.name or record.id!r} must start before it ends, got "
                    f"start={float(record.start)!r} and end={float(record.end)!r}. Take both from "
                    "one clock."
                )
        # Exact where times are fractions; floats of epoch nanoseconds would round to 256 ns.
        origin = min((record.start for record in self.records), default=0)
        workflows = self._workflows()
        return tuple(
            AgentSpan(
                name=record.name or str(record.id),
                start=float(record.start - origin),
                end=None if record.end is None else float(record.end - origin),
                parent=parent,
                is_agent=record.kind == "agent" and index not in workflows,
                useful=record.useful,
            )
            for index, (record, parent) in enumerate(zip(self.records, self.parents, strict=True))
        )

    def _workflows(self) -> frozenset[int]:
        """Indexes of roots that call themselves agents and hold nothing but agents, one after the
        other: the run around an agent and those that it hands over to, as openai-agents traces it.

        An agent has calls of its own. Where no call is recorded at all, nothing tells one from the
        other, and a root is what it says it is.
        """
        if all(record.kind == "agent" for record in self.records):
            return frozenset()
        inside: dict[int, list[SpanRecord]] = {}
        for record, parent in zip(self.records, self.parents, strict=True):
            if parent is not None and self.parents[parent] is None:
                inside.setdefault(parent, []).append(record)
        return frozenset(
            root
            for root, held in inside.items()
            if all(each.kind == "agent" and each.useful is None for each in held)
            and _one_by_one(held)
        )

    def tokens_repeated(self) -> frozenset[int]:
        """Indexes of spans whose tokens stand in spans inside them too.

        Steps and whole runs sum up their calls, and a call that two instrumentations saw is a span
        in a span. A model call inside a tool or an agent that a model call has started is another
        call. An agent sums up its own calls, or its sub-agents' too: where none of its own has a
        span, its sum is theirs alone only if it is equal.
        """
        repeated: set[int] = set()
        of_others: dict[int, list[int]] = {}
        for index, record in enumerate(self.records):
            if not record.has_tokens:
                continue
            tool, agent = False, record.kind == "agent"  # whether one is in between
            for above in self.above(index):
                outer = self.records[above]
                if outer.has_tokens:
                    if outer.kind == "agent" and agent:
                        of_others.setdefault(above, []).append(index)
                    elif outer.kind != "model" or not (tool or agent):
                        repeated.add(above)
                tool, agent = tool or outer.kind == "tool", agent or outer.kind == "agent"
        for above, inside in of_others.items():
            own = self.records[above]
            others = [self.records[index] for index in inside if index not in repeated]
            if (own.prompt_tokens, own.completion_tokens) == (
                sum(each.prompt_tokens or 0 for each in others),
                sum(each.completion_tokens or 0 for each in others),
            ):
                repeated.add(above)
        return frozenset(repeated)

    def above(self, index: int) -> Iterator[int]:
        """The indexes of a span's ancestors, its parent first."""
        seen: set[int] = set()
        parent = self.parents[index]
        while parent is not None and parent not in seen:
            seen.add(parent)
            yield parent
            parent = self.parents[parent]


def lineages(records: Iterable[SpanRecord]) -> list[Lineage]:
    """Sort spans into episodes, which come in the order of their first spans.

    A span belongs to its session, else to that of the closest span around it, else to the only
    session in its trace; where none is said, the trace is the episode.

    A span whose parent was not given, and that runs within the only root of its trace, is a child
    of that: whoever filtered the spans before left out what was between.

    Raises:
        ValueError: an id appears twice in a trace.
    """
    given: dict[Id, SpanRecord] = {}
    for record in records:
        if (key := (record.episode, record.id)) in given:
            raise _twice(record)
        given[key] = record
    found: dict[tuple[str, Hashable], list[Id]] = {}
    said = _sessions(given)
    for key, record in given.items():  # a session may be called as a trace of others is
        which = ("session", said[key]) if key in said else ("trace", record.episode)
        found.setdefault(which, []).append(key)
    roots = _roots(given)
    return [_lineage(key, ids, given, roots) for (_, key), ids in found.items()]


def _sessions(given: dict[Id, SpanRecord]) -> dict[Id, Hashable]:
    """The session of each span that has one by itself, by a span around it, or by its trace."""
    in_trace: dict[Hashable, set[Hashable]] = {}
    for record in given.values():
        if record.session is not None:
            in_trace.setdefault(record.episode, set()).add(record.session)
    said: dict[Id, Hashable] = {}
    for key, record in given.items():
        if (sessions := in_trace.get(record.episode)) is None:
            continue
        around = (each.session for each in _up(record, given) if each.session is not None)
        session = next(around, next(iter(sessions)) if len(sessions) == 1 else None)
        if session is not None:
            said[key] = session
    return said


def _up(record: SpanRecord, given: dict[Id, SpanRecord]) -> Iterator[SpanRecord]:
    """A span and those around it, outwards."""
    seen: set[Hashable] = set()
    around: SpanRecord | None = record
    while around is not None and around.id not in seen:
        yield around
        seen.add(around.id)
        around = given.get((around.episode, around.parent))


def _roots(given: dict[Id, SpanRecord]) -> dict[Hashable, Id | None]:
    """The only root of each trace; None for a trace that has several."""
    roots: dict[Hashable, Id | None] = {}
    for key, record in given.items():
        if record.parent is None:
            roots[record.episode] = None if record.episode in roots else key
    return roots


def _lineage(
    key: Hashable,
    ids: list[Id],
    given: dict[Id, SpanRecord],
    roots: dict[Hashable, Id | None],
) -> Lineage:
    kept = [each for each in ids if given[each].kind != "transport"]
    index = {each: k for k, each in enumerate(kept)}
    parents: list[int | None] = []
    missing = 0
    for each in kept:
        *_, top = path = list(_up(given[each], given))
        parent = next((index[p] for r in path[1:] if (p := (r.episode, r.id)) in index), None)
        if parent is None and top.parent is not None and (top.episode, top.parent) not in given:
            missing += 1
            parent = _around(given[each], roots.get(top.episode), given, index)
        parents.append(parent)
    return Lineage(key, [given[each] for each in kept], parents, missing)


def _around(
    record: SpanRecord, root: Id | None, given: dict[Id, SpanRecord], index: dict[Id, int]
) -> int | None:
    if root is None or root not in index:
        return None
    outer = given[root]
    within = outer.start <= record.start and (
        outer.end is None or (record.end is not None and record.end <= outer.end)
    )
    return index[root] if within else None


def _one_by_one(records: Iterable[SpanRecord]) -> bool:
    """Whether each has ended by the time the next one starts."""
    ordered = sorted(records, key=lambda record: record.start)
    return all(
        before.end is not None and before.end <= after.start for before, after in pairwise(ordered)
    )


def _twice(record: SpanRecord) -> ValueError:
    shown = f"{record.id:#x}" if isinstance(record.id, int) else repr(record.id)
    return ValueError(
        f"span id {shown} ({record.name!r}) appears twice. Give each finished span once."
    )
