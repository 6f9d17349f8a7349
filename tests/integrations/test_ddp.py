"""Plain DistributedDataParallel on two real ranks, by torchrun; and the same within Ray Train."""

import os
from ast import literal_eval

import numpy as np
import pytest

import rlviz

CONTEXTS, HIDDEN, ACTIONS, BATCH = 4, 8, 4, 16
ROW = 2 * (CONTEXTS * HIDDEN + HIDDEN * ACTIONS)  # one row through the policy
FIRST = 2 * CONTEXTS * HIDDEN  # the gradient of the input, which nobody needs
UPDATE = BATCH * (3 * ROW - FIRST)  # forward and backward pass of a batch
ROLLOUT = BATCH * ROW

TRAIN = """
import sys
from pathlib import Path

import torch
from torch import distributed as dist, nn

import rlviz

CONTEXTS, HIDDEN, ACTIONS, BATCH = 4, 8, 4, 16


def train(path, first, last):
    rank = dist.get_rank()
    torch.manual_seed(100 * first + rank)
    policy = nn.Sequential(nn.Linear(CONTEXTS, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, ACTIONS))
    ddp = nn.parallel.DistributedDataParallel(policy)
    optimizer = torch.optim.Adam(ddp.parameters(), 0.05)
    answers = []
    with rlviz.Callback(
        path / "run", process_group=dist.group.WORLD, figure_seconds=None
    ) as viz:
        viz.watch(ddp)
        if first > 1:
            saved = torch.load(path / "saved.pt", weights_only=True)
            ddp.load_state_dict(saved["policy"])
            viz.load_state_dict(saved["rlviz"])
        for step in range(first, last + 1):
            contexts = torch.eye(CONTEXTS).repeat(BATCH // CONTEXTS, 1)
            actions = torch.distributions.Categorical(logits=ddp(contexts))
            action = actions.sample()
            correct = (action == contexts.argmax(-1)).float()
            loss = -(actions.log_prob(action) * (correct - 0.25)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            answers.append(int(correct.sum()))
            viz.record(correct=correct, parallelism=[1.0 + rank], flops={{"rollout": {rollout}}})
            viz.on_step_end(step, metrics={{"loss": loss}})
        state = viz.state_dict()
        if rank == 0:
            torch.save({{"policy": ddp.state_dict(), "rlviz": state}}, path / "saved.pt")
    (path / f"rank{{rank}}-{{first}}").write_text(repr(answers))
"""
BY_TORCHRUN = """
if __name__ == "__main__":
    dist.init_process_group("gloo")
    train(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    dist.destroy_process_group()
"""
BY_RAY = """
def worker(config):
    train(Path(config["path"]), config["first"], config["last"])


if __name__ == "__main__":
    import ray
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    TorchTrainer(
        worker,
        train_loop_config={
            "path": sys.argv[1], "first": int(sys.argv[2]), "last": int(sys.argv[3])
        },
        torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=2, use_gpu=False),
        run_config=RunConfig(storage_path=sys.argv[1] + "/ray"),
    ).fit()
    ray.shutdown()
"""


def correct_answers(path, first):
    """Of each rank, by step."""
    return [literal_eval((path / f"rank{rank}-{first}").read_text()) for rank in (0, 1)]


def check(path, firsts, steps):
    history = rlviz.read(path / "run")
    assert list(history.step) == list(range(1, steps + 1))
    assert list(history.columns["graded"]) == [2 * BATCH] * steps
    correct = [np.array(correct_answers(path, first)).sum(0) for first in firsts]
    assert list(history.columns["correct"]) == np.concatenate(correct).tolist()
    assert list(history.parallelism) == [1.5] * steps
    each = 2 * (ROLLOUT + UPDATE)
    assert history.exact_flops() == [n * each for n in range(1, steps + 1)]
    assert history.columns["flops/update"][-1] == steps * 2 * UPDATE
    return history


def script(path, end):
    file = path / "train.py"
    file.write_text(TRAIN.format(rollout=ROLLOUT) + end)
    return str(file)


def test_two_ranks_of_a_ddp_model_are_added_up_and_go_on_from_a_checkpoint(launched, tmp_path):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    train = script(tmp_path, BY_TORCHRUN)
    for first, last in ((1, 4), (5, 7)):
        result = launched(*launcher, train, str(tmp_path), str(first), str(last))
        assert result.returncode == 0, result.stderr[-3000:]
    history = check(tmp_path, (1, 5), 7)
    assert list(history.columns["session"]) == [0, 0, 0, 0, 1, 1, 1]


def test_ray_train_joins_the_workers_and_they_are_added_up_too(launched, tmp_path):
    if not os.environ.get("RLVIZ_REQUIRE_ALL"):
        pytest.importorskip("ray.train", reason="needs: pip install 'ray[train]'")
    result = launched(script(tmp_path, BY_RAY), str(tmp_path), "1", "3", timeout=200)
    assert result.returncode == 0, result.stderr[-3000:]
    check(tmp_path, (1,), 3)
