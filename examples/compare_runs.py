"""Two trainings at equal compute and at equal accuracy: which of them needs less?

One trains on every batch twice, which costs more a step. Run it: python compare_runs.py [FOLDER]
"""

import sys
import tempfile
from pathlib import Path

import torch

import rlviz

STEPS, BATCH, CONTEXTS, ACTIONS = 250, 128, 32, 8
WEIGHTS = CONTEXTS * ACTIONS


def train(logdir: Path, epochs: int) -> None:
    torch.manual_seed(epochs)
    right_action = torch.arange(CONTEXTS) % ACTIONS
    policy = torch.nn.Linear(CONTEXTS, ACTIONS)
    optimizer = torch.optim.SGD(policy.parameters(), lr=4.0)
    flops = {"rollout": 2 * WEIGHTS * BATCH, "update": epochs * 4 * WEIGHTS * BATCH}
    with rlviz.Callback(logdir, config={"epochs": epochs}, figure_seconds=None) as viz:
        for step in range(1, STEPS + 1):
            context = torch.randint(CONTEXTS, (BATCH,))
            inputs = torch.nn.functional.one_hot(context, CONTEXTS).float()
            with torch.no_grad():
                sampled = torch.distributions.Categorical(logits=policy(inputs))
                action = sampled.sample()
                before = sampled.log_prob(action)
            reward = (action == right_action[context]).float()
            for _ in range(epochs):
                now = torch.distributions.Categorical(logits=policy(inputs)).log_prob(action)
                loss = -((now - before).exp() * (reward - reward.mean())).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            viz.on_step_end(step, correct=reward, flops=flops, metrics={"loss": loss})


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    for epochs in (1, 2):
        train(folder / f"epochs-{epochs}", epochs)
    runs = {f"epochs-{n}": rlviz.read(folder / f"epochs-{n}") for n in (1, 2)}
    comparison = rlviz.compare(runs)
    print(comparison.markdown())
    once, twice = (run.exact_flops()[-1] for run in runs.values())
    assert once == STEPS * 6 * WEIGHTS * BATCH
    assert twice == STEPS * 10 * WEIGHTS * BATCH
    for level in comparison.at_accuracy:  # the second epoch costs less than it brings
        if level.level >= 0.4:
            needs = level.multipliers["epochs-2"]
            assert needs is not None
            assert 1 < needs.low < needs.value < needs.high < 10 / 6


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="compare_runs-")))
