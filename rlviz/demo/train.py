"""Trains the orchestrator by REINFORCE with a group baseline, and logs the run as a user would."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import rlviz
from rlviz.demo.policy import Orchestrator, Size
from rlviz.demo.rollout import Rollouts, play
from rlviz.demo.task import SubAgents, Task, sample_episodes
from rlviz.demo.threads import side_by_side
from rlviz.paths import local, refuse_a_run

DEFAULT_STEPS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hyperparameters of the training."""

    episodes: int = 128
    """Different episodes in a step."""
    rollouts: int = 16
    """Rollouts of each, the group that an advantage compares."""
    learning_rate: float = 0.45e-3
    """Learning rate of Adam."""
    spawn_reward: float = 0.01
    """PARL's lambda 1 at the start: for spawning, times the share of candidates spawned."""
    finish_reward: float = 0.05
    """PARL's lambda 2 at the start: for the share of spawned sub-agents that found an answer."""
    annealed_after: float = 0.5
    """Share of the run after which both are zero; they fall linearly."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one training step measured."""

    correct: Tensor
    """bool [E, G]."""
    parallelism: Tensor
    """Work / span of each rollout, float64 [E, G]."""
    flops: dict[str, int]
    """Spent in this step, by phase."""
    metrics: dict[str, float]
    """Loss, mean reward, mean entropy of a decision in nats, and sub-agents of a rollout."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a step, for a progress line."""

    step: int
    steps: int
    accuracy: float
    """Of this step, in [0, 1]."""
    average_parallelism: float
    """Of this step: the mean over rollouts of work / span."""
    flops_total: int
    """Spent since the start of the run."""
    elapsed_seconds: float


class _OfStage(NamedTuple):
    loss: Tensor
    entropy: float
    """Summed over its decisions."""
    gradients: tuple[Tensor, ...]
    """Of the loss, for what was read of the episodes and for the parameters that decide."""


class Trainer:
    """The learning, without any logging: each `step` plays a batch and updates the policy once.

    Args:
        steps: length of the run; PARL's rewards fade out over a share of it.
        seed: the seed of everything random.
        shuffle_rewards: hand the rewards of a step to its rollouts in random order, so that
            there is nothing to learn: the control experiment.
    """

    def __init__(
        self,
        *,
        steps: int = DEFAULT_STEPS,
        seed: int = 0,
        shuffle_rewards: bool = False,
        task: Task | None = None,
        size: Size | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.task, self.size = task or Task(), size or Size()
        self.settings = settings or Settings()
        self._rng = torch.Generator().manual_seed(seed)
        self.policy = Orchestrator(self.task, self.size, self._rng)
        self.sub_agents = SubAgents()
        self._optimizer = torch.optim.Adam(self.policy.parameters(), lr=self.settings.learning_rate)
        self._steps, self._done, self._shuffle = steps, 0, shuffle_rewards

    def step(self) -> StepResult:
        """Play a batch of new episodes and take one gradient step on it."""
        settings = self.settings
        episodes = sample_episodes(self.task, settings.episodes, self._rng)
        played = play(
            self.task,
            episodes,
            self.policy,
            self.sub_agents,
            rollouts=settings.rollouts,
            rng=self._rng,
        )
        reward = self._reward(played)
        loss, entropy = self._update(episodes.features, played, reward)
        self._done += 1
        sizes = settings.episodes, settings.rollouts
        sub_agent_steps = int(played.sub_agent_steps.sum())
        return StepResult(
            correct=played.correct,
            parallelism=played.parallelism,
            flops={
                "rollout": self.policy.rollout_flops(*sizes),
                "rollout_subagents": sub_agent_steps * SubAgents.FLOPS_PER_STEP,
                "update": self.policy.update_flops(*sizes),
            },
            metrics={
                "loss": loss,
                "reward": reward.mean().item(),
                "entropy": entropy,
                "sub_agents": played.sub_agents.double().mean().item(),
            },
        )

    def evaluate(self, *, episodes: int = 256, rollouts: int = 4, seed: int = 10**6) -> Rollouts:
        """Play held-out episodes, the same for every policy, without learning from them."""
        rng = torch.Generator().manual_seed(seed)
        held_out = sample_episodes(self.task, episodes, rng)
        return play(self.task, held_out, self.policy, self.sub_agents, rollouts=rollouts, rng=rng)

    def _reward(self, played: Rollouts) -> Tensor:
        """PARL's reward (arXiv 2602.02276): correct, plus spawn and finish terms that fade out."""
        settings = self.settings
        left = max(0.0, 1.0 - self._done / (settings.annealed_after * self._steps))
        spawned = played.sub_agents
        finished = played.answered.sum(-1) / spawned.clamp(min=1)
        spawn_term = settings.spawn_reward * spawned / self.task.candidates
        reward = played.correct + left * (spawn_term + settings.finish_reward * finished)
        if self._shuffle:
            order = torch.randperm(reward.numel(), generator=self._rng)
            reward = reward.flatten()[order].view(reward.shape)
        return reward

    def _update(self, features: Tensor, played: Rollouts, reward: Tensor) -> tuple[float, float]:
        """One step of Adam; returns the loss and the mean entropy of a decision."""
        advantage = (reward - reward.mean(dim=1, keepdim=True))[..., None]
        encoded = self.policy.encode(features)
        deciding = self.policy.deciding

        def differentiate(state: Tensor, may: Tensor, spawned: Tensor) -> _OfStage:
            read = encoded.detach().requires_grad_()
            odds = self.policy.log_odds(read, state)
            surprise = binary_cross_entropy_with_logits(odds, spawned.float(), reduction="none")
            loss = (advantage * surprise * may).sum() / reward.numel()
            gradients = torch.autograd.grad(loss, (read, *deciding))
            entropy = float((_entropy(odds.detach()) * may).sum())
            return _OfStage(loss.detach(), entropy, gradients)

        stages = side_by_side(differentiate, played.states, played.open, played.spawned)
        # Added up from the last one on, as one `backward` through all of them does it.
        gradients = zip(*(stage.gradients for stage in reversed(stages)), strict=True)
        of_read, *of_deciding = (reduce(torch.add, parts) for parts in gradients)
        self._optimizer.zero_grad()
        encoded.backward(of_read)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        for parameter, gradient in zip(deciding, of_deciding, strict=True):
            parameter.grad = gradient
        self._optimizer.step()
        decisions = sum(int(may.sum()) for may in played.open)
        loss = reduce(torch.add, (stage.loss for stage in stages)).item()
        return loss, sum(stage.entropy for stage in stages) / decisions


def _entropy(log_odds: Tensor) -> Tensor:
    """Entropy of a yes-or-no decision, in nats."""
    chance = torch.sigmoid(log_odds)
    return binary_cross_entropy_with_logits(log_odds, chance, reduction="none")


def train(
    logdir: str | os.PathLike[str],
    *,
    steps: int = DEFAULT_STEPS,
    seed: int = 0,
    figure_seconds: float | None = 15.0,
    on_step: Callable[[Progress], None] | None = None,
    shuffle_rewards: bool = False,
) -> None:
    """Train the demo's orchestrator and record the run in ``logdir``.

    Args:
        logdir: the run directory.
        steps: training steps, at least 1.
        seed: of everything random; the same seed gives the same numbers on the same machine.
        figure_seconds: as `rlviz.Callback`'s.
        on_step: called after every step, for a progress line.
        shuffle_rewards: see `Trainer`.

    Raises:
        ValueError: steps is under 1.
        FileExistsError: ``logdir`` already holds a run.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}.")
    refuse_a_run(Path(local(logdir, "logdir")))
    trainer = Trainer(steps=steps, seed=seed, shuffle_rewards=shuffle_rewards)
    started, flops_total = time.monotonic(), 0
    config = {
        "steps": steps,
        "seed": seed,
        "shuffle_rewards": shuffle_rewards,
        **asdict(trainer.settings),
        "policy": asdict(trainer.size),
        "task": asdict(trainer.task),
    }
    with rlviz.Callback(
        logdir, config=config, figure_seconds=figure_seconds, convention="exact"
    ) as viz:
        for step in range(1, steps + 1):
            result = trainer.step()
            viz.record(correct=result.correct)
            viz.record(parallelism=result.parallelism)
            viz.record(flops=result.flops)
            viz.on_step_end(step, metrics=result.metrics)
            flops_total += sum(result.flops.values())
            if on_step is not None:
                on_step(
                    Progress(
                        step=step,
                        steps=steps,
                        accuracy=result.correct.float().mean().item(),
                        average_parallelism=result.parallelism.mean().item(),
                        flops_total=flops_total,
                        elapsed_seconds=time.monotonic() - started,
                    )
                )
