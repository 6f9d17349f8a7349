"""Rollout actors of a real Ray, and an asynchronous trainer that closes steps before they are done.

That every episode counts in its own step where the trainer waits for them, and that an actor that
dies costs only itself, is what examples/ray_rollouts.py checks.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("ray", reason="needs: pip install ray")

ACTORS, STEPS, FLOPS = 3, 4, 10**20 + 1

# In a process of its own: in one process a later cluster's actors get the ids of these.
LATE = f"""
import sys
import ray
import rlviz

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)

@ray.remote(num_cpus=0)
class Rollout:
    def __init__(self, sender):
        self.sender = sender

    def play(self, step):
        self.sender.record(step=step, correct=[1, 0], flops={{"rollout": {FLOPS}}})
        return self.sender.flush(60)

viz = rlviz.Callback(sys.argv[1], figure_seconds=None, flush_seconds=0.05)
actors = [Rollout.remote(viz.sender()) for _ in range({ACTORS})]
assert ray.get([actor.play.remote(1) for actor in actors]) == [True] * {ACTORS}
for step in range(1, {STEPS} + 1):
    viz.on_step_end(step, flops={{"update": 1}})
    assert viz.flush(60)
    ray.get([actor.play.remote(step) for actor in actors])  # one step too late
assert viz.close(60)
print(viz.health.errors, viz.health.written, viz.health.late)
"""


def test_what_actors_record_after_their_step_was_written_is_late_and_never_lost(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LATE, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path(rlviz.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The last row is written twice.
    assert done.stdout.split()[-3:] == ["0", str(STEPS + 1), str(ACTORS * STEPS)]
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, STEPS + 1))
    assert run.columns["graded"].sum() == 2 * ACTORS * (STEPS + 1)
    assert run.exact_flops()[-1] == ACTORS * (STEPS + 1) * FLOPS + STEPS
