"""TorchRL's PPO with the three lines of rlviz. Run it: python torchrl_ppo.py [RUN]

FLOPs are checked against the sizes of the layers. With TorchRL's own Trainer it is one line:
`RLVizHook("runs/ppo").register(trainer)`.
"""

import sys
import tempfile

import gymnasium as gym
import numpy as np
import torch
from tensordict.nn import TensorDictModule
from torch import nn
from torchrl.collectors import Collector
from torchrl.envs import GymWrapper, RewardSum, SerialEnv, TransformedEnv
from torchrl.envs.gym_like import default_info_dict_reader
from torchrl.modules import OneHotCategorical, ProbabilisticActor, ValueOperator
from torchrl.objectives import ClipPPOLoss
from torchrl.objectives.value import GAE

import rlviz
from rlviz.integrations.torchrl import RLVizHook

CONTEXTS, ACTIONS, HIDDEN, ENVS, FRAMES, EPOCHS, BATCHES = 8, 4, 32, 4, 256, 8, 25


class Guess(gym.Env):
    """One guess: which action fits the context?"""

    observation_space = gym.spaces.Box(0.0, 1.0, (CONTEXTS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.context = int(self.np_random.integers(CONTEXTS))
        return np.eye(CONTEXTS, dtype=np.float32)[self.context], {"is_success": np.bool_(False)}

    def step(self, action):
        right = np.bool_(action == self.context % ACTIONS)
        observation, _ = self.reset()
        return observation, float(right), True, False, {"is_success": right}


def make_env():
    env = GymWrapper(Guess())
    env.set_info_dict_reader(default_info_dict_reader(["is_success"]))
    return env


def main(logdir: str) -> None:
    torch.set_num_threads(1)  # layers this small are slower on several
    torch.manual_seed(0)
    actor_net = nn.Sequential(nn.Linear(CONTEXTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, ACTIONS))
    critic_net = nn.Sequential(nn.Linear(CONTEXTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))
    actor = ProbabilisticActor(
        TensorDictModule(actor_net, ["observation"], ["logits"]),
        in_keys=["logits"],
        distribution_class=OneHotCategorical,
        return_log_prob=True,
    )
    critic = ValueOperator(critic_net, in_keys=["observation"])
    advantage = GAE(gamma=0.99, lmbda=0.95, value_network=critic)
    loss_module = ClipPPOLoss(actor, critic)
    optimizer = torch.optim.Adam(loss_module.parameters(), 3e-3)
    env = TransformedEnv(SerialEnv(ENVS, make_env), RewardSum())
    env.set_seed(0)
    collector = Collector(
        env, actor, frames_per_batch=FRAMES, total_frames=BATCHES * FRAMES, trust_policy=True
    )

    hook = RLVizHook(logdir, modules=[actor, loss_module, advantage])  # 1
    frames = 0
    for batch in collector:
        hook.collected(batch)  # 2
        with torch.no_grad():
            advantage(batch)
        rows = batch.reshape(-1)
        for _ in range(EPOCHS):
            losses = loss_module(rows)
            sum(value for key, value in losses.items() if key.startswith("loss_")).backward()
            optimizer.step()
            optimizer.zero_grad()
        frames += batch.numel()
        hook.step(batch, frames, losses)  # 3
    hook.close()
    collector.shutdown()

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    actor_flops = 2 * (CONTEXTS * HIDDEN + HIDDEN * ACTIONS)
    critic_flops = 2 * (CONTEXTS * HIDDEN + HIDDEN)
    inputs = 2 * 2 * CONTEXTS * HIDDEN  # gradients of the observations: nobody needs them
    rollout = frames * actor_flops
    values = 2 * frames * critic_flops  # of each observation and of the next one
    update = EPOCHS * frames * (3 * (actor_flops + critic_flops) - inputs)
    assert run.exact_flops()[-1] == rollout + values + update
    assert list(run.step) == [n * FRAMES for n in range(1, BATCHES + 1)]
    assert run.accuracy[0] < 0.4
    assert run.accuracy[-3:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="torchrl_ppo-"))
