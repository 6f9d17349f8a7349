"""What a run knows of compute by itself: the MFU of phases with seconds, and watched modules."""

import gc
import logging
import weakref

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz


def scalars_of(logdir):
    """tag without its prefix -> {step: value}"""
    accumulator = EventAccumulator(str(logdir), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag.removeprefix("rlviz/"): {e.step: e.value for e in accumulator.Scalars(tag)}
        for tag in accumulator.Tags()["scalars"]
    }


@pytest.fixture
def viz(tmp_path):
    with rlviz.Callback(tmp_path, figure_seconds=None) as callback:
        yield callback


def test_a_phase_with_seconds_has_its_mfu_on_a_known_device(tmp_path):
    with rlviz.Callback(
        tmp_path, figure_seconds=None, device="NVIDIA A100-SXM4-80GB", devices=2
    ) as viz:
        viz.record(flops={"update": 312 * 10**12, "rollout": 5}, seconds={"update": 1.5})
        viz.record(seconds={"update": 0.5, "rollout": 0.0})
        viz.on_step_end(1)
    run = rlviz.read(tmp_path)
    assert run.columns["seconds/update"][0] == 2.0
    assert run.columns["mfu/update"][0] == 0.25  # 312e12 / (2 s · 2 devices · 312e12)
    assert "mfu/rollout" not in run.columns  # nothing is known of 0 s
    assert scalars_of(tmp_path)["mfu/update"] == {1: 0.25}


def test_a_peak_of_ones_own_is_an_override_and_without_a_device_there_is_no_mfu(tmp_path):
    for name, device in (("mine", 1e12), ("none", None)):
        with rlviz.Callback(tmp_path / name, figure_seconds=None, device=device) as viz:
            viz.on_step_end(1, flops={"update": 10**11}, seconds={"update": 1.0})
    assert rlviz.read(tmp_path / "mine").columns["mfu/update"][0] == 0.1
    assert "mfu/update" not in rlviz.read(tmp_path / "none").columns


def test_an_unknown_device_is_one_warning_and_no_mfu(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        viz = rlviz.Callback(tmp_path, figure_seconds=None, device="Voodoo 2")
        for step in (1, 2):
            viz.on_step_end(step, flops={"update": 10**11}, seconds={"update": 1.0})
        viz.close()
    assert len(caplog.records) == 1
    assert "the peak rate of 'Voodoo 2' is not known" in caplog.text
    assert "mfu/update" not in rlviz.read(tmp_path).columns


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": -1.0}, "device must be a device's name or its peak FLOP/s"),
        ({"device": True}, "got True"),
        ({"devices": 0}, "devices must be a whole number >= 1, got 0"),
        ({"devices": 1.5}, "got 1.5"),
    ],
)
def test_wrong_devices_are_refused_in_words(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        rlviz.Callback(tmp_path, **options)


def test_a_watched_module_counts_itself_in_its_phase(viz, tmp_path):
    policy, critic = torch.nn.Linear(8, 4), torch.nn.Linear(8, 1)
    viz.watch(policy)
    viz.watch(critic, phase="critic_update")
    for step in (1, 2, 3):
        policy(torch.zeros(2, 8)).sum().backward()  # 2·2·8·4 forward, the same for the weights
        with torch.no_grad():
            critic(torch.zeros(step, 8))  # 2·step·8
        viz.on_step_end(step, flops={"rollout": 10**20})
    viz.close()
    policy(torch.zeros(2, 8))  # no longer watched
    run = rlviz.read(tmp_path)
    assert run.exact_flops("update") == [256, 512, 768]
    assert run.exact_flops("critic_update") == [16, 48, 96]
    assert run.exact_flops() == [10**20 + 272, 2 * 10**20 + 560, 3 * 10**20 + 864]


class Agent(torch.nn.Module):
    """As in CleanRL: networks, and methods that call them."""

    def __init__(self, actor=None):
        super().__init__()
        self.actor = torch.nn.Linear(8, 4) if actor is None else actor
        self.critic, self.activation = torch.nn.Linear(8, 1), TANH

    def get_action_and_value(self, x):
        return self.actor(x), self.critic(x)


TANH = torch.nn.Tanh()


def test_no_pass_is_watched_twice(viz, tmp_path):
    policy, agent = torch.nn.Sequential(torch.nn.Linear(8, 4)), Agent()
    viz.watch(policy)
    viz.watch(agent, phase="other")
    for module, words in (
        (policy, "Sequential is watched already, in the phase 'update': passes would count twice"),
        (policy[0], "Linear is, or shares, a part of Sequential, which is watched already"),
        (torch.nn.Sequential(policy), "Sequential has Sequential in it, which is watched already"),
        (agent.actor, "Linear is, or shares, a part of Agent"),
        (Agent(agent.actor), "Agent is, or shares, a part of Agent"),
    ):
        with pytest.raises(ValueError, match=words):
            viz.watch(module, phase="rollout")
    viz.watch(Agent(), phase="rollout")  # it shares an activation, which multiplies nothing
    policy(torch.zeros(2, 8)).sum().backward()
    policy[0].weight.requires_grad_(False)
    viz.watch(policy)  # anew, for nothing is differentiated any more
    policy(torch.zeros(2, 8))
    viz.on_step_end(1)
    policy._compiled_call_impl = policy.forward  # as policy.compile() sets it
    with pytest.raises(ValueError, match="was compiled in place"):
        viz.watch(policy)
    policy._compiled_call_impl = None
    policy(torch.zeros(2, 8))  # is watched as before
    viz.on_step_end(2)
    viz.close()
    assert rlviz.read(tmp_path).exact_flops() == [256 + 128, 256 + 128 + 128]


def test_modules_that_each_call_a_part_of_their_own_count_it_each(viz, tmp_path):
    shared = torch.nn.Linear(8, 4)
    actor, critic = torch.nn.Sequential(shared), torch.nn.Sequential(shared, torch.nn.Linear(4, 1))
    viz.watch(actor)
    viz.watch(critic, phase="critic_update")
    with torch.no_grad():
        actor(torch.zeros(2, 8))
        critic(torch.zeros(2, 8))
    viz.on_step_end(1)
    viz.close()
    run = rlviz.read(tmp_path)
    assert (run.exact_flops("update"), run.exact_flops("critic_update")) == ([128], [128 + 16])


def test_a_watched_module_is_not_kept_alive(viz):
    policy = torch.nn.Linear(8, 4)
    alive = weakref.ref(policy)
    viz.watch(policy)
    viz.close()
    del policy
    gc.collect()
    assert alive() is None


def test_what_a_watched_module_can_not_count_is_one_warning(viz, caplog):
    class Opaque(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x @ x.T

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad @ x + grad.T @ x

    class Policy(torch.nn.Module):
        def forward(self, x):
            return Opaque.apply(x)

    policy = Policy()
    viz.watch(policy)
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        for step in (1, 2):
            policy(torch.ones(2, 3, requires_grad=True)).sum().backward()
            viz.on_step_end(step)
    assert len(caplog.records) == 1
    assert "can't be counted, so the phase 'update' reads low" in caplog.text


def test_an_agent_without_a_forward_pass_counts_those_of_its_parts(viz, tmp_path):
    agent = Agent()
    viz.watch(agent)
    with torch.no_grad():
        agent.get_action_and_value(torch.zeros(2, 8))
    viz.on_step_end(1)
    viz.close()
    agent.get_action_and_value(torch.zeros(2, 8))
    assert rlviz.read(tmp_path).exact_flops("update") == [2 * 2 * 8 * (4 + 1)]


def test_a_watched_module_that_never_runs_is_one_warning(viz, caplog):
    class Policy(Agent):
        def forward(self, x):
            raise NotImplementedError

    policy, late = Policy(), torch.nn.Linear(8, 4)
    viz.watch(policy)
    viz.watch(late, phase="critic_update")
    with caplog.at_level(logging.WARNING, logger="rlviz"):
        for step in range(1, 25):
            policy.get_action_and_value(torch.zeros(2, 8))
            if step == 9:
                late(torch.zeros(2, 8))
            viz.on_step_end(step)
    assert len(caplog.records) == 1, caplog.text
    assert "no pass of the watched Policy was seen in 10 steps" in caplog.text


def test_only_a_module_can_be_watched_and_only_in_a_phase_with_a_name(viz):
    with pytest.raises(TypeError, match=r"Watch needs an nn\.Module, got function"):
        viz.watch(lambda x: x)
    with pytest.raises(ValueError, match="a FLOPs phase must be a short name"):
        viz.watch(torch.nn.Linear(1, 1), phase="total")
