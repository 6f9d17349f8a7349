"""The orchestrator: what it can not see, and what it costs."""

import pytest
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


TINY = Task(topics=1, candidates_per_topic=2, topic_dims=3, stages=1)


def test_the_flops_of_a_tiny_orchestrator_are_those_of_its_products():
    policy = Orchestrator(TINY, Size(width=4, hidden=5), rng())
    # Two candidates of 4 features. Embedding 2·2·4·4; queries with keys, values and mixing
    # 3·(2·2·4·4), reading 2·2·4·5; scores and gathering 2·(2·2·2·4).
    read = 64 + 3 * 64 + 80 + 64
    # In the one state of 1 + 2 numbers: 2·3·5, and 2·2·5 for the log-odds.
    assert policy.rollout_flops(1, 1) == read + 30 + 20
    assert policy.rollout_flops(2, 3) == 2 * read + 6 * (30 + 20)
    # No gradient for what the first layer and that of the state read.
    assert policy.update_flops(1, 1) == 3 * (read + 50) - 64 - 30


def test_a_state_is_the_stage_and_the_shares_that_were_spawned_and_answered():
    policy = Orchestrator(Task(), Size(), rng())
    spawned, answered = (torch.arange(64) < count for count in (32, 16))
    state = policy.describe(1, spawned[None, None], answered[None, None])
    assert state.tolist() == [[[0.0, 1.0, 0.0, 0.5, 0.25]]]


def test_an_untrained_orchestrator_spawns_each_candidate_about_as_often_as_it_is_told_to():
    task = Task()
    policy = Orchestrator(task, Size(first_spawn_rate=0.25), rng())
    nothing = torch.zeros(50, 1, task.candidates, dtype=torch.bool)
    read = policy.encode(sample_episodes(task, 50, rng()).features)
    odds = policy.log_odds(read, policy.describe(0, nothing, nothing))
    assert torch.sigmoid(odds).mean().item() == pytest.approx(0.25, abs=0.03)
    assert torch.sigmoid(odds).std() < 0.05
