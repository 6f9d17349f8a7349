"""FLOPs of watched modules, told apart by the phase that has just ended."""

import logging

import pytest
import torch

from rlviz.integrations import Phases

PASS = 2 * 4 * 8  # FLOPs of a row through Linear(4, 8)


@pytest.fixture
def layer():
    return torch.nn.Linear(4, 8)


def test_passes_belong_to_the_phase_that_ends_after_them(layer):
    phases = Phases(layer)
    with torch.no_grad():
        layer(torch.zeros(3, 4))
        phases.end("rollout")
        layer(torch.zeros(1, 4))
        layer(torch.zeros(1, 4))
        phases.end("evaluation")
    phases.end("nothing")
    assert phases.take() == {"rollout": 3 * PASS, "evaluation": 2 * PASS}
    assert phases.take() == {}
    phases.close()


def test_a_backward_pass_counts(layer):
    phases = Phases(layer)
    layer(torch.zeros(1, 4, requires_grad=True)).sum().backward()
    phases.end("update")
    assert phases.take() == {"update": 3 * PASS}  # forward, and a gradient of input and weight
    phases.close()


def test_other_modules_can_be_watched_in_place_of_those_before(layer):
    other = torch.nn.Linear(4, 8)
    phases = Phases(layer)
    assert layer._forward_pre_hooks
    phases.watch(other)
    assert not layer._forward_pre_hooks  # nothing is left behind
    with torch.no_grad():
        layer(torch.zeros(1, 4))
        other(torch.zeros(2, 4))
    phases.end("rollout")
    assert phases.take() == {"rollout": 2 * PASS}
    phases.close()
    with torch.no_grad():
        other(torch.zeros(2, 4))
    phases.end("rollout")
    assert phases.take() == {}


def test_what_can_not_be_counted_is_said_once(caplog):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.inv(x)

    odd = Odd()
    phases = Phases(odd)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            odd(torch.eye(3))
            phases.end("update")
            phases.take()
    said = [record.getMessage() for record in caplog.records]
    assert len([words for words in said if "so the FLOPs of this run read low" in words]) == 1
    phases.close()
