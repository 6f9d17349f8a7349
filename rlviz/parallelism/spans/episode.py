"""Episodes read from spans that others recorded: parallelism, tokens and the FLOPs of these."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rlviz.flops.language_model import LanguageModel
from rlviz.parallelism.intervals import Concurrency
from rlviz.parallelism.spans.lineage import Lineage, lineages
from rlviz.parallelism.spans.record import SpanRecord
from rlviz.parallelism.spans.sources import records
from rlviz.parallelism.sums import Parallelism, ParallelismSums
from rlviz.parallelism.trace import Trace

SubAgents: TypeAlias = Mapping[str, LanguageModel]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What one call of a model read and wrote, or all calls of an agent that has spans for none.

    Args:
        model: the name under which it was called; None if none is said.
        prompt_tokens: what it was given, cached tokens included; None if unknown.
        cached_tokens: those of them that came from a cache.
        completion_tokens: what it sampled; None if unknown.
        summed: whether this is an agent's sum over calls that are not known one by one.
    """

    model: str | None
    prompt_tokens: int | None
    cached_tokens: int
    completion_tokens: int | None
    summed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEpisode:
    """One episode as its spans tell it; `Callback.record(parallelism=…)` takes it.

    Args:
        id: its session or trace id, as the source writes it.
        trace: who ran when; times count from the episode's first start.
        calls: its model calls of which tokens are known, be it the prompt's or the completion's.
        calls_without_tokens: model calls of which no tokens are known, so that no sum has them.
        missing_parents: spans whose parent was not given.
    """

    id: str
    trace: Trace
    calls: tuple[ModelCall, ...]
    calls_without_tokens: int
    missing_parents: int

    @property
    def prompt_tokens(self) -> int:
        """Tokens that all calls were given, as far as known, cached ones included."""
        return sum(call.prompt_tokens or 0 for call in self.calls)

    @property
    def cached_tokens(self) -> int:
        """Those of the prompts' tokens that came from a cache."""
        return sum(call.cached_tokens for call in self.calls)

    @property
    def completion_tokens(self) -> int:
        """Tokens that all calls sampled, as far as known."""
        return sum(call.completion_tokens or 0 for call in self.calls)

    def parallelism(self) -> Parallelism:
        """Work and span in seconds, as of `Trace`."""
        return self.trace.parallelism()

    def concurrency(self) -> Concurrency:
        """`peak`, `busy` and `wall`, as of `Trace`."""
        return self.trace.concurrency()

    def sums(self) -> ParallelismSums:
        """The episode as sums that merge with those of others."""
        return self.trace.sums()

    def flops(self, model: LanguageModel, *, subagents: SubAgents | None = None) -> dict[str, int]:
        """FLOPs of its calls by phase: each prompt's tokens that no cache held pass once, then all
        sampled tokens but the last.

        Args:
            model: what was called, of `rlviz.flops.from_config` or a `Transformer`.
            subagents: by the name under which they are called, models that are not trained, such
                as frozen sub-agents. Their calls are the phase `rollout_subagents`, all others
                `rollout`.

        Raises:
            ValueError: the episode has calls whose prompt or completion has no known tokens, so
                that a count would be too small, or agents of whose calls only sums are known, so
                that it would be too large.

        Example:
            >>> from rlviz.flops import Transformer
            >>> tiny = Transformer(hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
            ...                    intermediate_size=8, vocab_size=10)
            >>> [episode] = read_spans([
            ...     SpanRecord(id=1, start=0, end=2, kind="model", prompt_tokens=5,
            ...                completion_tokens=3),
            ... ])
            >>> episode.flops(tiny) == {"rollout": tiny.generation([5], [3])}
            True
        """
        halves = sum(not _is_known(call) for call in self.calls)
        if unknown := self.calls_without_tokens + halves:
            raise ValueError(
                f"{unknown} model calls of episode {self.id!r} say nothing of their tokens, or of "
                f"one of prompt and completion; {len(self.calls) - halves} say both. Switch on "
                "what records usage (with streamed answers often an option of the client, "
                "include_usage), or count FLOPs yourself."
            )
        if summed := sum(call.summed for call in self.calls):
            raise ValueError(
                f"of {summed} agents in episode {self.id!r} only the sum over their calls is "
                "known, and what attention costs depends on each. Switch on what records model "
                "calls."
            )
        named = subagents or {}
        others = {name: [c for c in self.calls if c.model == name] for name in named}
        mine = [call for call in self.calls if call.model not in named]
        phases = {"rollout": _generation(model, mine)}
        if subagents is not None:
            phases["rollout_subagents"] = sum(
                _generation(named[name], calls) for name, calls in others.items()
            )
        return phases


def read_spans(spans: Iterable[Any]) -> list[RecordedEpisode]:
    """Episodes from spans that a tracer, a gateway or a trainer recorded.

    An episode is a session where spans name one (`session.id`, `gen_ai.conversation.id`, a
    rollout), else a trace. All its spans count by self time (see `Trace`) but those of HTTP and
    databases, which are how calls travel; parents are found through what is left out. Give all
    spans: where only those of agents are left, each whose parent is missing is taken to be a child
    of the episode's root if it runs within that, and counts in `missing_parents`.

    Tokens are taken from the innermost spans that have them, for agents, steps and runs sum up what
    is inside.

    Args:
        spans: of any of these sources, also mixed: `ReadableSpan` of OpenTelemetry with the
            attributes of its GenAI conventions, OpenInference (LangGraph, smolagents,
            openai-agents), Logfire, OpenLLMetry, AgentOps or MLflow, or such spans exported as JSON
            (OTLP, or the SDK's `to_json`); spans of openai-agents or their `export()`; MLflow's
            spans and traces; calls of Weave; events and spans of agent-lightning; rLLM's
            `TraceRecord`; slime's samples or the `trace` of one; NeMo-Gym's results, trajectories
            or observations; and `SpanRecord` for all else.

    Returns:
        One entry an episode, in the order of their first spans; those without any span that counts
        are left out.

    Raises:
        TypeError: something is no span of a known source.
        ValueError: a span id appears twice in a trace, a span ends before it starts or has no
            start, or spans are each other's parents.

    Example:
        >>> [episode] = read_spans([
        ...     SpanRecord(id="main", start=0, end=10, kind="agent"),
        ...     SpanRecord(id="a", parent="main", start=1, end=5, kind="agent"),
        ...     SpanRecord(id="b", parent="main", start=1, end=3, kind="agent"),
        ... ])  # main worked in [0, 1) and [5, 10), a 4, b 2
        >>> episode.parallelism()
        Parallelism(work=12.0, span=10.0)
    """
    found = episodes(spans)
    torn = [episode for episode in found if episode.missing_parents > 1]
    if torn:  # one is the rule where a trace began in a process whose spans are elsewhere
        warnings.warn(
            f"{torn[0].missing_parents} spans of episode {torn[0].id!r} name parents that were not "
            f"given ({len(torn)} of {len(found)} episodes have such spans), so who waited for whom "
            "is not known and the parallelism may be too high. Give all spans of an episode: "
            "read_spans itself leaves out what does not count.",
            stacklevel=2,
        )
    return found


def episodes(spans: Iterable[Any]) -> list[RecordedEpisode]:
    """`read_spans` without its warning, for spans of which others are elsewhere."""
    return [_read(lineage) for lineage in lineages(records(spans)) if lineage.records]


def _read(lineage: Lineage) -> RecordedEpisode:
    repeated = lineage.tokens_repeated()
    known = [
        record
        for index, record in enumerate(lineage.records)
        if record.has_tokens and index not in repeated
    ]
    told = {
        above
        for index, record in enumerate(lineage.records)
        if record.has_tokens
        for above in (index, *lineage.above(index))
    }
    return RecordedEpisode(
        id=_shown(lineage.key),
        trace=Trace._of(lineage.agent_spans()),
        calls=tuple(map(_call, known)),
        calls_without_tokens=sum(
            record.kind == "model"
            and index not in told
            and not any(lineage.records[above].kind == "model" for above in lineage.above(index))
            for index, record in enumerate(lineage.records)
        ),
        missing_parents=lineage.missing,
    )


def _call(record: SpanRecord) -> ModelCall:
    return ModelCall(
        record.model,
        record.prompt_tokens,
        record.cached_tokens,
        record.completion_tokens,
        summed=record.kind == "agent",
    )


def _shown(key: object) -> str:
    return f"{key:032x}" if isinstance(key, int) else str(key)  # as OpenTelemetry writes trace ids


def _is_known(call: ModelCall) -> bool:
    """Whether its FLOPs can be counted; sums are refused apart. Nothing is sampled from a prompt
    of 0 tokens: who writes that does not know it."""
    return call.summed or (bool(call.prompt_tokens) and call.completion_tokens is not None)


def _generation(model: LanguageModel, calls: Sequence[ModelCall]) -> int:
    """A cached part costs nothing. A server feeds at least the last token of a prompt again."""
    whole: list[tuple[int, int]] = []
    parts: list[tuple[int, int, int]] = []
    for call in calls:
        prompt, sampled = call.prompt_tokens, call.completion_tokens
        assert prompt is not None  # flops() has refused what is unknown
        assert sampled is not None
        if cached := min(call.cached_tokens, prompt - 1):
            parts.append((cached, prompt - cached, sampled))
        else:
            whole.append((prompt, sampled))
    flops = model.generation([prompt for prompt, _ in whole], [sampled for _, sampled in whole])
    both = model.turns([[(cached, 0), (fed, sampled)] for cached, fed, sampled in parts])
    return flops + both - model.generation([cached for cached, *_ in parts], [0] * len(parts))
