"""Modules that are entered by their methods and parts."""

import copy
import threading

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from rlviz.flops import Watch
from rlviz.flops.submodule_watch import SubmoduleWatch

D, H = 8, 4
ROW = 2 * D * H + 2 * H * 2  # FLOPs of one row through the actor: Linear(D, H), Linear(H, 2)


class Agent(nn.Module):
    """As in CleanRL: no forward of its own."""

    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 2))
        self.critic = nn.Linear(D, 1)
        self.heads = nn.ModuleList([nn.Linear(H, 2)])

    def act(self, obs):
        return self.actor(obs), self.critic(obs)


@pytest.fixture
def agent():
    return Agent()


@pytest.fixture
def watch(agent):
    return SubmoduleWatch([agent])


def obs(n):
    return torch.zeros(n, D)


def test_a_method_that_calls_parts_is_counted_each_part_once(agent, watch):
    with torch.no_grad():
        for _ in range(3):
            agent.act(obs(2))
    assert watch.take() == 3 * 2 * (ROW + 2 * D)
    assert watch.take() == 0
    assert watch.uncounted == ()


def test_a_part_within_a_part_counts_in_the_outer_one_whatever_came_first(agent, watch):
    with torch.no_grad():
        agent.actor[0](obs(5))
        agent.actor(obs(5))
        agent.heads[0](agent.actor[0](obs(5)))
    assert watch.take() == 5 * (2 * D * H + ROW + 2 * D * H + 2 * H * 2)


def test_the_whole_and_its_parts_give_the_same_as_a_watch_of_the_whole():
    layers = nn.Sequential(nn.Linear(D, H), nn.Tanh(), nn.Linear(H, 2))
    whole, parts = Watch(layers), SubmoduleWatch([layers])
    for n in (1, 3, 3):
        layers(obs(n)).sum().backward()
    assert parts.take() == whole.take() == 7 * (2 * ROW + 2 * H * 2)  # no gradient of the input


def test_the_backward_pass_is_that_of_the_outermost_part(agent, watch):
    logits, value = agent.act(obs(3))
    (logits.sum() + value.sum()).backward()
    backward = 2 * D * H + 2 * (2 * H * 2) + 2 * D
    assert watch.take() == 3 * (ROW + 2 * D + backward)


def test_weights_that_are_trained_at_times_are_counted_as_they_are_at_each(agent, watch):
    """As in a loss that holds a value network's weights out, and in functional losses."""
    frozen = {name: weight.detach() for name, weight in agent.critic.named_parameters()}
    for _ in range(2):
        torch.func.functional_call(agent.critic, frozen, obs(3))
        assert watch.take() == 3 * 2 * D
        agent.critic(obs(3)).sum().backward()
        assert watch.take() == 2 * 3 * 2 * D


def test_an_ensemble_under_vmap_is_counted_forward_and_backward(agent, watch):
    weights = {
        name: torch.stack([weight, weight]).detach().requires_grad_()
        for name, weight in agent.actor.named_parameters()
    }

    def one(weights, x):
        return torch.func.functional_call(agent.actor, weights, x)

    for _ in range(2):
        torch.vmap(one, in_dims=(0, None))(weights, obs(3)).sum().backward()
        assert watch.take() == 2 * 3 * (3 * ROW - 2 * D * H)
    assert watch.uncounted == ()


def test_a_part_of_two_modules_counts_once(agent):
    shared = nn.ModuleDict({"same": agent.actor})
    watch = SubmoduleWatch([agent, shared, agent])
    with torch.no_grad():
        shared["same"](obs(1))
    assert watch.take() == ROW


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_pass_that_fails_leaves_the_next_one_to_be_counted(agent, watch, kind):
    class Broken(nn.Module):
        def forward(self, x):
            raise kind

    agent.actor.append(Broken())
    watch = SubmoduleWatch([agent])
    for _ in range(2):
        with pytest.raises(kind):
            agent.actor(obs(1))
    watch.take()
    with torch.no_grad():
        agent.critic(obs(1))
    assert watch.take() == 2 * D


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_backward_pass_repeats_is_not_counted_again(agent, reentrant):
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(D, D)
            self.actor = agent.actor

        def forward(self, x):
            return checkpoint(self.actor, self.first(x), use_reentrant=reentrant)

    module = Checkpointed()
    plain, parts = Watch(module), SubmoduleWatch([module])
    module(obs(2)).sum().backward()
    assert parts.take() == plain.take() > 0
    assert parts.uncounted == plain.uncounted
    assert bool(parts.uncounted) == reentrant  # its backward is a closed box, and is named


def test_a_part_that_only_hands_its_input_on_hides_nothing(agent):
    class Same(nn.Module):
        def forward(self, x):
            return x

    class Opaque(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return x

    same, opaque = Same(), Opaque()
    watch = SubmoduleWatch([same, opaque])
    same(obs(1))
    assert watch.uncounted == ()
    opaque(obs(1))
    assert watch.uncounted == ("(no operation: compiled code or another thread)",)


def test_threads_that_run_parts_at_once_do_not_hide_them_from_each_other(agent, watch):
    inside, go = threading.Event(), threading.Event()

    class Waits(nn.Module):
        def forward(self, x):
            inside.set()
            assert go.wait(10)
            return x

    waiting = nn.Sequential(nn.Linear(D, H), Waits())
    watch = SubmoduleWatch([agent, waiting])

    def other():
        with torch.no_grad():
            waiting(obs(1))

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with torch.no_grad():
        agent.critic(obs(1))
    go.set()
    thread.join()
    assert watch.take() == 2 * D + 2 * D * H


@pytest.mark.filterwarnings("default")  # dynamo's own, on some platforms
def test_compiled_parts_are_counted_once_as_a_whole(agent):
    agent.actor = torch.compile(agent.actor, backend="eager")
    watch = SubmoduleWatch([agent])
    with torch.no_grad():
        for _ in range(2):
            agent.act(obs(2))
    assert watch.take() == 2 * 2 * (ROW + 2 * D)
    assert watch.uncounted == ()


@pytest.mark.filterwarnings("default")  # dynamo's own, on some platforms
def test_a_method_of_a_compiled_module_runs_its_parts_uncompiled_which_are_counted(agent):
    class Whole(Agent):
        def forward(self, x):
            return self.act(x)

    policy = torch.compile(Whole(), backend="eager")
    watch = SubmoduleWatch([policy])
    with torch.no_grad():
        for _ in range(2):
            policy.act(obs(2))
            policy(obs(3))
    assert watch.take() == 2 * (2 + 3) * (ROW + 2 * D)
    assert watch.uncounted == ()


def test_a_copy_is_not_watched_and_a_closed_watch_counts_no_more(agent, watch):
    with torch.no_grad():
        copy.deepcopy(agent).act(obs(1))
        assert watch.take() == 0
        agent.critic(obs(1))
        watch.close()
        agent.critic(obs(1))
    assert watch.take() == 2 * D
    assert not agent.critic._forward_hooks
    assert not agent.critic._forward_pre_hooks


def test_a_whole_is_counted_without_a_hook_in_its_parts(agent):
    watch = SubmoduleWatch([agent], whole=[agent.actor])
    with torch.no_grad():
        agent.act(obs(3))
    assert watch.take() == 3 * (ROW + 2 * D)
    assert not agent.actor[0]._forward_hooks
    assert agent.critic._forward_hooks


def test_what_is_no_module_is_refused_in_words():
    with pytest.raises(TypeError, match=r"a watch needs nn.Modules, got str\."):
        SubmoduleWatch(["policy"])
