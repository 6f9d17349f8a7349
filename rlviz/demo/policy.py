"""The orchestrator: a small attention network that decides whom to spawn, and what it costs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rlviz.demo.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Widths of the orchestrator's network, and how it begins."""

    width: int = 32
    """Width of a candidate's embedding."""
    hidden: int = 32
    """Units that weigh a candidate against the state of the episode."""
    first_spawn_rate: float = 0.265
    """Probability with which an untrained orchestrator spawns a candidate in a stage."""


class Orchestrator(nn.Module):
    """Reads all candidates of an episode once, then decides on each of them in every stage.

    One attention layer compares the candidates with each other. In each stage a hidden layer adds
    what happened so far, and gives the log-odds of spawning a sub-agent for a candidate now.
    """

    SUMMARIES = 2
    """Besides the stage: the shares of candidates that were spawned, and that were answered."""

    def __init__(self, task: Task, size: Size, rng: torch.Generator) -> None:
        super().__init__()
        self._task, self._size = task, size
        width, hidden = size.width, size.hidden
        self.embed = nn.Linear(task.features, width)
        # "Of the same topic" is symmetric, so queries and keys are one projection.
        self.compare = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.mix = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.candidate = nn.Linear(width, hidden)
        self.situation = nn.Linear(task.stages + self.SUMMARIES, hidden, bias=False)
        self.spawn = nn.Linear(hidden, 1)
        self._initialize(rng)

    def _initialize(self, rng: torch.Generator) -> None:
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                bound = layer.in_features**-0.5
                nn.init.uniform_(layer.weight, -bound, bound, generator=rng)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.compare.weight *= 3.0  # sharp enough that comparing begins at once
            self.spawn.weight *= 0.1  # at first, candidates hardly differ
            self.spawn.bias.fill_(torch.logit(torch.tensor(self._size.first_spawn_rate)).item())

    def encode(self, features: Tensor) -> Tensor:
        """[E, N, features] to [E, N, hidden]; once per episode, for all its stages and rollouts."""
        embedded = self.embed(features)
        compared = self.compare(embedded)
        # Plain products: torch's FLOP counter can't see scaled_dot_product_attention on a CPU.
        scores = compared @ compared.transpose(1, 2) / self._size.width**0.5
        gathered = torch.softmax(scores, dim=-1) @ self.value(embedded)
        read: Tensor = self.candidate(torch.relu(self.norm(embedded + self.mix(gathered))))
        return read

    def describe(self, stage: int, spawned: Tensor, answered: Tensor) -> Tensor:
        """The state of rollouts before a stage, [E, G, T + 2], from bool [E, G, N]."""
        which = torch.zeros(*spawned.shape[:2], self._task.stages)
        which[..., stage] = 1.0
        shares = torch.stack([spawned.float().mean(-1), answered.float().mean(-1)], dim=-1)
        return torch.cat([which, shares], dim=-1)

    def log_odds(self, encoded: Tensor, state: Tensor) -> Tensor:
        """Log-odds of spawning each candidate in this stage, [E, G, N]."""
        # In place, because this is the largest tensor by far.
        hidden = (encoded[:, None] + self.situation(state)[:, :, None]).relu_()
        odds: Tensor = self.spawn(hidden).squeeze(-1)
        return odds

    @property
    def deciding(self) -> tuple[Tensor, ...]:
        """The parameters that `log_odds` uses."""
        return (*self.situation.parameters(), *self.spawn.parameters())

    def rollout_flops(self, episodes: int, rollouts: int) -> int:
        """FLOPs of playing `episodes`, each `rollouts` times, through all stages."""
        reading = self._embed_flops(episodes) + self._compare_flops(episodes)
        states = episodes * rollouts * self._task.stages
        deciding = 2 * states * self._task.candidates * self._size.hidden
        return reading + deciding + self._situation_flops(states)

    def update_flops(self, episodes: int, rollouts: int) -> int:
        """FLOPs of one gradient of the same rollouts: forward, and twice that backward.

        Features and states need no gradient, so the two layers that read them do half of that
        backward.
        """
        states = episodes * rollouts * self._task.stages
        not_needed = self._embed_flops(episodes) + self._situation_flops(states)
        return 3 * self.rollout_flops(episodes, rollouts) - not_needed

    def _embed_flops(self, episodes: int) -> int:
        return 2 * episodes * self._task.candidates * self._task.features * self._size.width

    def _situation_flops(self, states: int) -> int:
        return 2 * states * (self._task.stages + self.SUMMARIES) * self._size.hidden

    def _compare_flops(self, episodes: int) -> int:
        count, width = self._task.candidates, self._size.width
        projections = 2 * count * width * (3 * width + self._size.hidden)
        attention = 2 * 2 * count * count * width
        return episodes * (projections + attention)
