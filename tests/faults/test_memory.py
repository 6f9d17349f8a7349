"""A long run takes no more memory and no more descriptors than a short one."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import rlviz

# As fast as it goes, and no faster than the writer: the queue has a limit, and dropping is for a
# disk that does not answer. Measured thirty times, each time with nothing queued.
TRAINING = """
import gc, json, os, sys, threading, time
import rlviz

def measured():
    assert viz.flush(60)
    gc.collect()
    with open("/proc/self/statm") as stream:
        resident = int(stream.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return resident, len(os.listdir("/proc/self/fd")), threading.active_count()

logdir, steps = sys.argv[1], int(sys.argv[2])
viz = rlviz.Callback(logdir, figure_seconds=None, flush_seconds=0.05)
answers = [1, 0]
found = []
began = time.monotonic()
for step in range(1, steps + 1):
    viz.record(correct=answers)
    viz.on_step_end(step)
    if step % 64 == 0:
        while viz.health.queued > 5_000:
            time.sleep(0.002)
    if step % (steps // 30) == 0:
        found.append(measured())
seconds = time.monotonic() - began
assert viz.close(60)
health = viz.health
print(json.dumps([found, health.logged, health.written, health.dropped, health.errors, seconds]))
"""

READING = """
import json, resource, sys, time
import numpy as np
import rlviz

steps = int(sys.argv[2])
began = time.monotonic()
run = rlviz.read(sys.argv[1])
seconds = time.monotonic() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
assert len(run) == steps
assert run.columns["step"][0] == 1 and run.columns["step"][-1] == steps
assert (np.diff(run.columns["step"]) == 1).all()
assert (run.columns["correct"] == 1).all() and (run.columns["graded"] == 2).all()
assert run.damage == ()
print(json.dumps([seconds, peak]))
"""


def run(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(Path(rlviz.__file__).resolve().parent.parent),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(200_000, marks=pytest.mark.slow),
        pytest.param(10**7, marks=pytest.mark.soak),
    ],
)
def test_memory_and_descriptors_do_not_grow_with_the_steps_and_none_is_dropped(
    tmp_path, ran, noted, steps
):
    logdir = tmp_path / "run"
    try:
        found, logged, written, dropped, errors, seconds = run(TRAINING, logdir, steps)
        size = sum(file.stat().st_size for file in logdir.iterdir())
        opened, peak = run(READING, logdir, steps)
    finally:
        shutil.rmtree(logdir, ignore_errors=True)
    assert (logged, written, dropped, errors) == (steps, steps, 0, 0)
    memory, descriptors, threads = zip(*found, strict=True)
    assert len(set(descriptors)) == 1
    assert len(set(threads)) == 1
    # The first tenth is the warm-up. Medians, for what the allocator keeps goes up and down.
    growth = statistics.median(memory[-3:]) - statistics.median(memory[3:6])
    assert growth <= 5 * 2**20, [f"{resident / 2**20:.1f}" for resident in memory]
    ran(steps_of_long_runs=steps)
    noted(
        f"{steps:,} steps in {seconds:.0f} s: memory grew by {growth / 2**20:.1f} MiB after the "
        f"first tenth, {size / 2**20:,.0f} MiB on disk, opened in {opened:.1f} s (target 10) with "
        f"a peak of {peak / 2**20:.0f} MiB (target 500, for 10,000,000 steps)"
    )
