"""DistributedDataParallel on two processes: rank 0 writes what both of them recorded.

Run it: python ddp_two_ranks.py [RUN]; it starts the two processes itself, as torchrun does.
"""

import subprocess
import sys
import tempfile

import torch
import torch.distributed as dist

import rlviz

STEPS, BATCH, CONTEXTS, ACTIONS = 100, 128, 16, 8
WEIGHTS = CONTEXTS * ACTIONS


def train(logdir: str) -> None:
    dist.init_process_group("gloo")
    torch.set_num_threads(1)
    right_action = torch.randperm(CONTEXTS, generator=torch.Generator().manual_seed(0)) % ACTIONS
    torch.manual_seed(dist.get_rank())  # each rank sees other contexts
    policy = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(CONTEXTS, ACTIONS))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    viz = rlviz.Callback(logdir, process_group=dist.group.WORLD)  # on each rank
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
        viz.record(correct=reward, parallelism=[1.0 + dist.get_rank()])
        viz.on_step_end(step, flops={"update": 4 * WEIGHTS * BATCH}, metrics={"loss": loss})
    viz.close(timeout=60)  # waits for what the other rank did
    dist.destroy_process_group()


def main(logdir: str) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*launcher, __file__, "--rank", logdir], check=True)

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    assert run.step.tolist() == list(range(1, STEPS + 1))
    assert set(run.columns["graded"]) == {2 * BATCH}
    assert set(run.parallelism) == {1.5}, "the mean of both ranks' episodes"
    assert run.exact_flops()[-1] == 2 * STEPS * 4 * WEIGHTS * BATCH
    assert run.accuracy[:3].mean() < 0.35
    assert run.accuracy[-5:].mean() > 0.9


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rank"]:
        train(sys.argv[2])
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="ddp_two_ranks-"))
