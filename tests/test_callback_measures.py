"""What the callback makes of the measures: groups, agents, phases with seconds, watched modules."""

import logging
import math

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz
from rlviz.accuracy import Accuracy
from rlviz.parallelism import Parallelism, Trace, concurrency, critical_steps


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


def test_a_group_has_a_series_of_its_own_and_counts_in_the_whole(viz, tmp_path):
    viz.record(correct=[1, 0], group="math")
    viz.record(correct=[1, 1, 1, math.nan], group="code")
    viz.record(correct=torch.tensor([1, 0]), group="math")
    viz.record(correct=[0])
    viz.on_step_end(1)
    viz.on_step_end(2, accuracy=0.5, graded=4, group="code")
    viz.close()
    run = rlviz.read(tmp_path)
    assert run.groups == ("math", "code")
    assert list(run.accuracy) == [5 / 8, 0.5]
    np.testing.assert_array_equal(run.group_accuracy("math"), [0.5, math.nan])
    np.testing.assert_array_equal(run.group_accuracy("code"), [1.0, 0.5])
    assert scalars_of(tmp_path)["accuracy/code"] == {1: 1.0, 2: 0.5}
    assert run.to_pandas()["accuracy/math"].iloc[0] == 0.5
    with pytest.raises(
        KeyError, match=r"no answers of a group 'art'; there are \['math', 'code'\]"
    ):
        run.group_accuracy("art")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"group": "math"}, "group='math' without answers"),
        ({"correct": [1], "group": "ema"}, "a group must be a short name"),
        ({"correct": [1], "group": "a/b"}, "got 'a/b'"),
        ({"correct": [1], "group": 3}, "got 3"),
        ({"seconds": {"update": -1.0}}, "seconds of 'update' must be finite and >= 0, got -1.0"),
        ({"seconds": {"update": math.inf}}, "finite and >= 0, got inf"),
        ({"seconds": {"total": 1.0}}, "a FLOPs phase must be a short name"),
    ],
)
def test_wrong_groups_and_seconds_are_refused_in_words(viz, arguments, words):
    with pytest.raises(ValueError, match=words):
        viz.record(**arguments)


def test_seconds_that_are_no_mapping_are_refused_in_words(viz):
    with pytest.raises(TypeError, match=r'For example seconds=\{"rollout": 12\.5\}'):
        viz.record(seconds=3.0)


def test_the_interval_of_the_accuracy_is_wilsons(viz, tmp_path):
    viz.on_step_end(1, correct=[1] * 8 + [0] * 2)
    viz.on_step_end(2)
    viz.close()
    low, high = rlviz.read(tmp_path).accuracy_interval
    assert (low[0], high[0]) == Accuracy(8, 10).interval()
    assert math.isnan(low[1])
    assert math.isnan(high[1])


def test_stages_bring_work_span_and_fan_out(viz, tmp_path):
    viz.record(parallelism=[critical_steps([(1, [4, 2]), (1, [3])])])  # work 11, span 9
    viz.record(parallelism=[critical_steps([(2, [1, 1, 1])]), critical_steps([])])  # 5, 3; 0/0
    viz.on_step_end(1)
    viz.close()
    row = {name: values[0] for name, values in rlviz.read(tmp_path).columns.items()}
    assert (row["work"], row["span"], row["parallelism_undefined"]) == (16, 12, 1)
    assert (row["sub_agents"], row["spawning_stages"], row["fan_out_max"]) == (6, 3, 3)
    scalars = scalars_of(tmp_path)
    assert scalars["average_parallelism"][1] == pytest.approx((11 / 9 + 5 / 3) / 2, rel=1e-6)
    assert scalars["parallelism/pooled"][1] == pytest.approx(16 / 12, rel=1e-6)
    assert scalars["parallelism/fan_out_mean"][1] == 2.0
    assert scalars["parallelism/fan_out_max"][1] == 3.0
    assert "parallelism/peak" not in scalars  # stages don't know


def test_intervals_and_traces_bring_peak_and_unfinished(viz, tmp_path):
    ticks = iter([0.0, 1.0, 5.0, 7.0])
    trace = Trace(clock=lambda: next(ticks))
    with trace.agent("main"), trace.agent("searcher"):
        pass
    busy = concurrency([("a", 0, 4), ("b", 0, 4), ("c", 3, None)], episode_end=5)  # 10 / 5, peak 3
    viz.on_step_end(1, parallelism=[busy, trace, Parallelism(6, 2), 5.0])
    viz.close()
    row = {name: values[0] for name, values in rlviz.read(tmp_path).columns.items()}
    assert (row["peak"], row["unfinished"]) == (3, 1)
    assert row["parallelism_sum"] == 2 + 1 + 3 + 5
    assert (row["work"], row["span"]) == (10 + 7 + 6, 5 + 7 + 2)
    assert scalars_of(tmp_path)["parallelism/unfinished"] == {1: 1.0}


def test_numbers_alone_bring_no_columns_of_agents(viz, tmp_path):
    viz.on_step_end(1, parallelism=[2.0, 4.0])
    viz.close()
    assert not {"work", "sub_agents", "peak"} & set(rlviz.read(tmp_path).columns)


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


class Agent(torch.nn.Module):
    """As in CleanRL: networks, and methods that call them."""

    def __init__(self):
        super().__init__()
        self.actor, self.critic = torch.nn.Linear(8, 4), torch.nn.Linear(8, 1)

    def get_action_and_value(self, x):
        return self.actor(x), self.critic(x)


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
