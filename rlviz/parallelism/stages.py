"""Stage form of the parallelism: PARL's critical steps, for one episode and for batches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlviz.parallelism.segments import as_costs, check_offsets, segment_max, segment_sum
from rlviz.parallelism.sums import Parallelism, ParallelismBatch, ParallelismSums
from rlviz.schema import WorkUnit


@dataclass(frozen=True, slots=True)
class CriticalSteps(Parallelism):
    """Work and span of one episode in stage form, and how wide it fanned out.

    Args:
        work: Σ_t (m_t + Σ_i s_t,i), in steps.
        span: the critical steps Σ_t (m_t + max_i s_t,i), in steps.
        fan_out_max: the largest group of sub-agents of any stage; 0 when no stage spawned.
        fan_out_mean: mean group size over the stages that spawned; NaN when none did.
        sub_agents: sub-agents over all stages, those with 0 steps included.
        unit: what work and span count.
        useful: how many of the sub-agents were useful; None if nobody said it.

    Example:
        >>> episode = critical_steps([(2, [3, 3, 3]), (1, [5])])
        >>> episode.fan_out_max, episode.fan_out_mean, episode.sub_agents
        (3, 2.0, 4)
    """

    fan_out_max: int
    fan_out_mean: float
    sub_agents: int
    useful: int | None = field(default=None, kw_only=True)

    def sums(self) -> ParallelismSums:
        """The episode as sums that merge with those of others, fan-out included."""
        return replace(
            ParallelismSums._from_parallelisms([self]),
            sub_agents=self.sub_agents,
            spawning_stages=round(self.sub_agents / self.fan_out_mean) if self.sub_agents else 0,
            fan_out_max=self.fan_out_max,
            sub_agent_episodes=1,
            judged_sub_agents=0 if self.useful is None else self.sub_agents,
            useful_sub_agents=self.useful or 0,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CriticalStepsBatch(ParallelismBatch):
    """`CriticalSteps` of many episodes: each field is an array with one entry per episode."""

    fan_out_max: NDArray[np.int64]
    fan_out_mean: NDArray[np.float64]
    sub_agents: NDArray[np.int64]

    def sums(self) -> ParallelismSums:
        """The batch as sums that merge with those of other batches, fan-out included."""
        spawned = self.sub_agents > 0
        return replace(
            ParallelismBatch.sums(self),
            sub_agents=int(self.sub_agents.sum()),
            spawning_stages=int(
                np.rint(self.sub_agents[spawned] / self.fan_out_mean[spawned]).sum()
            ),
            fan_out_max=int(self.fan_out_max.max(initial=0)),
            sub_agent_episodes=len(self.sub_agents),
        )


def critical_steps(
    stages: Iterable[tuple[float, Iterable[float]]],
    *,
    unit: WorkUnit | None = "steps",
    useful: int | None = None,
) -> CriticalSteps:
    """Average parallelism of one episode of stages (PARL's critical steps, arXiv 2602.02276).

    Args:
        stages: for each stage `(main_steps, [sub_agent_steps, ...])`: the main agent's steps and
            those of the sub-agents that it started side by side, all >= 0; an empty group counts 0.
        unit: what stands for the steps, "tokens" or "seconds" if it is not steps of agents.
        useful: how many of the sub-agents brought something that the main agent used, which the
            steps can't tell.

    Raises:
        ValueError: steps are negative or not finite, a stage is not such a pair, there is no such
            unit, or more sub-agents were useful than there were.
        TypeError: `useful` is no whole number.

    Example:
        >>> episode = critical_steps([(1, [4, 2]), (1, [])])
        >>> episode.work, episode.span, round(episode.average, 3)
        (8, 6, 1.333)
    """
    work: float = 0
    span: float = 0
    groups: list[int] = []
    for index, stage in enumerate(stages):
        main, subs = _stage(index, stage)
        work += main + sum(subs)
        span += main + max(subs, default=0)
        if subs:
            groups.append(len(subs))
    sub_agents = sum(groups)
    mean = sub_agents / len(groups) if groups else math.nan
    if useful is not None and (isinstance(useful, bool) or not isinstance(useful, Integral)):
        raise TypeError(
            "useful must be how many of the sub-agents were, a whole number, got "
            f"{useful!r:.80} ({type(useful).__name__})."
        )
    if useful is not None and not 0 <= useful <= sub_agents:
        raise ValueError(
            f"useful must be in [0, {sub_agents}], the number of sub-agents of the episode, got "
            f"{useful!r:.80}."
        )
    largest = max(groups, default=0)
    return CriticalSteps(work, span, largest, mean, sub_agents, unit=unit, useful=useful)


def critical_steps_batch(
    main_steps: ArrayLike,
    sub_agent_steps: ArrayLike,
    *,
    group_offsets: ArrayLike,
    episode_offsets: ArrayLike,
    unit: WorkUnit | None = "steps",
) -> CriticalStepsBatch:
    """`critical_steps` of many episodes at once, from flat arrays.

    Args:
        main_steps: `(stages,)`, the main agent's steps in each stage of all episodes, in order.
        sub_agent_steps: `(sub_agents,)`, the sub-agents' steps, grouped by stage.
        group_offsets: `(stages + 1,)`: stage k owns
            `sub_agent_steps[group_offsets[k]:group_offsets[k + 1]]`.
        episode_offsets: `(episodes + 1,)`: episode e owns the stages
            `episode_offsets[e]` to `episode_offsets[e + 1] - 1`.
        unit: as of `critical_steps`.

    Raises:
        ValueError: steps are negative or not finite, or offsets do not fit the arrays.

    Example:
        >>> batch = critical_steps_batch(
        ...     [1, 1, 3], [4, 2], group_offsets=[0, 2, 2, 2], episode_offsets=[0, 2, 3]
        ... )  # the episodes [(1, [4, 2]), (1, [])] and [(3, [])]
        >>> batch.work.tolist(), batch.span.tolist()
        ([8.0, 3.0], [6.0, 3.0])
    """
    main = as_costs("main_steps", main_steps)
    subs = as_costs("sub_agent_steps", sub_agent_steps)
    groups = check_offsets("group_offsets", group_offsets, "sub_agent_steps", subs.size)
    episodes = check_offsets("episode_offsets", episode_offsets, "main_steps", main.size)
    if groups.size != main.size + 1:
        raise ValueError(
            f"group_offsets must have one entry more than main_steps, got {groups.size} "
            f"for {main.size} stages. A stage without sub-agents repeats its offset."
        )
    sizes = np.diff(groups)
    sub_agents = segment_sum(sizes, episodes)
    spawning = segment_sum((sizes > 0).astype(np.int64), episodes)
    with np.errstate(invalid="ignore"):  # 0/0 is NaN on purpose: no stage spawned
        mean = sub_agents / spawning
    return CriticalStepsBatch(
        work=segment_sum(main + segment_sum(subs, groups), episodes),
        span=segment_sum(main + segment_max(subs, groups), episodes),
        fan_out_max=segment_max(sizes, episodes),
        fan_out_mean=mean,
        sub_agents=sub_agents,
        unit=unit,
    )


def _stage(index: int, stage: tuple[float, Iterable[float]]) -> tuple[float, list[float]]:
    try:
        main, group = stage
        subs = list(group)
        fine = 0 <= main < math.inf and all(0 <= steps < math.inf for steps in subs)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"stage {index} must be (main_steps, [sub_agent_steps, ...]), got {stage!r}. "
            "Write (3, []) for a stage without sub-agents."
        ) from error
    if not fine:
        raise ValueError(
            f"stage {index} must have finite steps >= 0, got {stage!r}. "
            "Count the steps that each agent took in this stage; leave out what did not run."
        )
    return main, subs
