"""Killed and resumed again and again, a run reads as if it had never been interrupted."""

import time

import numpy as np
import pytest

import rlviz
from rlviz.report.doctor import examine

AT_ONCE = 5

# Takes its state every 40 steps and puts the file in its place up to 39 steps later, as a
# checkpoint that is uploaded in the background.
TRAINING = """
    import os, sys, time
    logdir, checkpoint, steps, pace, lag, flush_seconds = sys.argv[1:]
    viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=float(flush_seconds))
    done = saved = 0
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint, weights_only=True)
        viz.load_state_dict(state["rlviz"])
        done = state["step"]
    print(done, flush=True)
    for step in range(done + 1, done + 1 + int(steps)):
        log_step(viz, step)
        if step % 40 == 0:
            torch.save({"rlviz": viz.state_dict(), "step": step}, checkpoint + ".new")
            saved = step
        if saved and step - saved >= int(lag):
            os.replace(checkpoint + ".new", checkpoint)
            saved = 0
        time.sleep(float(pace))
    assert viz.close(30)
    print("closed", flush=True)
"""


@pytest.mark.parametrize(
    ("chains", "kills"),
    [
        (1, 2),
        pytest.param(1, 5, marks=pytest.mark.slow),
        pytest.param(30, 10, marks=pytest.mark.soak),
    ],
)
def test_a_run_that_was_killed_and_resumed_reads_bit_for_bit_as_one_that_was_not(
    children, tmp_path, assert_rows_of_log_step, rng, ran, noted, chains, kills
):
    """By the recipe of docs/faults.md: the state goes into the checkpoint, and no more is done."""
    logdirs = [tmp_path / f"chain {n}" for n in range(chains)]

    def start(logdir, steps):
        checkpoint = logdir.with_suffix(".pt")
        lag, flush_seconds = rng.randrange(40), rng.choice([0.01, 1.0])
        return children(TRAINING, logdir, checkpoint, steps, 0.0005, lag, flush_seconds)

    done = 0
    last_step = {}
    for first in range(0, chains, AT_ONCE):
        group = logdirs[first : first + AT_ONCE]
        for _ in range(kills):
            began = time.monotonic()
            links = [(rng.choice([0.1, 0.4, 0.8, 1.6]) * rng.random(), d) for d in group]
            running = {logdir: start(logdir, 1_000_000) for _, logdir in links}
            for due, logdir in sorted(links):
                time.sleep(max(0.0, began + due - time.monotonic()))
                running[logdir].kill()
                assert running[logdir].wait() == -9, running[logdir].output
                done += 1
        # The last one ends soon, where steps that an earlier one went on to would show.
        steps = {logdir: rng.randint(1, 100) for logdir in group}
        ending = {logdir: start(logdir, steps[logdir]) for logdir in group}
        for logdir, child in ending.items():
            assert child.wait() == 0, child.output
            resumed_after, *said, closed = child.output.splitlines()
            assert not said or int(resumed_after) == 0, (
                child.output
            )  # no state was saved: it says so
            assert closed == "closed"
            last_step[logdir] = int(resumed_after) + steps[logdir]
    assert done == chains * kills

    runs = {logdir: rlviz.read(logdir) for logdir in logdirs}
    longest = max(last_step.values())
    child = children(TRAINING, tmp_path / "whole", tmp_path / "whole.pt", longest, 0, 0, 1)
    assert child.wait(120) == 0, child.output
    whole = rlviz.read(tmp_path / "whole")
    assert list(whole.step) == list(range(1, longest + 1))

    for logdir, run in runs.items():
        assert run.missing == ()
        assert list(run.step) == list(range(1, last_step[logdir] + 1))
        assert (np.diff(run.session) >= 0).all()
        assert_rows_of_log_step(run)
        expected = whole.step <= last_step[logdir]
        assert set(run.columns) == set(whole.columns)
        for name in set(whole.columns) - {"wall_time", "session"}:
            np.testing.assert_array_equal(
                run.columns[name], whole.columns[name][expected], err_msg=name, strict=True
            )
    replaced = sum(run.superseded for run in runs.values())
    ran(chains=chains, kills=done)
    noted(
        f"{chains} chains of {kills} kills: {sum(map(len, runs.values())):,} steps, 0 missing, "
        f"{replaced:,} repeated"
    )


# Keeps its weights, and so its step, but no state of rlviz.
WITHOUT_A_STATE = """
    import os, sys, time
    logdir, checkpoint, steps = sys.argv[1:]
    viz = rlviz.Callback(logdir, figure_seconds=None)
    done = int(open(checkpoint).read()) if os.path.exists(checkpoint) else 0
    for step in range(done + 1, done + 1 + int(steps)):
        log_step(viz, step)
        if step % 40 == 0:
            open(checkpoint + ".new", "w").write(str(step))
            os.replace(checkpoint + ".new", checkpoint)
        time.sleep(0.001)
    assert viz.close(30)
"""


def saved(checkpoint):
    return int(checkpoint.read_text()) if checkpoint.exists() else 0


@pytest.mark.parametrize(
    "kills",
    [2, pytest.param(4, marks=pytest.mark.slow), pytest.param(60, marks=pytest.mark.soak)],
)
def test_what_kills_cost_a_run_that_keeps_no_state_is_named_step_by_step(
    children, tmp_path, rng, ran, noted, kills
):
    logdir, checkpoint = tmp_path / "run", tmp_path / "step"
    for _ in range(kills):
        before = saved(checkpoint)
        child = children(WITHOUT_A_STATE, logdir, checkpoint, 1_000_000)
        child.wait_for(lambda before=before: saved(checkpoint) > before)
        time.sleep(rng.choice([0.1, 1.6]) * rng.random())
        child.kill()
        assert child.wait() == -9, child.output
    child = children(WITHOUT_A_STATE, logdir, checkpoint, 50)
    assert child.wait() == 0, child.output
    run = rlviz.read(logdir)
    gone = {step for first, last in run.missing for step in range(first, last + 1)}
    assert gone.isdisjoint(run.step.tolist())
    # What came before the first row of all may have been trained elsewhere.
    assert gone.union(run.step.tolist()) == set(range(run.step[0], run.step[-1] + 1))
    assert ("missing" in {found.kind for found in examine(logdir).findings}) == bool(gone)
    ran(kills=kills)
    noted(f"{kills} kills without a state: {len(run)} steps have rows, {len(gone)} are named")
