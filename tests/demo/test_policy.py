"""The orchestrator: what it can not see, and what it costs."""

import torch

from rlviz.demo.policy import Orchestrator, Size
from rlviz.demo.task import Episodes, Task, sample_episodes

from .conftest import rng


def test_the_order_of_the_candidates_makes_no_difference_to_the_orchestrator():
    task = Task()
    episodes = sample_episodes(task, 2, rng())
    policy = Orchestrator(task, Size(), rng(1))
    order = torch.randperm(task.candidates, generator=rng(2))
    shuffled = Episodes(episodes.features[:, order], episodes.needed[:, order])
    nothing = torch.zeros(2, 1, task.candidates, dtype=torch.bool)
    state = policy.describe(0, nothing, nothing)
    as_is = policy.log_odds(policy.encode(episodes.features), state)
    permuted = policy.log_odds(policy.encode(shuffled.features), state)
    assert torch.allclose(as_is[..., order], permuted, atol=1e-5)
