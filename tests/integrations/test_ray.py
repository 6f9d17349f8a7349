"""Rollout actors of a real Ray, and an asynchronous trainer that closes steps before they are done.

That every episode counts in its own step where the trainer waits for them, and that an actor that
dies costs only itself, is what examples/ray_rollouts.py checks.
"""

import os
from pathlib import Path

import pytest

import rlviz

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("ray", reason="needs: pip install ray")

import ray

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ACTORS, STEPS, FLOPS = 3, 4, 10**20 + 1


@pytest.fixture
def cluster():
    here = {"env_vars": {"PYTHONPATH": str(Path(rlviz.__file__).parents[1])}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=here)
    yield
    ray.shutdown()


def test_what_actors_record_after_their_step_was_written_is_late_and_never_lost(cluster, tmp_path):
    @ray.remote(num_cpus=0)
    class Rollout:
        def __init__(self, sender):
            self.sender = sender

        def play(self, step):
            self.sender.record(step=step, correct=[1, 0], flops={"rollout": FLOPS})
            return self.sender.flush(60)

    viz = rlviz.Callback(tmp_path, figure_seconds=None, flush_seconds=0.05)
    actors = [Rollout.remote(viz.sender()) for _ in range(ACTORS)]
    assert ray.get([actor.play.remote(1) for actor in actors]) == [True] * ACTORS
    for step in range(1, STEPS + 1):
        viz.on_step_end(step, flops={"update": 1})
        assert viz.flush(60)
        ray.get([actor.play.remote(step) for actor in actors])  # one step too late
    assert viz.close(60)
    assert (viz.health.errors, viz.health.written) == (0, STEPS + 1)  # the last row twice
    assert viz.health.late == ACTORS * STEPS
    run = rlviz.read(tmp_path)
    assert list(run.step) == list(range(1, STEPS + 1))
    assert run.columns["graded"].sum() == 2 * ACTORS * (STEPS + 1)
    assert run.exact_flops()[-1] == ACTORS * (STEPS + 1) * FLOPS + STEPS
