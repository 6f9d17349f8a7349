"""Stable-Baselines3 with the three lines of rlviz. Run it: python sb3_ppo.py [RUN]

FLOPs are checked against the sizes of the layers.
"""

import sys
import tempfile

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import rlviz
from rlviz.integrations.stable_baselines3 import RLVizCallback  # 1

CONTEXTS, ACTIONS, HIDDEN, ENVS, STEPS, EPOCHS, CYCLES = 8, 4, 32, 4, 64, 4, 30


class Guess(gym.Env):
    """One guess: which action fits the context?"""

    observation_space = gym.spaces.Box(0.0, 1.0, (CONTEXTS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.context = int(self.np_random.integers(CONTEXTS))
        return np.eye(CONTEXTS, dtype=np.float32)[self.context], {}

    def step(self, action):
        right = action == self.context % ACTIONS
        observation, _ = self.reset()
        return observation, float(right), True, False, {"is_success": right}


def main(logdir: str) -> None:
    torch.set_num_threads(1)  # layers this small are slower on several
    model = PPO(
        "MlpPolicy",
        make_vec_env(Guess, ENVS, seed=0),
        n_steps=STEPS,
        batch_size=64,
        n_epochs=EPOCHS,
        learning_rate=3e-3,
        policy_kwargs={"net_arch": [HIDDEN]},
        seed=0,
        device="cpu",
    )
    callback = RLVizCallback(logdir)  # 2
    model.learn(CYCLES * ENVS * STEPS, callback=callback)  # 3

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    rows = CYCLES * ENVS * STEPS
    actor = 2 * (CONTEXTS * HIDDEN + HIDDEN * ACTIONS)
    critic = 2 * (CONTEXTS * HIDDEN + HIDDEN)
    inputs = 2 * 2 * CONTEXTS * HIDDEN  # gradients of the observations: nobody needs them
    rollout = rows * (actor + critic) + CYCLES * ENVS * critic
    update = EPOCHS * rows * (3 * (actor + critic) - inputs)
    assert run.exact_flops()[-1] == rollout + update
    assert run.step[-1] == rows
    assert run.accuracy[:2].mean() < 0.45
    assert run.accuracy[-5:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="sb3_ppo-"))
