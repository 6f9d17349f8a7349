"""Live parallelism of one episode: agents record when they run, a `Trace` measures them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar, Token
from dataclasses import replace
from types import TracebackType
from typing import Any

from rlviz.parallelism.forest import AgentSpan, Forest, check_useful
from rlviz.parallelism.intervals import Concurrency, concurrency
from rlviz.parallelism.spans.lineage import lineages
from rlviz.parallelism.spans.sources import records
from rlviz.parallelism.sub_agents import sub_agent_sums
from rlviz.parallelism.sums import Parallelism, ParallelismSums

# One variable for all traces, as contextvars ask for; an agent knows which trace it belongs to.
_running: ContextVar[Agent | None] = ContextVar("rlviz_running_agent", default=None)


class Agent:
    """A running agent: `Trace.agent` makes it, `with` or `async with` enters it once.

    Whether a sub-agent was useful no trace can tell: set its `useful` to True or False, at any time
    before the episode is recorded, where you know whether what it brought was used.
    """

    __slots__ = ("_outer", "_token", "_trace", "_useful", "end", "error", "name", "parent", "start")

    def __init__(self, trace: Trace, name: str, parent: Agent | None) -> None:
        self._trace = trace
        self.name = name
        self.parent = parent
        self.start: float | None = None
        self.end: float | None = None
        self.error: str | None = None
        self._useful: bool | None = None

    @property
    def useful(self) -> bool | None:
        """Whether what it brought was used; None while nobody has said it."""
        return self._useful

    @useful.setter
    def useful(self, said: bool | None) -> None:
        self._useful = check_useful(said)

    def __enter__(self) -> Agent:
        # The hot path: no lock. A list's append is atomic, and only this agent writes its fields.
        if self.start is not None:
            raise RuntimeError(
                f"agent {self.name!r} was already entered. Call trace.agent(...) for each run."
            )
        trace = self._trace
        outer = _running.get()
        self._outer = outer
        if self.parent is None:
            while outer is not None and outer._trace is not trace:
                outer = outer._outer
            self.parent = outer
        self._token: Token[Agent | None] = _running.set(self)
        self.start = trace._clock()
        trace._agents.append(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end = self._trace._clock()
        if kind is not None:
            self.error = kind.__name__
        # Another context may leave it than entered it (a task that closes another's async
        # generator): there it is not the running agent, and nothing needs to be put back.
        with suppress(ValueError):
            _running.reset(self._token)

    async def __aenter__(self) -> Agent:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)


class Trace:
    """Records one episode's agents live, and measures how much of their work ran side by side.

    An agent's parent is the agent that was running where it was entered, following contextvars:
    nested `with` blocks, asyncio tasks, `asyncio.to_thread`. A thread starts with an empty context,
    so name the parent there: `trace.agent("searcher", parent=main)`.

    `parallelism()` and `concurrency()` go by *self time* and the *fork-join order*, which `Forest`
    defines: an agent that waits for its children is not working, and agents that overlap are
    independent. Always `busy <= work / span`, and `wall <= busy`. Slots, queues and rate limits
    show in both: two agents that ran one after the other in one slot look like a chain, so the
    average is at most that of the program's own graph, and equal to it where the children of each
    group all overlap.

    An agent without an end (never left, or still running) is clipped to the latest time in the
    trace and counted in `unfinished`; one that crashed or was cancelled ended when it did. A Trace
    pickles; the copy is a finished record, for its clock means nothing in another process.

    Recording takes no lock and may happen from any number of threads and tasks.

    Args:
        clock: monotonic seconds, one clock for the whole episode.

    Example:
        >>> ticks = iter([0.0, 1.0, 4.0, 5.0])
        >>> trace = Trace(clock=lambda: next(ticks))
        >>> with trace.agent("main"):
        ...     with trace.agent("searcher"):
        ...         pass
        >>> trace.parallelism()  # main worked in [0, 1) and [4, 5), searcher in [1, 4)
        Parallelism(work=5.0, span=5.0)
    """

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._agents: list[Agent] = []
        self._record: tuple[AgentSpan, ...] | None = None

    def agent(self, name: str, *, parent: Agent | None = None) -> Agent:
        """A context manager around one agent's run, for `with` and `async with`.

        Args:
            name: for messages and figures; need not be unique.
            parent: the agent that started this one, where contextvars cannot tell (threads).

        Raises:
            RuntimeError: this trace is a finished record, unpickled or from OpenTelemetry.
            ValueError: `parent` belongs to another trace, or was not entered.

        Example:
            >>> trace = Trace()
            >>> with trace.agent("main") as main:  # pass `main` on to a thread
            ...     with trace.agent("searcher", parent=main):
            ...         pass
            >>> [(span.name, span.parent) for span in trace.spans()]
            [('main', None), ('searcher', 0)]
        """
        if self._record is not None:
            raise RuntimeError(
                "this Trace is a finished record (unpickled, or made from OpenTelemetry spans): "
                "its clock means nothing here. Make a new Trace() for a new episode."
            )
        if parent is not None and (parent._trace is not self or parent.start is None):
            raise ValueError(
                f"parent {parent.name!r} belongs to another Trace or was not entered. One episode "
                "has one Trace; write `with trace.agent(...) as main:` and pass on `main`."
            )
        return Agent(self, name, parent)

    @classmethod
    def from_opentelemetry(cls, spans: Iterable[Any]) -> Trace:
        """The same record from finished OpenTelemetry spans of one episode.

        Give all its spans: those of agents, of their model and tool calls, of steps between, each
        being a child that its parent waits for. HTTP and database calls are left out. For many
        episodes, their tokens and other sources there is `read_spans`, which this goes by.

        Args:
            spans: `opentelemetry.sdk.trace.ReadableSpan` or anything with its `name`,
                `start_time` and `end_time` (integer nanoseconds), `context.span_id` and `parent`.

        Raises:
            ValueError: a span id appears twice, a span ends before it starts or has no start,
                spans are each other's parents, or they are of several episodes.

        Example:
            >>> from types import SimpleNamespace as Span  # stands for the SDK's ReadableSpan
            >>> main = Span(name="main", start_time=0, end_time=10**9, parent=None,
            ...             context=Span(span_id=1))
            >>> tool = Span(name="tool", start_time=0, end_time=5 * 10**8, parent=main.context,
            ...             context=Span(span_id=2))
            >>> Trace.from_opentelemetry([tool, main]).parallelism()
            Parallelism(work=1.0, span=1.0)
        """
        found = lineages(records(spans))
        if len(found) > 1:
            raise ValueError(
                f"these spans are of {len(found)} episodes (traces or sessions), and a Trace is "
                "one. rlviz.parallelism.read_spans(spans) gives one entry for each."
            )
        return cls._of(found[0].agent_spans() if found else ())

    @classmethod
    def _of(cls, spans: tuple[AgentSpan, ...]) -> Trace:
        """A finished record.

        Raises:
            ValueError: a span ends before it starts, or spans are each other's parents.
        """
        Forest(spans)  # checks the times and the parents here, where the spans come in
        trace = cls()
        trace._record = spans
        return trace

    def spans(self) -> tuple[AgentSpan, ...]:
        """Everything recorded so far, in the order of entering."""
        if self._record is not None:
            return self._record
        agents = list(self._agents)  # other threads may append meanwhile
        index: dict[Agent | None, int] = {agent: k for k, agent in enumerate(agents)}
        return tuple(
            AgentSpan(
                agent.name,
                agent.start,
                agent.end,
                index.get(agent.parent),
                agent.error,
                useful=agent.useful,
            )
            for agent in agents
            if agent.start is not None  # always true here; entering sets it before it appends
        )

    @property
    def unfinished(self) -> int:
        """How many agents have not ended (yet)."""
        return sum(span.end is None for span in self.spans())

    def parallelism(self) -> Parallelism:
        """Work and span by self time on the fork-join order, in seconds; see the class."""
        forest = Forest(self.spans())
        return Parallelism(forest.work, forest.span, unit="seconds")

    def concurrency(self) -> Concurrency:
        """Interval form of the stretches of self time, in seconds: `peak`, `busy`, `wall`."""
        spans = self.spans()
        forest = Forest(spans)
        result = concurrency(
            (("self", start, end) for start, end in forest.stretches), episode_end=forest.latest
        )
        return replace(result, unfinished=sum(span.end is None for span in spans))

    def sums(self) -> ParallelismSums:
        """The episode as sums that merge with those of others, for `Callback.record`: with its
        sub-agents, of which those side by side are a group."""
        achieved = self.concurrency()
        return replace(
            self.parallelism().sums(),
            peak=achieved.peak,
            unfinished=achieved.unfinished,
            **sub_agent_sums(self.spans()),
        )

    def __reduce__(self) -> tuple[Callable[[tuple[AgentSpan, ...]], Trace], tuple[Any, ...]]:
        return _from_record, (self.spans(),)


def _from_record(spans: tuple[AgentSpan, ...]) -> Trace:
    trace = Trace()
    if spans:  # an empty one was sent to a worker before the episode, which records in it
        trace._record = spans
    return trace
