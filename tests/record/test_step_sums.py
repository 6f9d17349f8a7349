"""Sums of a step that merge: over micro-batches, plain or measured, and over ranks."""

from rlviz.accuracy import Accuracy
from rlviz.parallelism import ParallelismSums
from rlviz.record.measurement import Measurement, measurement
from rlviz.record.step_sums import StepSums


def sums(step, graded=1, **metrics):
    made = StepSums()
    made.step, made.graded, made.metrics = step, graded, metrics
    return made


def test_merging_two_ranks_adds_all_but_the_seconds_of_which_the_longest_stands():
    first, second = sums(1, graded=2, loss=1.0), sums(1, graded=3, loss=3.0, kl=2.0)
    first.seconds, second.seconds = {"update": 1.0}, {"update": 4.0, "rollout": 2.0}
    second.counts = {"loss": 2}
    first.merge(second)
    assert (first.graded, first.metrics, first.counts) == (5, {"loss": 4.0, "kl": 2.0}, {"loss": 3})
    assert first.seconds == {"update": 4.0, "rollout": 2.0}


def test_plain_values_add_up_as_measured_ones_do():
    plain, measured = StepSums(), StepSums()
    for loss in (1.0, 4.0):
        plain.add_plain((0.25, 8, 3, 2.0, {"loss": loss}))
        recorded = {"accuracy": 0.25, "graded": 8, "flops": 3, "parallelism": 2.0}
        measured.add(measurement({**recorded, "metrics": {"loss": loss}}), lambda value: value)
    assert plain.to_list() == measured.to_list()
    assert (plain.correct, plain.graded, plain.flops) == (4.0, 16, {"total": 6})
    assert (plain.metrics, plain.counts) == ({"loss": 5.0}, {"loss": 2})


def test_what_could_not_be_read_of_a_measurement_costs_only_itself():
    step = StepSums()
    brought = measurement({"correct": [1, 0], "group": "math", "flops": {"update": 5}})
    step.add(brought, lambda value: None if isinstance(value, Accuracy) else value)
    assert (step.graded, step.groups, step.flops) == (0, {}, {"update": 5})


def test_episodes_that_are_numbers_alone_say_nothing_of_agents():
    step = StepSums()
    step.add(Measurement(parallelism=ParallelismSums(6.0, 2, 1)), lambda value: value)
    assert (step.parallelism_sum, step.parallelism_count, step.agents) == (6.0, 2, None)
    assert step.parallelism_undefined == 1
    for _ in range(2):
        step.add(
            Measurement(parallelism=ParallelismSums(2.0, 1, work=4, span=2, peak=3)), lambda v: v
        )
    assert (step.agents.work, step.agents.span, step.agents.peak) == (8, 4, 3)
