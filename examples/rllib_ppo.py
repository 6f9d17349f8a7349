"""RLlib's PPO with the three lines of rlviz. Run it: python rllib_ppo.py [RUN]

FLOPs are checked against the sizes of the layers. `num_env_runners=2, num_learners=1` would count
them in processes of their own.
"""

import sys
import tempfile

import gymnasium as gym
import numpy as np
import ray
import torch
from ray.rllib.algorithms.ppo import PPOConfig

import rlviz
from rlviz.integrations.rllib import RLVizCallback  # 1

CONTEXTS, ACTIONS, HIDDEN, ROUNDS, BATCH, EPOCHS, ITERATIONS = 8, 4, 32, 4, 240, 4, 14


class Guess(gym.Env):
    """Four guesses: which action fits the context? Three right ones are a success."""

    observation_space = gym.spaces.Box(0.0, 1.0, (CONTEXTS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def __init__(self, config=None):
        pass

    def show(self):
        self.context = int(self.np_random.integers(CONTEXTS))
        return np.eye(CONTEXTS, dtype=np.float32)[self.context]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.round = self.right = 0
        return self.show(), {}

    def step(self, action):
        reward = float(action == self.context % ACTIONS)
        self.right += reward
        self.round += 1
        over = self.round == ROUNDS
        info = {"is_success": self.right >= 3} if over else {}
        return self.show(), reward, over, False, info


def main(logdir: str) -> None:
    torch.set_num_threads(1)  # layers this small are slower on several
    config = (
        PPOConfig()
        .environment(Guess)
        .env_runners(num_env_runners=0)
        .learners(num_learners=0)
        .training(train_batch_size_per_learner=BATCH, minibatch_size=60, num_epochs=EPOCHS, lr=3e-3)
        .rl_module(model_config={"fcnet_hiddens": [HIDDEN], "vf_share_layers": False})
        .callbacks(RLVizCallback(logdir))  # 2
        .debugging(seed=0, log_level="ERROR")
    )
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    algorithm = config.build_algo()
    for _ in range(ITERATIONS):
        algorithm.train()
    algorithm.stop()  # 3: writes the last figure and summary
    ray.shutdown()

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    actor = 2 * (CONTEXTS * HIDDEN + HIDDEN * ACTIONS)
    critic = 2 * (CONTEXTS * HIDDEN + HIDDEN)
    inputs = 2 * 2 * CONTEXTS * HIDDEN  # gradients of the observations: nobody needs them
    # A pass begins every episode but the first; the learner also sees each last observation, and
    # cuts whole minibatches of 60: 4 x 300 rows are 20.
    episodes = BATCH // ROUNDS
    rollout = (ITERATIONS * (BATCH + episodes) - 1) * actor
    values = ITERATIONS * (BATCH + episodes) * critic
    update = ITERATIONS * EPOCHS * (BATCH + episodes) * (3 * (actor + critic) - inputs)
    assert run.exact_flops()[-1] == rollout + values + update
    assert list(run.step) == list(range(1, ITERATIONS + 1))
    assert list(run.columns["graded"]) == [episodes] * ITERATIONS
    assert run.accuracy[0] < 0.3
    assert run.accuracy[-3:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="rllib_ppo-"))
