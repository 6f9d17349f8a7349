"""A sender under a name in a real Ray: found by tasks and actors that nobody handed it to."""

import os

import numpy as np
import pytest

import rlviz
from rlviz.integrations.support.ray_sender import publish

if not os.environ.get("RLVIZ_REQUIRE_ALL"):
    pytest.importorskip("ray", reason="needs: pip install ray")

SCRIPT = """
import asyncio
import sys

import ray

import rlviz
from rlviz.integrations.support.ray_sender import publish, sender

ray.init(num_cpus=2, include_dashboard=False)


@ray.remote(num_cpus=0)
class Rollout:  # asynchronous, as those of frameworks are
    async def play(self, answers):
        self.known = sender()
        self.known.record(correct=answers)
        return await asyncio.to_thread(self.known.flush, 60)

    async def play_in_the_next_run(self, answers):
        while sender() == self.known:  # it may not have noticed that its trainer is gone
            await asyncio.sleep(0.01)
        return await self.play(answers)


@ray.remote(num_cpus=0)
class Trainer:
    def begin(self, logdir):
        self.viz = rlviz.Callback(logdir, figure_seconds=None)
        self.held = publish(self.viz)

    def end(self):
        self.viz.on_step_end(1)
        self.viz.close(60)


@ray.remote(num_cpus=0)
def complaint():
    try:
        sender()
    except RuntimeError as error:
        return str(error)


print(ray.get(complaint.remote()))
rollout = Rollout.remote()
play = rollout.play
for name in ("first", "second"):  # the second takes the place of the first
    with rlviz.Callback(f"{sys.argv[1]}/{name}", figure_seconds=None) as viz:
        held = publish(viz)
        assert ray.get(play.remote([1, 0]))
        assert ray.get(rollout.play.remote([1]))
        viz.on_step_end(1)
    play = rollout.play_in_the_next_run
ray.kill(held)  # it is of this process, which lives on
for name in ("killed", "third"):  # a trainer that dies and is started again under its name
    trainer = Trainer.options(name="trainer", get_if_exists=True).remote()
    ray.get(trainer.begin.remote(f"{sys.argv[1]}/{name}"))
    assert ray.get(rollout.play_in_the_next_run.remote([1, 0]))
    assert ray.get(rollout.play.remote([1]))
    if name == "killed":
        ray.kill(trainer)
ray.get(trainer.end.remote())
"""


def test_rollouts_find_the_run_that_offers_one_and_the_one_that_takes_its_place(tmp_path, launched):
    done = launched("-c", SCRIPT, str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no run offers a sender in this Ray job. Give its logger senders=True" in done.stdout
    assert "Using blocking ray.get" not in done.stdout + done.stderr
    for name in ("first", "second", "third"):
        run = rlviz.read(tmp_path / name)
        np.testing.assert_array_equal(run.columns["graded"], [3])
        np.testing.assert_allclose(run.accuracy, [2 / 3])


def test_outside_of_ray_there_is_nobody_to_offer_it_to(tmp_path):
    with (
        rlviz.Callback(tmp_path, figure_seconds=None) as viz,
        pytest.raises(RuntimeError, match="offers a sender to the rollouts of a Ray job"),
    ):
        publish(viz)
