"""RLlib, by real trainings; their FLOPs are calculated again from the layers' sizes."""

import math
import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("ray.rllib", reason="needs: pip install rlviz[rllib]")

import gymnasium as gym
import ray
from ray import tune
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.callbacks.callbacks import RLlibCallback

from rlviz.integrations.rllib import RLVizCallback

# Ray and RLlib warn of their own deprecated parts, and leave sockets to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

OBS, HIDDEN, ACTIONS, LENGTH = 4, 8, 3, 5
STEPS, MINIBATCH, EPOCHS = 40, 20, 2


class Guess(gym.Env):
    """Five rounds of guessing which of three actions fits the context; three right are success."""

    observation_space = gym.spaces.Box(0.0, 1.0, (OBS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)
    ended: ClassVar = []  # (return, success) of every episode in this process

    def __init__(self, config=None):
        self.says_success = (config or {}).get("says_success", True)

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
        info = {"is_success": self.right >= 3} if over and self.says_success else {}
        return self.show(), reward, over, False, info


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """One Ray for all tests of this file, whose workers find rlviz where this process does."""
    root = str(Path(rlviz.__file__).parents[1])
    environment = pytest.MonkeyPatch()
    environment.setenv("RAY_AUTH_MODE", "disabled")
    environment.setenv("RAY_AIR_NEW_OUTPUT", "0")
    ray.cloudpickle.register_pickle_by_value(__import__("sys").modules[__name__])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        runtime_env={"env_vars": {"PYTHONPATH": root}},
        logging_level="error",
        log_to_driver=False,
    )
    yield
    ray.shutdown()
    environment.undo()


pytestmark.append(pytest.mark.usefixtures("cluster"))


@pytest.fixture(autouse=True)
def no_episodes():
    Guess.ended.clear()


def config(logdir, *callbacks, runners=0, learners=0, **env):
    return (
        PPOConfig()
        .environment(Guess, env_config=env)
        .env_runners(num_env_runners=runners, num_envs_per_env_runner=1)
        .learners(num_learners=learners)
        .training(train_batch_size_per_learner=STEPS, minibatch_size=MINIBATCH, num_epochs=EPOCHS)
        .rl_module(model_config={"fcnet_hiddens": [HIDDEN, HIDDEN], "vf_share_layers": False})
        .callbacks([RLVizCallback(logdir, figure_seconds=None), *callbacks])
        .debugging(seed=0, log_level="ERROR")
    )


def trained(settings, iterations, checkpoint=None, save=None):
    algorithm = settings.build_algo()
    try:
        if checkpoint:
            algorithm.restore_from_path(checkpoint)
        results = [algorithm.train() for _ in range(iterations)]
        if save:
            algorithm.save_to_path(save)
        return results
    finally:
        algorithm.stop()


BODY = 2 * (OBS * HIDDEN + HIDDEN * HIDDEN)
FIRST = 2 * OBS * HIDDEN
ACTOR = BODY + 2 * HIDDEN * ACTIONS
CRITIC = BODY + 2 * HIDDEN


def flops(iterations):
    """Cumulative FLOPs after so many iterations of one environment, whose episodes all end in one.

    The vector environment takes a pass of its own to begin an episode after another, so every
    episode but the very first costs one more. The learner values each observation and the last one
    of each episode, and cuts all these rows into as many full minibatches as two epochs need.
    """
    steps = iterations * STEPS
    episodes = steps // LENGTH
    rows = STEPS + STEPS // LENGTH
    trained = math.ceil(EPOCHS * rows / MINIBATCH) * MINIBATCH
    both = ACTOR + CRITIC
    return {
        "rollout": (steps + episodes - 1) * ACTOR,
        "update": iterations * (rows * CRITIC + trained * (3 * both - 2 * FIRST)),
    }


def cumulative(history, phase="total"):
    return list(history.columns[f"flops/{phase}"])


def expected(iterations, phase=None):
    return [flops(n)[phase] if phase else sum(flops(n).values()) for n in range(1, iterations + 1)]


class TestIterations:
    def test_each_is_a_step_with_its_phases(self, tmp_path):
        trained(config(tmp_path), 3)
        history = rlviz.read(tmp_path)
        assert list(history.step) == [1, 2, 3]
        assert cumulative(history, "rollout") == expected(3, "rollout")
        assert cumulative(history, "update") == expected(3, "update")
        assert list(history.columns["metrics/env_steps"]) == [40, 80, 120]
        assert "metrics/learners/default_policy/policy_loss" in history.columns
        assert np.isnan(history.parallelism).all()

    def test_accuracy_is_the_rate_of_success_and_the_return_a_metric(self, tmp_path):
        results = trained(config(tmp_path), 2)
        history = rlviz.read(tmp_path)
        assert list(history.columns["graded"]) == [8, 8]
        assert history.columns["correct"].sum() == sum(success for _, success in Guess.ended)
        first = np.mean([total for total, _ in Guess.ended[:8]])
        assert history.columns["metrics/return"][0] == pytest.approx(first)
        assert not [key for result in results for key in result["env_runners"] if "rlviz" in key]
        assert "rlviz_state" not in results[1]

    def test_without_a_success_only_a_metric_of_that_name_is_an_accuracy(self, tmp_path):
        class Grades(RLlibCallback):
            def on_episode_end(self, *, metrics_logger, **kwargs):
                metrics_logger.log_value("accuracy", 0.25, reduce="mean")

        trained(config(tmp_path / "a", Grades, says_success=False), 1)
        trained(config(tmp_path / "b", says_success=False), 1)
        assert list(rlviz.read(tmp_path / "a").accuracy) == [0.25]
        history = rlviz.read(tmp_path / "b")
        assert np.isnan(history.accuracy).all()
        assert np.isfinite(history.columns["metrics/return"]).all()

    def test_a_metric_of_that_name_that_is_none_is_not_taken(self, tmp_path):
        class Percent(RLlibCallback):
            def on_episode_end(self, *, metrics_logger, **kwargs):
                metrics_logger.log_value("accuracy", 55.0, reduce="mean")

        trained(config(tmp_path, Percent, says_success=False), 1)
        assert np.isnan(rlviz.read(tmp_path).accuracy).all()

    def test_evaluation_is_kept_apart_and_counted_once(self, tmp_path):
        settings = config(tmp_path).evaluation(
            evaluation_interval=2, evaluation_duration=4, evaluation_num_env_runners=0
        )
        trained(settings, 3)  # the third result repeats the second's evaluation
        history = rlviz.read(tmp_path)
        passes = 4 * LENGTH + 3  # of four episodes, three of them begun after another
        np.testing.assert_array_equal(
            cumulative(history, "evaluation"), [np.nan, passes * ACTOR, passes * ACTOR]
        )
        assert cumulative(history) == expected(3)

    def test_env_runners_and_learners_in_processes_of_their_own_are_counted(self, tmp_path):
        trained(config(tmp_path, runners=1, learners=1), 2)
        history = rlviz.read(tmp_path)
        assert cumulative(history, "rollout") == expected(2, "rollout")
        assert cumulative(history, "update") == expected(2, "update")
        assert list(history.columns["graded"]) == [8, 8]
        assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1


class TestResume:
    def test_another_algorithm_goes_on_from_a_checkpoint(self, tmp_path, caplog):
        trained(config(tmp_path), 2, save=tmp_path / "checkpoint")
        trained(config(tmp_path), 2, checkpoint=tmp_path / "checkpoint")
        assert "no state of it was loaded" not in caplog.text
        history = rlviz.read(tmp_path)
        assert list(history.step) == [1, 2, 3, 4]
        assert list(history.columns["session"]) == [0, 0, 1, 1]
        # Its environment begins its very first episode once more.
        assert cumulative(history) == [
            total - ACTOR * (n > 2) for n, total in enumerate(expected(4), 1)
        ]

    def test_a_running_algorithm_goes_back_to_its_checkpoint(self, tmp_path):
        algorithm = config(tmp_path).build_algo()
        algorithm.train()
        algorithm.save_to_path(tmp_path / "checkpoint")
        algorithm.train()
        algorithm.restore_from_path(tmp_path / "checkpoint")
        algorithm.train()
        algorithm.stop()
        history = rlviz.read(tmp_path)
        assert list(history.step) == [1, 2]
        assert list(history.columns["session"]) == [0, 1]
        assert cumulative(history)[1] < 2.1 * cumulative(history)[0]


class TestTune:
    def test_each_trial_is_a_run_and_goes_on_after_a_failure(self, tmp_path):
        failed = tmp_path / "failed"

        class Fails(RLlibCallback):
            def on_train_result(self, *, algorithm, **kwargs):
                if algorithm.iteration == 2 and not failed.exists():
                    failed.touch()
                    raise OSError("no space left")

        settings = config(tmp_path / "runs", Fails)
        tuner = tune.Tuner(
            PPO,
            param_space=settings.training(lr=tune.grid_search([1e-3, 1e-4])),
            run_config=tune.RunConfig(
                storage_path=str(tmp_path / "tune"),
                stop={"training_iteration": 3},
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
                failure_config=tune.FailureConfig(max_failures=1),
                verbose=0,
            ),
        )
        results = tuner.fit()
        assert not results.errors
        runs = [rlviz.read(path) for path in sorted((tmp_path / "runs").iterdir())]
        assert [list(run.step) for run in runs] == [[1, 2, 3], [1, 2, 3]]
        sessions = sorted(tuple(run.columns["session"]) for run in runs)
        assert sessions == [(0, 0, 0), (0, 1, 1)]
        for run in runs:
            again = run.columns["session"]
            assert cumulative(run) == [
                total - ACTOR * session for total, session in zip(expected(3), again, strict=True)
            ]


def test_the_old_api_stack_is_refused_in_words(tmp_path):
    old = (
        PPOConfig()
        .environment(Guess)
        .env_runners(num_env_runners=0)
        .callbacks(RLVizCallback(tmp_path))
        .api_stack(enable_rl_module_and_learner=False, enable_env_runner_and_connector_v2=False)
    )
    with pytest.raises(ValueError, match="needs RLlib's new API stack"):
        old.build_algo()


def test_a_relative_run_directory_is_that_of_the_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    callback = RLVizCallback("runs/ppo")
    monkeypatch.chdir("/")
    assert callback()._logdir == str(tmp_path / "runs" / "ppo")


def test_a_framework_that_is_missing_is_an_import_error_in_words(run_python):
    code = "import sys; sys.modules['ray'] = None\nimport rlviz.integrations.rllib"
    result = run_python("-c", code)
    assert "needs ray 2.52 or newer" in result.stderr
    assert "pip install -U 'rlviz[rllib]'" in result.stderr
