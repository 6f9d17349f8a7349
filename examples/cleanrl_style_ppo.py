"""PPO in one file, as CleanRL has it, with rlviz. Run it: python cleanrl_style_ppo.py [RUN]

The agent is entered by its methods, so its FLOPs are counted part by part (`Phases`), and checked
against the sizes of the layers.
"""

import sys
import tempfile

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import rlviz
from rlviz.integrations import Phases

CONTEXTS, ACTIONS, HIDDEN = 8, 4, 32
ENVS, STEPS, EPOCHS, MINIBATCHES, ITERATIONS = 4, 64, 4, 4, 30


class Guess(gym.Env):
    """One guess: which action fits the context?"""

    observation_space = gym.spaces.Box(0.0, 1.0, (CONTEXTS,), np.float32)
    action_space = gym.spaces.Discrete(ACTIONS)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.context = int(self.np_random.integers(CONTEXTS))
        return np.eye(CONTEXTS, dtype=np.float32)[self.context], {}

    def step(self, action):
        reward = float(action == self.context % ACTIONS)
        observation, _ = self.reset()
        return observation, reward, True, False, {}


class Agent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.actor = nn.Sequential(
            nn.Linear(CONTEXTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, ACTIONS)
        )
        self.critic = nn.Sequential(nn.Linear(CONTEXTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1))

    def get_action_and_value(self, obs, action=None):
        probs = torch.distributions.Categorical(logits=self.actor(obs))
        action = probs.sample() if action is None else action
        return action, probs.log_prob(action), probs.entropy(), self.critic(obs).squeeze(-1)


def main(logdir: str) -> None:
    torch.set_num_threads(1)  # layers this small are slower on several
    torch.manual_seed(0)
    np.random.seed(0)
    envs = gym.vector.SyncVectorEnv(
        [lambda: gym.wrappers.RecordEpisodeStatistics(Guess()) for _ in range(ENVS)],
        autoreset_mode=gym.vector.AutoresetMode.SAME_STEP,
    )
    agent = Agent()
    optimizer = torch.optim.Adam(agent.parameters(), lr=3e-3)
    obs = torch.as_tensor(envs.reset(seed=0)[0])
    kept = []

    with rlviz.Callback(logdir, config={"lr": 3e-3, "num_envs": ENVS}) as viz:  # 1
        phases = Phases(agent)
        for iteration in range(1, ITERATIONS + 1):
            kept.clear()
            for _ in range(STEPS):
                with torch.no_grad():
                    action, log_prob, _, value = agent.get_action_and_value(obs)
                after, reward, _, _, info = envs.step(action.numpy())
                kept.append((obs, action, log_prob, value, torch.as_tensor(reward).float()))
                obs = torch.as_tensor(after)
                if "final_info" in info:  # several episodes may end at one step
                    ended = info["final_info"]["_episode"]
                    returns = info["final_info"]["episode"]["r"][ended]
                    viz.record(correct=returns > 0.5)  # 2
                    for one in returns:
                        viz.record(metrics={"return": one})
            phases.end("rollout")

            b_obs, b_action, b_log_prob, b_value, b_return = map(torch.cat, zip(*kept, strict=True))
            b_advantage = b_return - b_value  # an episode is one step long
            for _ in range(EPOCHS):
                for rows in torch.randperm(ENVS * STEPS).chunk(MINIBATCHES):
                    _, log_prob, entropy, value = agent.get_action_and_value(
                        b_obs[rows], b_action[rows]
                    )
                    ratio = (log_prob - b_log_prob[rows]).exp()
                    advantage = b_advantage[rows]
                    clipped = ratio.clamp(0.8, 1.2)
                    loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                    loss = loss - 0.01 * entropy.mean() + (value - b_return[rows]).square().mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
            phases.end("update")
            step = iteration * ENVS * STEPS
            viz.on_step_end(step, flops=phases.take(), metrics={"loss": loss})  # 3
    envs.close()

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    rows = ITERATIONS * ENVS * STEPS
    forward = 2 * 2 * CONTEXTS * HIDDEN + 2 * HIDDEN * (ACTIONS + 1)
    inputs = 2 * 2 * CONTEXTS * HIDDEN  # gradients of the observations: nobody needs them
    assert run.columns["flops/rollout"][-1] == rows * forward
    assert run.columns["flops/update"][-1] == EPOCHS * rows * (3 * forward - inputs)
    assert run.columns["graded"].sum() == rows
    assert run.accuracy[0] < 0.5
    assert run.accuracy[-3:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="cleanrl_style_ppo-"))
