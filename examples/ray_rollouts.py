"""Rollouts in Ray actors, the trainer in another: all of them record into the trainer's run.

Four rollout actors play episodes of a small swarm of agents and send their batches to a trainer
actor; one of them dies in the middle. What they recorded up to then is in the run, exactly, and the
trainer waits for nobody. Run it: python ray_rollouts.py [RUN]
"""

import os
import random
import sys
import tempfile
from pathlib import Path

import ray

import rlviz
from rlviz.parallelism import critical_steps

ACTORS, STEPS, EPISODES, DIES_AT = 4, 12, 8, 7
FLOPS = 10**18 + 1  # of an episode: float64 could not add these up


@ray.remote(num_cpus=0)
class Trainer:
    def __init__(self, logdir: str) -> None:
        self.viz = rlviz.Callback(logdir, figure_seconds=None)

    def sender(self) -> rlviz.Sender:
        return self.viz.sender()

    def train(self, step: int, episodes: list[str]) -> None:
        self.viz.record(episodes=episodes)  # these were rolled out for this step
        self.viz.on_step_end(step, flops={"update": 3 * FLOPS}, metrics={"loss": 1 / step})

    def end(self) -> int:
        self.viz.close()
        print(self.viz.health)
        return self.viz.health.late


@ray.remote(num_cpus=0)
class Rollout:
    def __init__(self, actor: int, sender: rlviz.Sender) -> None:
        self.actor, self.sender = actor, sender
        self.random = random.Random(actor)

    def play(self, step: int) -> list[str]:
        """Play some episodes and record each; returns their names."""
        names = []
        for number in range(EPISODES):
            name = f"{step}/{self.actor}/{number}"
            sub_agents = [self.random.randint(1, 5) for _ in range(3)]
            self.sender.record(
                episode=name,
                correct=self.random.random() < step / STEPS,
                parallelism=[critical_steps([(2, sub_agents), (1, [])])],
                flops={"rollout": FLOPS},
            )
            names.append(name)
        self.sender.flush()  # so that nothing is lost by an actor that is killed right after
        return names

    def die(self) -> None:
        os._exit(1)


def main(logdir: str) -> None:
    # The actors find rlviz where this script did.
    here = {"env_vars": {"PYTHONPATH": str(Path(rlviz.__file__).parents[1])}}
    ray.init(num_cpus=2, include_dashboard=False, runtime_env=here)
    trainer = Trainer.remote(logdir)
    sender = ray.get(trainer.sender.remote())
    rollouts = [Rollout.remote(actor, sender) for actor in range(ACTORS)]
    played = []
    for step in range(1, STEPS + 1):
        if step == DIES_AT:
            rollouts.pop().die.remote()
        batches = ray.get([rollout.play.remote(step) for rollout in rollouts])
        played.append(sum(map(len, batches)))
        ray.get(trainer.train.remote(step, [name for names in batches for name in names]))
    late = ray.get(trainer.end.remote())
    ray.shutdown()

    run = rlviz.read(logdir)
    print(f"{len(run)} steps, {sum(played)} episodes, {run.exact_flops()[-1]:,} FLOPs")
    assert played == [32] * (DIES_AT - 1) + [24] * (STEPS - DIES_AT + 1)
    assert run.columns["graded"].sum() == run.columns["parallelism_count"].sum() == sum(played)
    assert run.exact_flops()[-1] == FLOPS * (sum(played) + 3 * STEPS)
    assert late == 0
    assert list(run.columns["graded"]) == played, "each episode counts in its step"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="ray_rollouts-"))
