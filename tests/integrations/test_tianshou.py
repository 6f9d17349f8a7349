"""Tianshou, by real trainings; their FLOPs are calculated again from the layers' sizes."""

import os
import warnings

import numpy as np
import pytest
import torch

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("tianshou", reason="needs: pip install rlviz[tianshou]")

import gymnasium as gym

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its dependencies, when they are imported
    from tianshou.algorithm import Reinforce
    from tianshou.algorithm.modelfree.reinforce import ProbabilisticActorPolicy
    from tianshou.algorithm.optim import AdamOptimizerFactory
    from tianshou.data import Collector, CollectStats, VectorReplayBuffer
    from tianshou.env import DummyVectorEnv
    from tianshou.trainer import OnPolicyTrainerParams
    from tianshou.utils.net.common import Net
    from tianshou.utils.net.discrete import DiscreteActor

from rlviz.integrations.tianshou import RLVizLogger

# Tianshou and its dependencies warn of their own deprecated parts.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

OBS, HIDDEN, ACTIONS, LENGTH, ENVS = 4, 8, 3, 5, 2
STEPS, BATCH, REPEATS = 40, 20, 2


class Guess(gym.Env):
    """Five rounds of guessing which of three actions fits the context; three right are success."""

    observation_space = gym.spaces.Box(0.0, 1.0, (OBS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def __init__(self, ended):
        self.ended = ended

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.round = self.right = 0
        return self.show(), {}

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
        return self.show(), reward, over, False, {"is_success": over and self.right >= 3}


class Training:
    """The parts of a training, made anew each time."""

    def __init__(self):
        torch.manual_seed(0)
        self.ended = []
        net = Net(state_shape=(OBS,), hidden_sizes=[HIDDEN])
        actor = DiscreteActor(preprocess_net=net, action_shape=ACTIONS, softmax_output=False)
        policy = ProbabilisticActorPolicy(
            actor=actor,
            dist_fn=lambda logits: torch.distributions.Categorical(logits=logits),
            action_space=Guess.action_space,
            action_scaling=False,
        )
        self.algorithm = Reinforce(policy=policy, optim=AdamOptimizerFactory(lr=1e-3))
        self.collector = self.collects(self.ended)

    def collects(self, ended):
        envs = DummyVectorEnv([lambda: Guess(ended) for _ in range(ENVS)])
        envs.seed(0)
        buffer = VectorReplayBuffer(10 * STEPS, ENVS)
        return Collector[CollectStats](self.algorithm.policy, envs, buffer)

    def run(self, logger, epochs, **options):
        self.algorithm.run_training(
            OnPolicyTrainerParams(
                training_collector=self.collector,
                max_epochs=epochs,
                epoch_num_steps=STEPS,
                collection_step_num_env_steps=STEPS,
                batch_size=BATCH,
                update_step_num_repetitions=REPEATS,
                logger=logger,
                show_progress=False,
                verbose=False,
                **{"test_collector": None, "test_in_training": False, **options},
            )
        )


def viz(path, training, **options):
    return RLVizLogger(
        path,
        algorithm=training.algorithm,
        collector=training.collector,
        figure_seconds=None,
        **options,
    )


ROW = 2 * (OBS * HIDDEN + HIDDEN * ACTIONS)
UPDATE = REPEATS * STEPS * (3 * ROW - 2 * OBS * HIDDEN)


def cumulative(history, phase="total"):
    return list(history.columns[f"flops/{phase}"])


def test_a_collection_with_its_update_is_a_step(tmp_path):
    training = Training()
    logger = viz(tmp_path, training)
    training.run(logger, 3)
    logger.finalize()
    history = rlviz.read(tmp_path)
    assert list(history.step) == [40, 80, 120]
    assert cumulative(history, "rollout") == [n * STEPS * ROW for n in (1, 2, 3)]
    assert cumulative(history, "update") == [n * UPDATE for n in (1, 2, 3)]
    assert list(history.columns["graded"]) == [8, 8, 8]
    ended = np.array(training.ended).reshape(3, 8, 2)
    assert list(history.columns["correct"]) == list(ended[:, :, 1].sum(1))
    np.testing.assert_allclose(history.columns["metrics/return"], ended[:, :, 0].mean(1))
    assert list(history.columns["metrics/num_envs"]) == [ENVS] * 3
    assert np.isfinite(history.columns["metrics/update/loss/mean"]).all()
    assert np.isnan(history.parallelism).all()


def test_tests_are_kept_apart_from_the_total(tmp_path):
    training = Training()
    logger = viz(tmp_path, training)
    others = []
    training.run(logger, 2, test_collector=training.collects(others), test_step_num_episodes=4)
    logger.finalize()
    history = rlviz.read(tmp_path)
    assert len(others) == 3 * 4  # before the training, and after each epoch
    assert cumulative(history, "evaluation") == [n * 4 * LENGTH * ROW for n in (2, 3)]
    assert cumulative(history) == [n * (STEPS * ROW + UPDATE) for n in (1, 2)]


def test_it_goes_on_from_a_checkpoint(tmp_path, caplog):
    saved = {}
    training = Training()
    logger = viz(tmp_path, training)

    def save(epoch, env_step, update_step):
        if epoch == 2:
            saved.update(logger.state_dict())
        return ""

    training.run(logger, 3, save_checkpoint_fn=save)
    logger.finalize()
    training = Training()
    logger = viz(tmp_path, training)
    logger.load_state_dict(saved)
    training.run(logger, 4, resume_from_log=True)
    logger.finalize()
    assert "no state of it was loaded" not in caplog.text
    history = rlviz.read(tmp_path)
    assert list(history.step) == [40, 80, 120, 160]
    assert list(history.columns["session"]) == [0, 0, 1, 1]
    assert cumulative(history) == [n * (STEPS * ROW + UPDATE) for n in (1, 2, 3, 4)]


def test_without_a_collector_all_flops_are_those_of_the_update(tmp_path):
    training = Training()
    logger = RLVizLogger(tmp_path, algorithm=training.algorithm, figure_seconds=None)
    training.run(logger, 2)
    logger.finalize()
    history = rlviz.read(tmp_path)
    assert cumulative(history, "update") == [n * (STEPS * ROW + UPDATE) for n in (1, 2)]
    assert "flops/rollout" not in history.columns
    assert np.isnan(history.accuracy).all()


def test_a_framework_that_is_missing_is_an_import_error_in_words(run_python):
    code = "import sys; sys.modules['tianshou'] = None\nimport rlviz.integrations.tianshou"
    result = run_python("-c", code)
    assert "needs tianshou 2.0 or newer" in result.stderr
    assert "pip install -U 'rlviz[tianshou]'" in result.stderr
