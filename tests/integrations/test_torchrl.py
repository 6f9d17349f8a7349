"""TorchRL, by real trainings; their FLOPs are calculated again from the layers' sizes."""

import os
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("torchrl", reason="needs: pip install rlviz[torchrl]")
    pytest.importorskip("gymnasium", reason="needs: pip install gymnasium")

import gymnasium as gym

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TorchRL's collectors warn of themselves when imported
    from torchrl.collectors import Collector

from tensordict import TensorDict
from tensordict.nn import NormalParamExtractor, TensorDictModule
from torchrl.checkpoint import Checkpoint
from torchrl.data import LazyTensorStorage, ReplayBuffer
from torchrl.data.replay_buffers import SamplerWithoutReplacement
from torchrl.envs import GymWrapper, RewardSum, SerialEnv, TransformedEnv
from torchrl.envs.gym_like import default_info_dict_reader
from torchrl.modules import OneHotCategorical, ProbabilisticActor, TanhNormal, ValueOperator
from torchrl.objectives import ClipPPOLoss, SACLoss
from torchrl.objectives.value import GAE
from torchrl.trainers import Trainer

from rlviz.integrations.torchrl import RLVizHook

# TorchRL warns of what it will change in its next versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

OBS, HIDDEN, ACTIONS, LENGTH, ENVS = 4, 8, 3, 5, 2
FRAMES, MINIBATCH, EPOCHS = 40, 20, 2


class Guess(gym.Env):
    """Five rounds of guessing which of three actions fits the context; three right are success."""

    observation_space = gym.spaces.Box(0.0, 1.0, (OBS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def __init__(self, ended):
        self.ended = ended

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.round = self.right = 0
        return self.show(), {"is_success": np.bool_(False)}

    def show(self):
        self.context = int(self.np_random.integers(OBS))
        return np.eye(OBS, dtype=np.float32)[self.context]

    def step(self, action):
        reward = float(action == self.context % ACTIONS)
        self.right += reward
        self.round += 1
        over = self.round == LENGTH
        if over:
            self.ended.append((self.right, self.right >= 3))
        return self.show(), reward, over, False, {"is_success": np.bool_(over and self.right >= 3)}


def environment(ended, success):
    def make():
        env = GymWrapper(Guess(ended))
        if success:
            env.set_info_dict_reader(default_info_dict_reader(["is_success"]))
        return env

    return TransformedEnv(SerialEnv(ENVS, make), RewardSum())


def mlp(*sizes):
    layers = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class PPO:
    """The parts of a training, made anew each time."""

    def __init__(self, total, *, success=True, policy=None):
        torch.manual_seed(0)
        self.ended = []
        self.actor = ProbabilisticActor(
            TensorDictModule(mlp(OBS, HIDDEN, ACTIONS), ["observation"], ["logits"]),
            in_keys=["logits"],
            distribution_class=OneHotCategorical,
            return_log_prob=True,
        )
        self.critic = ValueOperator(mlp(OBS, HIDDEN, 1), in_keys=["observation"])
        self.collector = Collector(
            environment(self.ended, success),
            self.actor if policy is None else policy,
            frames_per_batch=FRAMES,
            trust_policy=True,
            total_frames=total,
        )
        self.advantage = GAE(gamma=0.99, lmbda=0.95, value_network=self.critic)
        self.loss = ClipPPOLoss(self.actor, self.critic)
        self.optimizer = torch.optim.Adam(self.loss.parameters(), 1e-3)
        self.memory = ReplayBuffer(
            storage=LazyTensorStorage(FRAMES),
            sampler=SamplerWithoutReplacement(),
            batch_size=MINIBATCH,
        )

    def trainer(self, total, hook, **options):
        trainer = Trainer(
            collector=self.collector,
            total_frames=total,
            frame_skip=1,
            optim_steps_per_batch=FRAMES // MINIBATCH,
            num_epochs=EPOCHS,
            loss_module=self.loss,
            optimizer=self.optimizer,
            progress_bar=False,
            **options,
        )
        hook.register(trainer)
        trainer.register_op("batch_process", self.remember)
        trainer.register_op("process_optim_batch", lambda batch: self.memory.sample())
        return trainer

    def remember(self, batch):
        with torch.no_grad():
            self.advantage(batch)
        self.memory.empty()
        self.memory.extend(batch.reshape(-1))
        return batch


ACTOR = 2 * (OBS * HIDDEN + HIDDEN * ACTIONS)
CRITIC = 2 * (OBS * HIDDEN + HIDDEN)
FIRST = 2 * OBS * HIDDEN


def flops(batches):
    """Cumulative FLOPs after so many batches; GAE values each observation and each next one."""
    rows = batches * FRAMES
    return {
        "rollout": rows * ACTOR,
        "update": 2 * rows * CRITIC + EPOCHS * rows * (3 * (ACTOR + CRITIC) - 2 * FIRST),
    }


def cumulative(history, phase="total"):
    return list(history.columns[f"flops/{phase}"])


def expected(batches, phase=None):
    return [flops(n)[phase] if phase else sum(flops(n).values()) for n in range(1, batches + 1)]


def hook(path, **options):
    return RLVizHook(path, figure_seconds=None, **options)


class TestTrainer:
    def test_a_batch_with_its_updates_is_a_step(self, tmp_path):
        PPO(120).trainer(120, hook(tmp_path)).train()
        history = rlviz.read(tmp_path)
        assert list(history.step) == [40, 80, 120]
        assert cumulative(history, "rollout") == expected(3, "rollout")
        assert cumulative(history, "update") == expected(3, "update")
        assert list(history.columns["metrics/num_envs"]) == [ENVS] * 3
        assert np.isfinite(history.columns["metrics/loss_objective"]).all()
        assert np.isnan(history.parallelism).all()

    def test_accuracy_is_the_rate_of_success_and_the_return_a_metric(self, tmp_path):
        parts = PPO(80)
        parts.trainer(80, hook(tmp_path)).train()
        history = rlviz.read(tmp_path)
        assert list(history.columns["graded"]) == [8, 8]
        ended = np.array(parts.ended).reshape(2, 8, 2)
        assert list(history.columns["correct"]) == list(ended[:, :, 1].sum(1))
        np.testing.assert_allclose(history.columns["metrics/return"], ended[:, :, 0].mean(1))

    def test_without_a_success_there_is_no_accuracy(self, tmp_path):
        PPO(40, success=False).trainer(40, hook(tmp_path)).train()
        history = rlviz.read(tmp_path)
        assert np.isnan(history.accuracy).all()
        assert np.isfinite(history.columns["metrics/return"]).all()

    def test_it_goes_on_from_a_checkpoint(self, tmp_path, caplog):
        options = {"checkpoint": Checkpoint(), "save_trainer_file": tmp_path / "checkpoint"}
        PPO(80).trainer(80, hook(tmp_path / "run"), **options).train()
        trainer = PPO(160).trainer(160, hook(tmp_path / "run"), checkpoint=Checkpoint())
        trainer.load_from_file(tmp_path / "checkpoint")
        trainer.train()
        assert "no state of it was loaded" not in caplog.text
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [40, 80, 120, 160]
        assert list(history.columns["session"]) == [0, 0, 1, 1]
        assert cumulative(history) == expected(4)

    def test_it_goes_on_from_a_checkpoint_of_the_older_format(self, tmp_path):
        file = tmp_path / "trainer.pt"
        PPO(80).trainer(80, hook(tmp_path / "run"), save_trainer_file=file).train()
        trainer = PPO(120).trainer(120, hook(tmp_path / "run"))
        trainer.load_from_file(file)
        trainer.train()
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [40, 80, 120]
        assert cumulative(history) == expected(3)

    def test_a_policy_that_runs_elsewhere_is_said(self, tmp_path, caplog):
        def elsewhere(batch):
            batch["action"] = torch.eye(ACTIONS, dtype=torch.int64)[[0, 1]]
            batch["action_log_prob"] = torch.zeros(ENVS)
            return batch

        parts = PPO(40, policy=elsewhere)
        parts.trainer(40, hook(tmp_path)).train()
        assert "no pass of the policy was seen while a batch was collected" in caplog.text


class TestPlainLoop:
    def test_it_calls_the_same_two(self, tmp_path):
        parts = PPO(80)
        rlviz_hook = hook(tmp_path, modules=[parts.actor, parts.loss, parts.advantage])
        frames = 0
        for batch in parts.collector:
            rlviz_hook.collected(batch)
            parts.remember(batch)
            for _ in range(EPOCHS):
                for rows in parts.memory:
                    losses = parts.loss(rows)
                    sum(v for k, v in losses.items() if k.startswith("loss_")).backward()
                    parts.optimizer.step()
                    parts.optimizer.zero_grad()
            frames += batch.numel()
            rlviz_hook.step(batch, frames, losses)
        rlviz_hook.close()
        parts.collector.shutdown()
        history = rlviz.read(tmp_path)
        assert list(history.step) == [40, 80]
        assert cumulative(history) == expected(2)
        assert np.isfinite(history.columns["metrics/loss_critic"]).all()

    def test_going_back_to_a_state_is_another_session(self, tmp_path):
        rlviz_hook = hook(tmp_path)
        rlviz_hook.step(None, 40)
        state = rlviz_hook.state_dict()
        rlviz_hook.step(None, 80)
        rlviz_hook.load_state_dict(state)
        for frames in (80, 80, 120):  # of an asynchronous collector nothing may have come
            rlviz_hook.step(None, frames)
        rlviz_hook.close()
        history = rlviz.read(tmp_path)
        assert list(history.step) == [40, 80, 120]
        assert list(history.columns["session"]) == [0, 1, 1]

    def test_ends_of_episodes_are_told_by_done(self, tmp_path):
        done = torch.tensor([[[False], [True]], [[True], [False]], [[False], [False]]])
        batch = TensorDict(
            {
                ("next", "done"): done,
                ("next", "is_success"): torch.tensor([[9, 1], [0, 9], [9, 9]]),  # not one by step
                ("next", "episode_reward"): torch.tensor([[9.0, 3.0], [5.0, 9.0], [9.0, 9.0]])[
                    ..., None
                ],
            },
            batch_size=[3, 2],
        )
        hook = RLVizHook(tmp_path, figure_seconds=None)
        hook.step(batch, 6)
        hook.step(batch.apply(torch.zeros_like), 12)  # in which no episode ends
        hook.close()
        history = rlviz.read(tmp_path)
        assert list(history.columns["graded"]) == [2, 0]
        assert list(history.columns["correct"]) == [1, 0]
        np.testing.assert_array_equal(history.columns["metrics/return"], [4.0, np.nan])

    def test_shapes_that_do_not_go_together_are_said_once(self, tmp_path, caplog):
        batch = TensorDict(
            {
                ("next", "done"): torch.ones(3, 2, 1, dtype=torch.bool),
                ("next", "agents", "reward"): torch.ones(3, 2, 4, 1),
            },
            batch_size=[3, 2],
        )
        hook = RLVizHook(tmp_path, episode_reward=("next", "agents", "reward"), figure_seconds=None)
        hook.step(batch, 6)
        hook.step(batch, 12)
        hook.close()
        assert list(rlviz.read(tmp_path).step) == [6, 12]
        assert caplog.text.count("no return is recorded") == 1

    def test_critics_that_run_as_one_under_vmap_are_all_counted(self, tmp_path):
        rows, act, first = 16, 2, OBS + 2
        net = nn.Sequential(mlp(OBS, HIDDEN, 2 * act), NormalParamExtractor())
        actor = ProbabilisticActor(
            TensorDictModule(net, ["observation"], ["loc", "scale"]),
            in_keys=["loc", "scale"],
            distribution_class=TanhNormal,
            return_log_prob=True,
        )

        class Q(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = mlp(first, HIDDEN, 1)

            def forward(self, observation, action):
                return self.layers(torch.cat([observation, action], -1))

        critic = ValueOperator(Q(), in_keys=["observation", "action"])
        loss = SACLoss(actor, critic, num_qvalue_nets=2, target_entropy=-2.0)
        loss.make_value_estimator(gamma=0.99)
        rlviz_hook = hook(tmp_path, modules=[actor, loss])
        over = torch.zeros(rows, 1, dtype=torch.bool)
        now = {"observation": torch.randn(rows, OBS), "action": torch.rand(rows, act)}
        then = {"observation": torch.randn(rows, OBS), "done": over, "terminated": over}
        batch = TensorDict(
            {**now, "next": TensorDict({**then, "reward": torch.randn(rows, 1)}, [rows])}, [rows]
        )
        losses = loss(batch)
        sum(v for k, v in losses.items() if k.startswith("loss_")).backward()
        rlviz_hook.step(batch, rows)
        rlviz_hook.close()
        actor_flops = 2 * (OBS * HIDDEN + HIDDEN * 2 * act)
        critics = 2 * 2 * (first * HIDDEN + HIDDEN)
        each = (
            (2 * actor_flops + 2 * actor_flops - FIRST)  # now and next, now with gradient
            + (critics + 3 * critics - 2 * 2 * first * HIDDEN)  # targets; their loss
            + (critics + critics)  # through the critics, whose weights are held out
        )
        assert list(cumulative(rlviz.read(tmp_path))) == [rows * each]


def test_a_framework_that_is_missing_is_an_import_error_in_words(run_python):
    code = "import sys; sys.modules['torchrl'] = None\nimport rlviz.integrations.torchrl"
    result = run_python("-c", code)
    assert "needs torchrl 0.14 or newer" in result.stderr
    assert "pip install -U 'rlviz[torchrl]'" in result.stderr
