"""Episodes as they are played: whom may be spawned when, and what the main agent does."""

import torch

from rlviz.parallelism import critical_steps

from .conftest import played


def test_work_and_span_of_a_batch_equal_a_count_in_plain_python():
    rollouts = played()
    for episode in range(6):
        for rollout in range(3):
            stages = [
                (int(main), [int(s) for s in sub if s > 0])
                for main, sub in zip(
                    rollouts.main_steps[episode, rollout],
                    rollouts.sub_agent_steps[episode, rollout],
                    strict=True,
                )
            ]
            work = sum(main + sum(sub) for main, sub in stages)
            span = sum(main + max(sub, default=0) for main, sub in stages)
            assert rollouts.parallelism[episode, rollout].item() == work / span
            assert critical_steps(stages).average == work / span


def test_the_main_agent_takes_a_step_to_decide_and_one_for_every_16_answers():
    rollouts = played()
    for stage, spawned in enumerate(rollouts.spawned):
        answers = (spawned & rollouts.answered).sum(-1).tolist()
        for episode in range(6):
            for rollout in range(3):
                if rollouts.open[stage][episode, rollout].any():
                    expected = 1 + (answers[episode][rollout] + 15) // 16
                    assert rollouts.main_steps[episode, rollout, stage] == expected


def test_a_candidate_gets_one_sub_agent_at_most():
    rollouts = played(first_spawn_rate=0.7)
    assert torch.stack(rollouts.spawned).sum(0).max() == 1


def test_a_stage_without_a_spawn_ends_the_episode():
    rollouts = played(episodes=40, first_spawn_rate=0.02)
    ended = torch.zeros_like(rollouts.correct)
    for stage, spawned in enumerate(rollouts.spawned):
        assert not spawned[ended].any()
        assert (rollouts.main_steps[..., stage][ended] == 0).all()
        ended = ended | ~spawned.any(-1)
    assert ended.any()


def test_whoever_spawns_nobody_takes_one_step_and_has_a_parallelism_of_1():
    rollouts = played(first_spawn_rate=1e-9)
    assert (rollouts.sub_agents == 0).all()
    assert (rollouts.parallelism == 1).all()


def test_the_same_seed_plays_the_same_episodes():
    one, other = played(), played()
    assert torch.equal(one.correct, other.correct)
    assert torch.equal(one.sub_agent_steps, other.sub_agent_steps)


def test_sub_agents_are_those_that_took_steps():
    rollouts = played()
    took_steps = (rollouts.sub_agent_steps > 0).sum((-2, -1))
    assert torch.equal(rollouts.sub_agents, took_steps)
    assert not (rollouts.answered & (rollouts.sub_agent_steps.sum(-2) == 0)).any()
