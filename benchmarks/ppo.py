"""A small PPO, as real as it gets in milliseconds: what `overhead.py` trains with and without logs.

Clipped PPO with GAE, as in CleanRL, on cart-poles in NumPy. Two runs of a seed do the same work,
number for number, so that only the logger makes a difference.
"""

import math

import numpy as np
import torch
from loggers import Scalars
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float32]
ENVIRONMENTS = 8
HORIZON = 8
EPOCHS = 2
MINIBATCHES = 2
DISCOUNT, GAE, CLIP = 0.99, 0.95, 0.2


class CartPoles:
    """Cart-pole of Barto, Sutton and Anderson (1983), many at once; one that fell starts anew."""

    def __init__(self, count: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.state = self._fresh(count)

    def step(self, actions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Push each cart to the left (0) or to the right (1); which of them fell."""
        _, speed, angle, turn = self.state.T
        force = np.where(actions == 1, 10.0, -10.0)
        cosine, sine = np.cos(angle), np.sin(angle)
        push = (force + 0.05 * turn**2 * sine) / 1.1
        spin = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        change = np.stack((speed, push - 0.05 * spin * cosine / 1.1, turn, spin), axis=1)
        self.state = (self.state + 0.02 * change).astype(np.float32)
        fell = (np.abs(self.state[:, 0]) > 2.4) | (np.abs(self.state[:, 2]) > math.radians(12))
        self.state[fell] = self._fresh(int(fell.sum()))
        return np.asarray(fell)

    def _fresh(self, count: int) -> Floats:
        return self._random.uniform(-0.05, 0.05, (count, 4)).astype(np.float32)


def network(outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, outputs)
    )


class Ppo:
    """A run of training; call it for one update: a rollout, then the epochs on it."""

    def __init__(self, seed: int = 1) -> None:
        torch.manual_seed(seed)
        self._poles = CartPoles(ENVIRONMENTS, seed)
        self._actor, self._critic = network(2), network(1)
        self._parameters = [*self._actor.parameters(), *self._critic.parameters()]
        self._optimizer = torch.optim.Adam(self._parameters, lr=2.5e-3, eps=1e-5)
        weights = sum(p.numel() for p in self._parameters if p.dim() == 2)
        samples = ENVIRONMENTS * HORIZON
        # Forward passes of the rollout, with the state behind it, then three times that an epoch.
        self._flops = 2 * weights * (samples + ENVIRONMENTS + 3 * EPOCHS * samples)

    def __call__(self) -> Scalars:
        states, actions, logprobs, values, fell = self._rollout()
        advantages = self._advantages(values, fell)
        batch = (
            states.flatten(0, 1),
            actions.flatten(),
            logprobs.flatten(),
            advantages.flatten(),
            (advantages + values[:-1]).flatten(),
        )
        for _ in range(EPOCHS):
            for part in torch.randperm(len(batch[0])).chunk(MINIBATCHES):
                loss, kl = self._minibatch(*(column[part] for column in batch))
        return Scalars(
            accuracy=1 - float(fell.mean()),  # share of the steps that a pole stayed up
            parallelism=float(ENVIRONMENTS),
            flops=self._flops,
            loss=loss.item(),
            kl=kl.item(),
        )

    @torch.no_grad()
    def _rollout(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """By time, then environment; the values have the state behind the last step too."""
        states, actions, logprobs, values, fell = [], [], [], [], []
        for _ in range(HORIZON):
            states.append(torch.from_numpy(self._poles.state))
            logits = self._actor(states[-1]).log_softmax(-1)
            actions.append(torch.multinomial(logits.exp(), 1).squeeze(1))
            logprobs.append(logits.gather(1, actions[-1][:, None]).squeeze(1))
            values.append(self._critic(states[-1]).squeeze(1))
            fell.append(torch.from_numpy(self._poles.step(actions[-1].numpy())).float())
        values.append(self._critic(torch.from_numpy(self._poles.state)).squeeze(1))
        columns = (states, actions, logprobs, values, fell)
        return tuple(torch.stack(column) for column in columns)  # type: ignore[return-value]

    def _advantages(self, values: Tensor, fell: Tensor) -> Tensor:
        """Generalized advantage estimates; each step that a pole stays up has a reward of 1."""
        alive = 1 - fell
        surprise = 1 + DISCOUNT * alive * values[1:] - values[:-1]
        advantages = torch.zeros_like(fell)
        last = torch.zeros(ENVIRONMENTS)
        for t in reversed(range(HORIZON)):
            last = surprise[t] + DISCOUNT * GAE * alive[t] * last
            advantages[t] = last
        return advantages

    def _minibatch(
        self, states: Tensor, actions: Tensor, before: Tensor, advantages: Tensor, returns: Tensor
    ) -> tuple[Tensor, Tensor]:
        """One step of the optimizer; the loss, and the KL divergence from the rollout's policy."""
        logits = self._actor(states).log_softmax(-1)
        change = logits.gather(1, actions[:, None]).squeeze(1) - before
        ratio = change.exp()
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
        policy_loss = -torch.min(ratio * advantages, clipped * advantages).mean()
        value_loss = 0.5 * (self._critic(states).squeeze(1) - returns).square().mean()
        entropy = -(logits.exp() * logits).sum(1).mean()
        loss = policy_loss + 0.5 * value_loss - 0.01 * entropy
        self._optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 0.5)
        self._optimizer.step()
        return loss.detach(), (ratio - 1 - change).mean().detach()
