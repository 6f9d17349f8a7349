"""Plays a batch of episodes: the orchestrator decides, the sub-agents run, the report is graded."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rlviz.demo.policy import Orchestrator
from rlviz.demo.task import Episodes, SubAgents, Task, grade, work_and_span
from rlviz.demo.threads import side_by_side


@dataclass(frozen=True, slots=True)
class Rollouts:
    """What happened in E episodes, each played G times, in T stages with N candidates."""

    states: tuple[Tensor, ...]
    """For each stage, float32 [E, G, T + 2]: what the orchestrator knew of the episode."""
    open: tuple[Tensor, ...]
    """For each stage, bool [E, G, N]: candidates that it could decide on."""
    spawned: tuple[Tensor, ...]
    """For each stage, bool [E, G, N]: those for which it spawned a sub-agent."""
    main_steps: Tensor
    """int64 [E, G, T]: steps of the main agent."""
    sub_agent_steps: Tensor
    """int64 [E, G, T, N]: steps of the sub-agents, 0 where none was spawned."""
    answered: Tensor
    """bool [E, G, N]: candidates to which a sub-agent found an answer."""
    correct: Tensor
    """bool [E, G]: the report was right and in time."""

    @property
    def parallelism(self) -> Tensor:
        """Work / span of each rollout, float64 [E, G]."""
        work, span = work_and_span(self.main_steps, self.sub_agent_steps)
        return work.double() / span

    @property
    def sub_agents(self) -> Tensor:
        """Sub-agents that were spawned in each rollout, int64 [E, G]."""
        return torch.stack(self.spawned).sum((0, -1))


@torch.no_grad()
def play(
    task: Task,
    episodes: Episodes,
    policy: Orchestrator,
    sub_agents: SubAgents,
    *,
    rollouts: int,
    rng: torch.Generator,
) -> Rollouts:
    """Play each episode ``rollouts`` times, with decisions drawn from the policy.

    A stage without a spawn ends the episode: the main agent reports. A candidate gets at most one
    sub-agent, whether that finds an answer or not.
    """
    encoded = policy.encode(episodes.features)
    count, candidates = episodes.needed.shape
    tried = torch.zeros(count, rollouts, candidates, dtype=torch.bool)
    answered = torch.zeros_like(tried)
    running = torch.ones(count, rollouts, dtype=torch.bool)
    states, opens, spawns, main_steps, sub_agent_steps = [], [], [], [], []
    for stage in range(task.stages):
        states.append(policy.describe(stage, tried, answered))
        opens.append(~tried & running[..., None])
        chance = torch.sigmoid(_log_odds(policy, encoded, states[-1]))
        spawns.append((torch.rand(chance.shape, generator=rng) < chance) & opens[-1])
        steps, found = sub_agents.run(spawns[-1], rng)
        sub_agent_steps.append(steps)
        main_steps.append(_main_steps(task, running, found))
        tried, answered = tried | spawns[-1], answered | found
        running = running & spawns[-1].any(-1)
    main, sub = torch.stack(main_steps, -1), torch.stack(sub_agent_steps, -2)
    correct = grade(task, episodes.needed, answered, work_and_span(main, sub)[1], rng)
    return Rollouts(tuple(states), tuple(opens), tuple(spawns), main, sub, answered, correct)


def _log_odds(policy: Orchestrator, encoded: Tensor, state: Tensor) -> Tensor:
    """The policy's, of four episodes at a time: what it makes on the way stays in the cache."""
    read = torch.no_grad()(policy.log_odds)
    return torch.cat(side_by_side(read, torch.split(encoded, 4), torch.split(state, 4)))


def _main_steps(task: Task, running: Tensor, found: Tensor) -> Tensor:
    """One step to decide, then as many as reading the stage's answers takes, rounded up."""
    reading = -(-found.sum(-1) // task.answers_per_step)
    return running.long() + reading
