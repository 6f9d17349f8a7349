"""A loop with Accelerate and gradient accumulation, with rlviz as its tracker.

Run it: python accelerate_loop.py [RUN]; or on two processes: accelerate launch --num_processes 2 …
"""

import sys
import tempfile

import torch
from accelerate import Accelerator

import rlviz
from rlviz.integrations.accelerate import RLVizTracker

STEPS, ACCUMULATED, BATCH, CONTEXTS, ACTIONS = 80, 4, 64, 16, 8


def main(logdir: str) -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    accelerator = Accelerator(
        cpu=True, gradient_accumulation_steps=ACCUMULATED, log_with=RLVizTracker(logdir)
    )
    accelerator.init_trackers("bandit", config={"lr": 0.1, "batch": BATCH * ACCUMULATED})
    right_action = torch.randint(ACTIONS, (CONTEXTS,))
    policy = torch.nn.Linear(CONTEXTS, ACTIONS)
    policy, optimizer = accelerator.prepare(policy, torch.optim.Adam(policy.parameters(), lr=0.1))
    weights, ranks = CONTEXTS * ACTIONS, accelerator.num_processes
    # The input needs no gradient, so the backward pass is one product.
    flops = {"flops/rollout": 2 * weights * BATCH, "flops/update": 4 * weights * BATCH}
    spent = {phase: each * ACCUMULATED * ranks for phase, each in flops.items()}

    for step in range(1, STEPS + 1):
        rewards, losses = [], []
        for _ in range(ACCUMULATED):
            with accelerator.accumulate(policy):
                context = torch.randint(CONTEXTS, (BATCH,))
                inputs = torch.nn.functional.one_hot(context, CONTEXTS).float()
                with torch.no_grad():
                    action = torch.distributions.Categorical(logits=policy(inputs)).sample()
                reward = (action == right_action[context]).float()
                chosen = torch.distributions.Categorical(logits=policy(inputs)).log_prob(action)
                loss = -(chosen * (reward - reward.mean())).mean()
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
                rewards.append(accelerator.gather(reward))
                losses.append(loss.detach())
        values = {"correct": torch.cat(rewards), "loss": torch.stack(losses).mean()}
        accelerator.log(values | spent, step=step)
    accelerator.end_training()

    if accelerator.is_main_process:
        run = rlviz.read(logdir)
        print(rlviz.summarise(run).markdown())
        assert run.step.tolist() == list(range(1, STEPS + 1))
        assert run.exact_flops()[-1] == STEPS * ACCUMULATED * ranks * BATCH * 6 * weights
        assert set(run.columns["graded"]) == {ACCUMULATED * ranks * BATCH}
        assert run.accuracy[:3].mean() < 0.35
        assert run.accuracy[-5:].mean() > 0.9


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="accelerate_loop-"))
