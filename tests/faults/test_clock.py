"""The clock jumps and steps go back: every step stands once, as it was logged last."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import rlviz

DAY = 86_400

# `time.time` is replaced before rlviz is imported, as a clock that an administrator sets.
JUMPING = """
import json, os, sys, time
real = time.time
ahead = 0.0
time.time = lambda: real() + ahead
import rlviz

logdir, jumps = sys.argv[1], json.loads(sys.argv[2])
viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.02)
before, after = [], []
for n, (step, ahead) in enumerate(jumps, start=1):
    before.append(time.time())
    viz.on_step_end(step, correct=[1, 0], flops={"update": 10**20}, metrics={"loss": n})
    after.append(time.time())
    if n % 10 == 0:
        assert viz.flush(100)  # a wait by the clock that jumps would last a day
assert viz.close(100)
assert viz.health.written == len(jumps) and viz.health.errors == 0, viz.health
print(json.dumps([before, after]))
"""


def scalars(logdir, tag="rlviz/accuracy"):
    """The steps that TensorBoard's own tab has of a series."""
    accumulator = EventAccumulator(str(logdir), size_guidance={"scalars": 0})
    accumulator.Reload()
    return [event.step for event in accumulator.Scalars(tag)]


@pytest.mark.quick(2)
@pytest.mark.parametrize("jump", [DAY, -DAY, 3e9, -1.7e9], ids=str)
def test_a_clock_that_jumps_costs_no_step_and_delays_nothing(run_python, tmp_path, jump):
    """By a day, to the year 2121, and to the first days of 1970."""
    jumps = list(enumerate([0.0] * 50 + [jump] * 50 + [0.0] * 50, start=1))
    done = run_python("-c", JUMPING, str(tmp_path), json.dumps(jumps))
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, 151))
    assert run.exact_flops() == [10**20 * step for step in range(1, 151)]
    assert (before <= run.wall_time).all()
    assert (run.wall_time <= after).all()
    assert run.damage == ()
    assert scalars(tmp_path) == list(range(1, 151))


@pytest.mark.slow
def test_of_steps_that_repeat_under_a_jumping_clock_the_last_one_logged_stands(
    run_python, tmp_path, rng
):
    clocks = [rng.choice([0, DAY, -DAY, 1e9, -1e9, rng.uniform(-10, 10)]) for _ in range(400)]
    jumps = [(rng.randint(1, 100), ahead) for ahead in clocks]
    done = run_python("-c", JUMPING, str(tmp_path), json.dumps(jumps))
    assert done.returncode == 0, done.stderr
    stands = {step: n for n, (step, _) in enumerate(jumps, start=1)}
    run = rlviz.read(tmp_path)
    assert list(run.step) == sorted(stands)
    assert list(run.columns["metrics/loss"]) == [stands[step] for step in sorted(stands)]
    assert run.exact_flops() == [stands[step] * 10**20 for step in sorted(stands)]
    assert scalars(tmp_path)


RESUMING = """
import json, os, sys, time
real = time.time
ahead = float(sys.argv[2])
time.time = lambda: real() + ahead
import rlviz

logdir, first, last = sys.argv[1], int(sys.argv[3]), int(sys.argv[4])
viz = rlviz.Callback(logdir, figure_seconds=None)
if os.path.exists(logdir + ".state"):
    viz.load_state_dict(json.load(open(logdir + ".state")))
for step in range(first, last + 1):
    viz.on_step_end(step, correct=[1, 0], flops={"update": 10**20})
    if step % 10 == 0:
        json.dump(viz.state_dict(), open(logdir + ".state", "w"))
assert viz.close(20)
"""


@pytest.fixture(params=[[0, -DAY, 0], [0, DAY, 0], [0, 0, -DAY]], ids=str)
def resumed(request, run_python, tmp_path):
    """A run of three sessions on machines whose clocks are a day apart."""
    spans = [(1, 25), (21, 45), (41, 60)]
    for clock, (first, last) in zip(request.param, spans, strict=True):
        done = run_python("-c", RESUMING, str(tmp_path / "run"), str(clock), str(first), str(last))
        assert done.returncode == 0, done.stderr
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_resumed_on_a_machine_with_another_clock_has_every_step_once(resumed):
    run = rlviz.read(resumed)
    assert list(run.step) == list(range(1, 61))
    assert list(run.session) == [0] * 20 + [1] * 20 + [2] * 20
    assert run.exact_flops() == [10**20 * step for step in range(1, 61)]


@pytest.mark.slow
def test_tensorboard_shows_every_step_of_a_run_resumed_under_another_clock(resumed):
    """It reads the files in the order of their names, and lets a session void what came before."""
    assert scalars(resumed) == list(range(1, 61))


SYNCING = """
import os, sys, time
real = time.time
ahead = 0.0
time.time = lambda: real() + ahead
synced = []
for name in ("fsync", "fdatasync"):
    def sync(fd, really=getattr(os, name)):
        synced.append(time.monotonic())
        return really(fd)
    setattr(os, name, sync)
import rlviz

viz = rlviz.Callback(sys.argv[1], figure_seconds=None)
began = time.monotonic()
for step in range(1, 151):
    if step == 5:
        ahead = float(sys.argv[2])
    viz.on_step_end(step, correct=[1, 0])
    time.sleep(0.1)
ended = time.monotonic()
print(max(b - a for a, b in zip([began, *synced], [*synced, ended])))
viz.close(20)
"""


@pytest.mark.soak
def test_what_is_written_is_on_the_disk_after_five_seconds_whatever_the_clock_says(
    run_python, tmp_path
):
    def longest(jump):
        return run_python("-c", SYNCING, str(tmp_path / str(jump)), str(jump))

    with ThreadPoolExecutor() as pool:
        found = dict(zip((0, DAY, -DAY), pool.map(longest, (0, DAY, -DAY)), strict=True))
    for jump, done in found.items():
        assert done.returncode == 0, done.stderr
        # A step waits a second until it is written; the rest is slack.
        assert float(done.stdout) <= 5 + 1 + 0.5, f"the clock jumped by {jump} seconds"


@pytest.mark.parametrize("runs", [15, pytest.param(1000, marks=pytest.mark.soak)])
def test_of_steps_that_repeat_and_go_back_the_last_one_logged_stands(tmp_path, rng, ran, runs):
    for number in range(runs):
        logdir = tmp_path / str(number)
        stands, spent = {}, 0
        step = rng.choice([0, 1, 100])
        with rlviz.Callback(logdir, figure_seconds=None) as viz:
            for n in range(rng.randint(1, 120)):
                viz.on_step_end(step, metrics={"loss": n}, flops={"update": 10**18 + n})
                spent += 10**18 + n
                stands[step] = n, spent
                if rng.random() < 0.05:
                    assert viz.flush(20)
                step = max(0, step + rng.choice([1, 1, 1, 1, 1, 1, 0, 0, -1, -5, -50, 30]))
        run = rlviz.read(logdir)
        assert list(run.step) == sorted(stands)
        assert all(a < b for a, b in itertools.pairwise(run.step))
        losses, flops = zip(*(stands[step] for step in sorted(stands)), strict=True)
        np.testing.assert_array_equal(run.columns["metrics/loss"], losses)
        assert run.exact_flops() == list(flops)
        assert run.damage == ()
        assert scalars(logdir, "rlviz/loss")
    ran(runs_that_go_back=runs)
