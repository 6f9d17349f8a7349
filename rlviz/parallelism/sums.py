"""Average parallelism as work over span: one episode's value, and the sums over episodes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from rlviz.parallelism.units import by_unit, check_unit
from rlviz.schema import WorkUnit

_ROUNDING = 1e-9
"""Self times are added up in different orders, so work may differ from its span by as much."""


def ratios(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quotients of two arrays of sums, NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # rows may hold anything
        return np.where(denominator > 0, numerator / denominator, np.nan)


@dataclass(frozen=True, slots=True)
class Parallelism:
    """One episode's work and span, in one unit (steps, tokens or seconds).

    Source: work/span is the average parallelism T1/T∞ of Brent (1974) and of Eager, Zahorjan and
    Lazowska (1989).

    Args:
        work: the cost of all nodes together, >= 0 and finite.
        span: the cost of the longest chain (critical steps), >= 0 and finite; 0 only without work.
        unit: what both count, "steps" (of agents), "tokens" or "seconds"; None if it is not said.

    Raises:
        ValueError: a value is negative or not finite, work has no span, or there is no such unit.

    Example:
        >>> Parallelism(work=12, span=4).average
        3.0
        >>> Parallelism(work=0, span=0).average  # nothing was done: undefined
        nan
    """

    work: float
    span: float
    unit: WorkUnit | None = field(default=None, kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_unit(self.unit)
        for name in ("work", "span"):
            value = getattr(self, name)
            if not isinstance(value, numbers.Real):
                raise TypeError(f"{name} must be a number >= 0, got {value!r:.80}.")
            if not 0 <= float(value) < math.inf:  # False for NaN too
                raise ValueError(
                    f"{name} must be finite and >= 0, got {value!r}. "
                    "Give costs in one unit: steps, tokens or seconds."
                )
        if self.span == 0 and self.work > 0:
            raise ValueError(
                f"span must be > 0 when there is work, got work={self.work!r} with span=0. "
                "The span is the cost of the longest chain, so it is at least that of any node."
            )

    @property
    def average(self) -> float:
        """work / span; NaN for 0/0."""
        return self.work / self.span if self.span else math.nan

    @property
    def latency_saved(self) -> float:
        """1 − span / work, in [0, 1): the part of all work that the longest chain did not wait for;
        NaN for 0/0."""
        return 1 - self.span / self.work if self.work else math.nan

    def sums(self) -> ParallelismSums:
        """The episode as sums that merge with those of others."""
        return ParallelismSums._from_parallelisms([self])


@dataclass(frozen=True, slots=True, eq=False)
class ParallelismBatch:
    """Work and span of many episodes: arrays with one entry per episode.

    Args:
        work: `(episodes,)`, each finite and >= 0.
        span: `(episodes,)`, in the same unit.
        unit: as of `Parallelism`.

    Example:
        >>> batch = ParallelismBatch(np.array([6.0, 0.0]), np.array([2.0, 0.0]))
        >>> batch.average.tolist(), batch.sums().undefined
        ([3.0, nan], 1)
    """

    work: NDArray[np.float64]
    span: NDArray[np.float64]
    unit: WorkUnit | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_unit(self.unit)

    @property
    def average(self) -> NDArray[np.float64]:
        """`(episodes,)` work / span; NaN for 0/0."""
        with np.errstate(invalid="ignore"):  # 0/0 is NaN on purpose
            return self.work / self.span

    def sums(self) -> ParallelismSums:
        """The batch as sums that merge with those of other batches."""
        numbers = ParallelismSums.from_episodes(self.average)
        return replace(
            numbers,
            work=float(self.work.sum()),
            span=float(self.span.sum()),
            **by_unit([self.unit] * len(self.work)),
        )


@dataclass(frozen=True, slots=True)
class ParallelismSums:
    """Sums over episodes of the average parallelism; they merge, ratios come last.

    Over ranks and micro-batches everything adds up, except `fan_out_max` and `peak`, of which the
    larger stays. Integer work and span stay exact; `ratio_sum` is a float sum, exact to rounding.

    Args:
        ratio_sum: sum of the defined per-episode averages.
        ratio_count: how many episodes had a defined average.
        undefined: how many episodes were 0/0 or NaN; no mean includes them.
        work: total work of the episodes that came with work and span.
        span: total span of the episodes that came with work and span.
        sub_agents: sub-agents that were started (from `CriticalSteps`, a `Trace` or spans).
        spawning_stages: groups in which they were started side by side; `fan_out_mean` is the
            quotient of the two.
        fan_out_max: most sub-agents of one group.
        peak: most agents at work at once in any episode (from `Concurrency` or a `Trace`).
        unfinished: agents that never ended (likewise).
        ratio_squares: sum of the squares of the defined averages: how far episodes differ.
        parallel_episodes: how many of the defined averages are above 1, so that work > span.
        sub_agent_episodes: episodes of which the sub-agents are known, those without any included.
        judged_sub_agents: sub-agents of which it was said whether they were useful.
        useful_sub_agents: how many of these were.
        in_steps: episodes whose work and span are said to be in agent steps.
        in_tokens: the same in tokens.
        in_seconds: the same in seconds.

    Example:
        >>> sums = ParallelismSums.from_episodes([Parallelism(6, 2), Parallelism(8, 8)])
        >>> sums.mean, sums.pooled  # (3 + 1)/2 and (6 + 8)/(2 + 8)
        (2.0, 1.4)
    """

    ratio_sum: float = 0.0
    ratio_count: int = 0
    undefined: int = 0
    work: float = 0.0
    span: float = 0.0
    sub_agents: int = 0
    spawning_stages: int = 0
    fan_out_max: int = 0
    peak: int = 0
    unfinished: int = 0
    ratio_squares: float = 0.0
    parallel_episodes: int = 0
    sub_agent_episodes: int = 0
    judged_sub_agents: int = 0
    useful_sub_agents: int = 0
    in_steps: int = 0
    in_tokens: int = 0
    in_seconds: int = 0

    @classmethod
    def of_ratio(cls, average: float) -> ParallelismSums:
        """The sums of one episode of which only work / span is known, finite and >= 0.

        Example:
            >>> ParallelismSums.of_ratio(2.5).parallel_share
            1.0
        """
        return cls(
            average, 1, ratio_squares=average * average, parallel_episodes=int(is_parallel(average))
        )

    @classmethod
    def from_episodes(cls, values: Episodes) -> ParallelismSums:
        """Sum up episodes, given one or many, as numbers or as measured values.

        Args:
            values: a number, an array of any shape, a measured value, or a sequence of both kinds.
                Measured values are `Parallelism`, `CriticalSteps`, `Concurrency` (of which `busy`
                is the average), `Trace` and the batches of the first three: all that have `sums()`.
                A number is an episode's average parallelism, >= 0, NaN when undefined; it enters
                the mean only, for it has no work and span to pool.

        Raises:
            ValueError: a number is negative or infinite.
            TypeError: a value is neither a number nor a measured value.

        Example:
            >>> ParallelismSums.from_episodes([2.0, 4.0, float("nan")]).mean
            3.0
        """
        if _is_measured(values):
            return values.sums()
        if isinstance(values, (np.ndarray, str, bytes)) or not isinstance(values, Iterable):
            return cls._from_numbers(values)
        plain: list[Parallelism] = []
        others: list[Summable] = []
        numbers: list[Any] = []
        for value in values:
            if type(value) is Parallelism:
                plain.append(value)
            elif _is_measured(value):
                others.append(value)
            else:
                numbers.append(value)
        sums = cls._from_parallelisms(plain)
        for measured in others:
            sums = sums.merge(measured.sums())
        return sums.merge(cls._from_numbers(numbers)) if numbers else sums

    @classmethod
    def _from_parallelisms(cls, episodes: Sequence[Parallelism]) -> ParallelismSums:
        averages = [episode.average for episode in episodes if episode.span]
        return cls(
            ratio_sum=math.fsum(averages),
            ratio_squares=math.fsum(average * average for average in averages),
            ratio_count=len(averages),
            undefined=len(episodes) - len(averages),
            work=sum(episode.work for episode in episodes),
            span=sum(episode.span for episode in episodes),
            parallel_episodes=sum(map(is_parallel, averages)),
            **by_unit(episode.unit for episode in episodes),
        )

    @classmethod
    def _from_numbers(cls, values: object) -> ParallelismSums:
        averages = _as_numbers(values)
        defined = averages[~np.isnan(averages)]
        if defined.size and not (defined.min() >= 0 and defined.max() < math.inf):
            bad = defined[(defined < 0) | np.isinf(defined)][0].item()
            raise ValueError(
                f"an average parallelism must be finite and >= 0, got {bad!r}. "
                "Pass work/span of each episode, NaN for an episode without any work."
            )
        return cls(
            ratio_sum=float(defined.sum()),
            ratio_squares=float(np.square(defined).sum()),
            ratio_count=int(defined.size),
            undefined=int(averages.size - defined.size),
            parallel_episodes=int((defined > 1 + _ROUNDING).sum()),
        )

    def sums(self) -> ParallelismSums:
        """Itself: sums that came from another process are recorded like what they are of."""
        return self

    def merge(self, other: ParallelismSums) -> ParallelismSums:
        """Add the sums of two disjoint sets of episodes."""
        both = ((name, getattr(self, name), getattr(other, name)) for name in _FIELDS)
        return ParallelismSums(
            **{name: max(a, b) if name in _LARGEST else a + b for name, a, b in both}
        )

    @property
    def is_measured(self) -> bool:
        """Whether more is known of any episode than its average parallelism."""
        known = self.work or self.span or self.spawning_stages or self.peak or self.unfinished
        return bool(known or self.in_steps or self.in_tokens or self.in_seconds)

    @property
    def mean(self) -> float:
        """Mean over the episodes of work/span, each episode weighing the same; NaN for none."""
        return self.ratio_sum / self.ratio_count if self.ratio_count else math.nan

    @property
    def pooled(self) -> float:
        """Total work over total span, long episodes weighing more; NaN for none."""
        return self.work / self.span if self.span else math.nan

    @property
    def latency_saved(self) -> float:
        """1 − total span / total work, long episodes weighing more; NaN for none."""
        return 1 - self.span / self.work if self.work else math.nan

    @property
    def fan_out_mean(self) -> float:
        """Mean size of the groups of sub-agents that were started side by side; NaN for none."""
        return _ratio(self.sub_agents, self.spawning_stages)

    @property
    def parallel_share(self) -> float:
        """Share of the episodes with any parallelism, span < work, in [0, 1]; NaN for none."""
        return _ratio(self.parallel_episodes, self.ratio_count)

    @property
    def sub_agents_mean(self) -> float:
        """Sub-agents started per episode, over the episodes of which they are known; NaN for
        none."""
        return _ratio(self.sub_agents, self.sub_agent_episodes)

    @property
    def useful_share(self) -> float:
        """Share of the useful among the sub-agents of which that was said, in [0, 1]; NaN for
        none."""
        return _ratio(self.useful_sub_agents, self.judged_sub_agents)


_FIELDS = tuple(each.name for each in fields(ParallelismSums))
_LARGEST = {"fan_out_max", "peak"}


def is_parallel(average: float) -> bool:
    """Whether work / span is above 1 by more than sums round.

    >>> is_parallel(1.25), is_parallel(1.0), is_parallel(1 + 1e-15)
    (True, False, False)
    """
    return average > 1 + _ROUNDING


def _ratio(part: float, of: float) -> float:
    return part / of if of else math.nan


def _as_numbers(values: object) -> NDArray[np.float64]:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"dtype {array.dtype}")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            "parallelism must be numbers, an array or Parallelism values, one per episode, got "
            f"{type(values).__name__} ({error}). For stages use critical_steps(stages)."
        ) from error
    return array.astype(np.float64).ravel()


class Summable(Protocol):
    """A measured value, of one episode or many, that gives its sums."""

    def sums(self) -> ParallelismSums: ...


def _is_measured(value: object) -> TypeGuard[Summable]:
    return hasattr(value, "sums")


Episodes: TypeAlias = float | Summable | NDArray[np.generic] | Iterable[float | Summable]
