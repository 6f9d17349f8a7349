"""Stable-Baselines3, by real trainings; their FLOPs are calculated again from the layers' sizes."""

import os
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("stable_baselines3", reason="needs: pip install rlviz[sb3]")

import gymnasium as gym
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CheckpointCallback,
    ConvertCallback,
    EvalCallback,
)
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy

from rlviz.integrations.stable_baselines3 import RLVizCallback

OBS, HIDDEN, ACTIONS, LENGTH = 4, 8, 3, 5


class Guess(gym.Env):
    """Five rounds of guessing which of three actions fits the context; all right is a success."""

    observation_space = gym.spaces.Box(0.0, 1.0, (OBS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)
    says_success = True
    ended: ClassVar = []  # (return, success) of every episode of all environments

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.round = self.right = 0
        return self.show(), {}

    def show(self):
        self.context = int(self.np_random.integers(OBS))
        return np.eye(OBS, dtype=np.float32)[self.context]

    def reward(self, action):
        return float(action == self.context % ACTIONS)

    def step(self, action):
        reward = self.reward(action)
        self.right += reward
        self.round += 1
        over = self.round == LENGTH
        info = {}
        if over:
            success = self.right == LENGTH
            type(self).ended.append((self.right, success))
            if self.says_success:
                info["is_success"] = success
        return self.show(), reward, over, False, info


class Continuous(Guess):
    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
    ended: ClassVar = []

    def reward(self, action):
        return float(abs(action[0]) < 0.5)


@pytest.fixture(autouse=True)
def no_episodes():
    Guess.ended, Continuous.ended, Guess.says_success = [], [], True


NET = {"net_arch": [HIDDEN, HIDDEN]}


def ppo(envs=2, **options):
    return PPO(
        "MlpPolicy",
        make_vec_env(Guess, envs, seed=0),
        **{"n_steps": 20, "batch_size": 20, "n_epochs": 2, "seed": 0, **options},
        policy_kwargs=dict(NET),
        device="cpu",
    )


def viz(path, **options):
    return RLVizCallback(path, figure_seconds=None, **options)


def mlp(*sizes):
    """FLOPs of one row through linear layers."""
    return sum(2 * a * b for a, b in pairwise(sizes))


def backward(forward, *first_layers):
    """Two products for each of forward, without the gradient of what the first layers are given."""
    return 2 * forward - sum(2 * a * b for a, b in first_layers)


ACTOR = mlp(OBS, HIDDEN, HIDDEN, ACTIONS)
CRITIC = mlp(OBS, HIDDEN, HIDDEN, 1)


def ppo_flops(cycles, envs=2, steps=20, epochs=2):
    rows = cycles * envs * steps
    both = ACTOR + CRITIC
    rollout = rows * both + cycles * envs * CRITIC  # the value of the last observation
    update = epochs * rows * (both + backward(both, (OBS, HIDDEN), (OBS, HIDDEN)))
    return {"rollout": rollout, "update": update}


def cumulative(history, phase):
    return [int(n) for n in history.columns[f"flops/{phase}"]]


class TestPPO:
    def test_a_step_is_a_rollout_with_the_update_after_it(self, tmp_path):
        ppo().learn(120, callback=viz(tmp_path))
        history = rlviz.read(tmp_path)
        assert list(history.step) == [40, 80, 120]
        for phase in ("rollout", "update"):
            expected = [ppo_flops(n)[phase] for n in (1, 2, 3)]
            assert cumulative(history, phase) == expected
        assert history.exact_flops()[-1] == sum(ppo_flops(3).values())
        assert history.conventions == ("exact",)

    def test_passes_are_counted_as_they_run_and_by_no_other_convention(self, tmp_path):
        with pytest.raises(ValueError, match="FLOPs are counted here by 'exact'"):
            viz(tmp_path, convention="6N")

    def test_accuracy_is_the_rate_of_success_and_the_return_a_metric(self, tmp_path):
        ppo().learn(120, callback=viz(tmp_path))
        history = rlviz.read(tmp_path)
        assert history.columns["graded"].sum() == len(Guess.ended) == 120 // LENGTH
        assert history.columns["correct"].sum() == sum(success for _, success in Guess.ended)
        first = [total for total, _ in Guess.ended[:8]]
        assert history.columns["metrics/return"][0] == pytest.approx(np.mean(first))
        assert list(history.columns["metrics/episode_length"]) == [LENGTH] * 3

    def test_environments_are_counted_under_their_own_name_only(self, tmp_path):
        ppo(envs=3).learn(60, callback=viz(tmp_path))
        history = rlviz.read(tmp_path)
        assert list(history.columns["metrics/num_envs"]) == [3]
        assert np.isnan(history.parallelism).all()

    def test_without_a_success_in_the_episodes_there_is_no_accuracy(self, tmp_path):
        Guess.says_success = False
        ppo().learn(40, callback=viz(tmp_path))
        history = rlviz.read(tmp_path)
        assert np.isnan(history.accuracy).all()
        assert history.columns["metrics/return"][0] >= 0

    def test_values_of_the_training_come_along(self, tmp_path):
        model = ppo()
        model.learn(80, callback=viz(tmp_path))
        history = rlviz.read(tmp_path)
        assert list(history.columns["metrics/train/n_updates"]) == [2, 4]
        assert history.columns["metrics/train/loss"][-1] == model.logger.name_to_value["train/loss"]

    def test_features_of_their_own_for_actor_and_critic_are_counted_too(self, tmp_path):
        model = PPO(
            "MlpPolicy",
            make_vec_env(Guess, 2, seed=0),
            **{"n_steps": 20, "batch_size": 20, "n_epochs": 2, "device": "cpu"},
            policy_kwargs={**NET, "share_features_extractor": False},
        )
        model.learn(40, callback=viz(tmp_path))
        assert rlviz.read(tmp_path).exact_flops()[-1] == sum(ppo_flops(1).values())

    def test_an_extractor_of_ones_own_may_be_entered_anywhere(self, tmp_path):
        class Own(nn.Module):
            latent_dim_pi = latent_dim_vf = HIDDEN

            def __init__(self):
                super().__init__()
                self.first = nn.Linear(OBS, HIDDEN)
                self.rest = nn.Sequential(nn.Linear(HIDDEN, HIDDEN), nn.Tanh())

            def forward(self, x):
                return self.forward_actor(x), self.forward_critic(x)

            def forward_actor(self, x):
                return self.rest[1](self.rest[0](self.first(x)))

            def forward_critic(self, x):
                return self.rest(self.first(x))

        class Policy(ActorCriticPolicy):
            def _build_mlp_extractor(self):
                self.mlp_extractor = Own()

        options = {"n_steps": 20, "batch_size": 20, "n_epochs": 2, "device": "cpu"}
        model = PPO(Policy, make_vec_env(Guess, 2, seed=0), **options)
        model.learn(40, callback=viz(tmp_path))
        assert rlviz.read(tmp_path).exact_flops()[-1] == sum(ppo_flops(1).values())

    def test_a_compiled_policy_is_counted_as_well(self, tmp_path):
        model = ppo()
        model.policy = torch.compile(model.policy, backend="eager")
        model.learn(40, callback=viz(tmp_path))
        assert rlviz.read(tmp_path).exact_flops()[-1] == sum(ppo_flops(1).values())


class TestOffPolicy:
    def test_dqn_closes_a_step_after_a_period(self, tmp_path):
        model = DQN(
            "MlpPolicy",
            make_vec_env(Guess, 1, seed=0),
            **{"learning_starts": 20, "train_freq": 4, "gradient_steps": 2, "batch_size": 16},
            **{"exploration_initial_eps": 0.0, "exploration_final_eps": 0.0, "seed": 0},
            policy_kwargs=dict(NET),
            device="cpu",
        )
        model.learn(200, callback=viz(tmp_path, period=50))
        history = rlviz.read(tmp_path)
        assert list(history.step) == [52, 104, 156, 200]  # a rollout is four timesteps
        q = mlp(OBS, HIDDEN, HIDDEN, ACTIONS)
        rollout = [(n - 20) * q for n in history.step]
        # After each rollout from the 24th timestep on: the target's pass, the network's and its
        # backward pass, twice, in 16 rows.
        each = 2 * 16 * (2 * q + backward(q, (OBS, HIDDEN)))
        update = [(n - 20) // 4 * each for n in history.step]
        assert cumulative(history, "rollout") == rollout
        assert cumulative(history, "update") == update
        assert history.columns["graded"].sum() == len(Guess.ended) == 40

    def test_sac_counts_actor_critics_and_targets(self, tmp_path):
        env = make_vec_env(Continuous, 2, seed=0)
        options = {"learning_starts": 10, "batch_size": 16, "train_freq": 1, "gradient_steps": 1}
        model = SAC("MlpPolicy", env, **options, seed=0, policy_kwargs=dict(NET), device="cpu")
        model.learn(100, callback=viz(tmp_path))  # less than a period of 1,000
        history = rlviz.read(tmp_path)
        assert list(history.step) == [100]
        actor = mlp(OBS, HIDDEN, HIDDEN) + 2 * mlp(HIDDEN, 2)  # mean and standard deviation
        first = (OBS + 2, HIDDEN)
        critics = 2 * mlp(OBS + 2, HIDDEN, HIDDEN, 1)
        acts = (100 - 10) // 2  # calls of the policy, for two environments each
        updates = (100 - 10) // 2
        each = (
            (2 * actor + backward(actor, (OBS, HIDDEN)))  # now and next, now with gradient
            + (critics + critics + backward(critics, first, first))  # targets; their loss
            + (critics + 2 * critics)  # through the critics into the action
        )
        assert cumulative(history, "rollout") == [acts * 2 * actor]
        assert cumulative(history, "update") == [updates * 16 * each]

    @pytest.mark.parametrize("period", [0, 2.5, True])
    def test_a_period_is_a_whole_number(self, tmp_path, period):
        with pytest.raises(ValueError, match="period must be a whole number of timesteps > 0"):
            viz(tmp_path, period=period)


class TestResume:
    def test_a_loaded_model_goes_on_where_it_was_saved(self, tmp_path, caplog):
        model = ppo()
        model.learn(80, callback=viz(tmp_path / "run"))
        model.save(tmp_path / "model")
        again = PPO.load(tmp_path / "model", make_vec_env(Guess, 2, seed=1), device="cpu")
        again.learn(80, callback=viz(tmp_path / "run"), reset_num_timesteps=False)
        assert "no state of it was loaded" not in caplog.text
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [40, 80, 120, 160]
        assert list(history.columns["session"]) == [0, 0, 1, 1]
        assert cumulative(history, "total") == [sum(ppo_flops(n).values()) for n in (1, 2, 3, 4)]

    def test_after_a_crash_no_step_stands_twice_and_none_goes_back(self, tmp_path):
        class CrashError(Exception):
            pass

        saves = CheckpointCallback(25, tmp_path, name_prefix="ppo")

        def crash(locals_, globals_):
            if locals_["self"].num_timesteps == 110:
                raise CrashError
            return True

        callbacks = [viz(tmp_path / "run"), saves, ConvertCallback(crash)]
        with pytest.raises(CrashError):
            ppo().learn(400, callback=callbacks)
        callbacks[0].viz.close()
        env = make_vec_env(Guess, 2, seed=1)
        again = PPO.load(tmp_path / "ppo_50_steps", env, device="cpu")
        again.learn(80, callback=viz(tmp_path / "run"), reset_num_timesteps=False)
        history = rlviz.read(tmp_path / "run")
        assert list(history.step) == [40, 90, 130]
        # The ten timesteps between the last update and the checkpoint went into no weights.
        assert cumulative(history, "total") == [sum(ppo_flops(n).values()) for n in (1, 2, 3)]

    def test_another_learn_with_the_same_callback_goes_on(self, tmp_path):
        model, callback = ppo(), viz(tmp_path)
        model.learn(40, callback=callback)
        model.learn(40, callback=callback)  # SB3 counts timesteps from 0 again
        model.learn(40, callback=callback, reset_num_timesteps=False)
        history = rlviz.read(tmp_path)
        assert list(history.step) == [40, 80, 120]
        assert history.exact_flops()[-1] == sum(ppo_flops(3).values())

    @pytest.mark.parametrize("reset", [True, False])
    def test_a_learn_after_one_that_was_interrupted_goes_on(self, tmp_path, reset):
        class Interrupt(BaseCallback):
            def _on_step(self):
                if self.num_timesteps == 100:
                    raise KeyboardInterrupt
                return True

        model, callback = ppo(), viz(tmp_path)
        with pytest.raises(KeyboardInterrupt):
            model.learn(200, callback=[callback, Interrupt()])
        model.learn(80, callback=callback, reset_num_timesteps=reset)
        history = rlviz.read(tmp_path)
        assert list(history.session) == [0, 0, 1, 1]
        assert list(history.step) == [40, 80, 120, 160] if reset else [40, 80, 140, 180]
        flops = history.exact_flops()
        assert flops == sorted(flops)

    def test_a_loaded_model_that_counts_from_zero_again_is_a_run_of_its_own(self, tmp_path):
        model = ppo()
        model.learn(40, callback=viz(tmp_path / "a"))
        model.save(tmp_path / "model")
        again = PPO.load(tmp_path / "model", make_vec_env(Guess, 2, seed=1), device="cpu")
        again.learn(40, callback=viz(tmp_path / "b"))
        history = rlviz.read(tmp_path / "b")
        assert list(history.step) == [40]
        assert history.exact_flops()[-1] == sum(ppo_flops(1).values())


class TestEvaluation:
    def evaluates(self):
        env = make_vec_env(Guess, 1, seed=3)
        return EvalCallback(env, eval_freq=20, n_eval_episodes=4, verbose=0)

    def test_its_flops_are_kept_apart_from_the_total(self, tmp_path):
        ppo().learn(80, callback=[self.evaluates(), viz(tmp_path)])
        history = rlviz.read(tmp_path)
        assert cumulative(history, "evaluation") == [n * 4 * LENGTH * ACTOR for n in (1, 2)]
        assert cumulative(history, "total") == [sum(ppo_flops(n).values()) for n in (1, 2)]

    def test_in_the_wrong_order_it_is_said(self, tmp_path, caplog):
        ppo().learn(40, callback=[viz(tmp_path), self.evaluates()])
        assert "its FLOPs count as rollout. Pass it before" in caplog.text
        total = sum(ppo_flops(1).values()) + 4 * LENGTH * ACTOR
        assert rlviz.read(tmp_path).exact_flops()[-1] == total


def test_a_framework_that_is_missing_is_an_import_error_in_words(run_python):
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "import rlviz.integrations.stable_baselines3"
    )
    result = run_python("-c", code)
    assert "needs stable-baselines3 2.4 or newer" in result.stderr
    assert "pip install -U 'rlviz[sb3]'" in result.stderr
