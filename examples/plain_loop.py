"""REINFORCE on a small bandit, with the three lines of rlviz. Run it: python plain_loop.py [RUN]"""

import sys
import tempfile

import torch

import rlviz

STEPS, BATCH, CONTEXTS, ACTIONS, HIDDEN = 200, 256, 16, 8, 32


def main(logdir: str) -> None:
    torch.manual_seed(0)
    right_action = torch.randint(ACTIONS, (CONTEXTS,))
    policy = torch.nn.Sequential(
        torch.nn.Linear(CONTEXTS, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, ACTIONS)
    )
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
    weights = CONTEXTS * HIDDEN + HIDDEN * ACTIONS
    # Of every step: the update goes back through the one forward pass, that of the rollout.
    flops = {"rollout": 2 * weights * BATCH, "update": 4 * weights * BATCH}

    config = {"lr": 1e-2, "batch": BATCH}
    with rlviz.Callback(logdir, config=config, convention="6N") as viz:  # 1
        for step in range(1, STEPS + 1):
            context = torch.randint(CONTEXTS, (BATCH,))
            actions = torch.distributions.Categorical(
                logits=policy(torch.nn.functional.one_hot(context, CONTEXTS).float())
            )
            action = actions.sample()
            reward = (action == right_action[context]).float()
            loss = -(actions.log_prob(action) * (reward - reward.mean())).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            viz.record(correct=reward, flops=flops)  # 2
            viz.on_step_end(step, metrics={"loss": loss})  # 3

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    assert list(run.step) == list(range(1, STEPS + 1))
    assert run.exact_flops()[-1] == STEPS * 6 * weights * BATCH
    assert run.accuracy[:5].mean() < 0.25, "a new policy guesses: one in eight"
    assert run.accuracy[-5:].mean() > 0.9, "the trained policy knows"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="plain_loop-"))
