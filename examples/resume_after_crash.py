"""A training that is killed, and goes on from its checkpoint: one curve, and no step twice.

Run it: python resume_after_crash.py [RUN]; it starts the trainings as processes of their own.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import rlviz

STEPS, SAVED_EVERY, DIES_IN, BATCH, CONTEXTS, ACTIONS = 120, 25, 65, 128, 16, 8
WEIGHTS = CONTEXTS * ACTIONS


def train(logdir: str, checkpoint: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    right_action = torch.randint(ACTIONS, (CONTEXTS,))
    policy = torch.nn.Linear(CONTEXTS, ACTIONS)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)
    first, resumes = 1, checkpoint.exists()
    with rlviz.Callback(logdir) as viz:
        if resumes:
            saved = torch.load(checkpoint)
            policy.load_state_dict(saved["policy"])
            optimizer.load_state_dict(saved["optimizer"])
            viz.load_state_dict(saved["rlviz"])  # before the first step
            first = saved["step"] + 1
            torch.manual_seed(first)
        for step in range(first, STEPS + 1):
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
            viz.record(correct=reward, flops={"update": 4 * WEIGHTS * BATCH})
            viz.on_step_end(step, metrics={"loss": loss})
            if step % SAVED_EVERY == 0:
                saved = {"policy": policy.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save({**saved, "step": step, "rlviz": viz.state_dict()}, checkpoint)
            if step == DIES_IN and not resumes:
                viz.flush()  # so that all steps up to here are on disk; usually a second's are not
                os.kill(os.getpid(), signal.SIGKILL)


def main(logdir: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--train", logdir, str(Path(folder) / "checkpoint.pt")]
        assert subprocess.run(command).returncode == -signal.SIGKILL
        killed = rlviz.read(logdir)
        subprocess.run(command, check=True)

    run = rlviz.read(logdir)
    print(rlviz.summarise(run).markdown())
    last_saved = DIES_IN // SAVED_EVERY * SAVED_EVERY
    assert killed.step.tolist() == list(range(1, DIES_IN + 1))
    assert run.step.tolist() == list(range(1, STEPS + 1)), "each step stands once"
    assert run.session.tolist() == [0] * last_saved + [1] * (STEPS - last_saved)
    each = 4 * WEIGHTS * BATCH
    assert run.exact_flops() == [each * step for step in range(1, STEPS + 1)], "and goes on"
    # What the crash lost was spent too: the steps after the checkpoint.
    assert run.spent[-1] == each * (STEPS + DIES_IN - last_saved)
    assert run.accuracy[-5:].mean() > 0.9


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(sys.argv[2], Path(sys.argv[3]))
    else:
        main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="resume_after_crash-"))
