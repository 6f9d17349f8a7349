"""The demo's task: what an episode is, what sub-agents do, what counts as a right report."""

import dataclasses
import subprocess
import sys

import pytest
import torch

from rlviz.demo import threads
from rlviz.demo.task import SubAgents, Task, grade, sample_episodes, work_and_span

from .conftest import rng

STRICT = dataclasses.replace(
    Task(), judgement_noise=0.0, patience_steps=1e9, evidence_wanted=0.5, crowding=1.0
)
"""A grader without chance: right from an evidence above 0.5 on."""


def test_importing_the_demo_loads_no_torch():
    code = "import rlviz.demo, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_candidates_of_a_topic_are_needed_together_and_the_number_of_topics_varies():
    task = Task()
    needed = sample_episodes(task, 500, rng()).needed
    by_topic = needed.view(500, task.topics, task.candidates_per_topic)
    assert torch.equal(by_topic.all(-1), by_topic.any(-1))
    fewest, most = task.needed_topics
    assert set(by_topic.all(-1).sum(-1).tolist()) == set(range(fewest, most + 1))


def test_only_candidates_of_one_topic_are_about_the_same_and_hints_are_weak():
    task = dataclasses.replace(Task(), topic_noise=0.0)
    episodes = sample_episodes(task, 400, rng())
    about = episodes.features[..., 1:]
    topic = torch.arange(task.candidates) // task.candidates_per_topic
    squared_length = task.topic_dims  # of a unit vector times the root of its length
    assert torch.allclose(
        about[:, topic == 0] @ about[:, 0, :, None], torch.tensor(float(squared_length)), atol=1e-4
    )
    hint = episodes.features[..., 0]
    # A normal hint of +-0.6 with noise 1 has the right sign with probability 0.726.
    right = ((hint > 0) == episodes.needed).float().mean().item()
    assert right == pytest.approx(0.726, abs=0.01)


def test_sub_agents_run_only_where_spawned_and_differ_in_steps_and_success():
    spawned = torch.rand(200, 64, generator=rng()) < 0.3
    steps, answered = SubAgents().run(spawned, rng(1))
    assert torch.equal(steps > 0, spawned)
    assert not (answered & ~spawned).any()
    assert steps.max() <= SubAgents.MOST_STEPS
    assert 4 < steps[spawned].double().mean() < 9
    assert steps[spawned].double().std() > 0.5
    assert 0.7 < answered[spawned].double().mean() < 0.95


@pytest.mark.parametrize("count", [0, 1, 5, 4001])
def test_threads_of_sub_agents_change_neither_a_number_nor_a_draw(count, monkeypatch):
    spawned = (torch.randperm(12800, generator=rng()) < count).view(200, 64)
    one, several = rng(1), rng(1)
    together = SubAgents().run(spawned, several)
    monkeypatch.setattr(threads, "THREADS", 1)
    alone = SubAgents().run(spawned, one)
    assert torch.equal(alone[0], together[0])
    assert torch.equal(alone[1], together[1])
    assert torch.equal(one.get_state(), several.get_state())


def test_work_and_span_are_those_of_hand_worked_stages():
    main_steps = torch.tensor([[[3, 1], [2, 0]]])
    sub_agent_steps = torch.tensor([[[[4, 6, 0], [0, 0, 5]], [[0, 0, 0], [0, 0, 0]]]])
    work, span = work_and_span(main_steps, sub_agent_steps)
    # First rollout: stages (3, [4, 6]) and (1, [5]); work 3 + 10 + 1 + 5, span 3 + 6 + 1 + 5.
    # Second: (2, []) and nothing more.
    assert work.tolist() == [[19, 2]]
    assert span.tolist() == [[15, 2]]


def needed_first(count):
    """One episode with 64 candidates, the first `count` of them needed."""
    return (torch.arange(64) < count)[None]


def answers_to(*candidates):
    answered = torch.zeros(1, 1, 64, dtype=torch.bool)
    for candidate in candidates:
        answered[..., candidate] = True
    return answered


def graded(answered, span=10, task=STRICT):
    return grade(task, needed_first(8), answered, torch.full((1, 1), span), rng()).item()


def test_more_than_half_of_what_is_needed_makes_a_report_right():
    assert graded(answers_to(*range(5)))  # 5/8 > 0.5
    assert not graded(answers_to(*range(4)))  # 4/8


def test_irrelevant_answers_mislead():
    # 5 of 8 found is 0.625; an irrelevant answer takes 1/32: three leave 0.53, four 0.5.
    assert graded(answers_to(*range(5), 20, 30, 40))
    assert not graded(answers_to(*range(5), 20, 30, 40, 50))


def test_a_right_report_may_come_too_late():
    soon, late = torch.full((1, 2000), 0), torch.full((1, 2000), 50)
    task = dataclasses.replace(STRICT, patience_steps=50.0)
    answered = answers_to(*range(8)).expand(1, 2000, 64)
    assert grade(task, needed_first(8), answered, soon, rng()).all()
    in_time = grade(task, needed_first(8), answered, late, rng()).double().mean().item()
    assert in_time == pytest.approx(0.368, abs=0.04)  # exp(-1), 4 standard errors of 2000 draws
