"""Episodes that were played, from seeds."""

import torch

from rlviz.demo.policy import Orchestrator, Size
from rlviz.demo.rollout import play
from rlviz.demo.task import SubAgents, Task, sample_episodes


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def played(task=None, *, episodes=6, rollouts=3, **size):
    task = task or Task()
    policy = Orchestrator(task, Size(**size), rng(1))
    return play(
        task,
        sample_episodes(task, episodes, rng(2)),
        policy,
        SubAgents(),
        rollouts=rollouts,
        rng=rng(3),
    )
