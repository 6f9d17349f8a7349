"""Values of measurements, read from a device that this machine doesn't have."""

import torch

from rlviz.record import device
from rlviz.record.measurement import measurement
from rlviz.record.readings import Readings
from rlviz.record.step_sums import StepSums


def test_what_is_on_a_device_comes_in_one_copy_and_what_is_on_the_host_stays(
    on_a_device, device_log
):
    errors = []
    readings = Readings(errors.append)
    loss, answers = on_a_device(torch.tensor(0.5)), on_a_device(torch.tensor([1.0, 0.0, 1.0]))
    brought = [measurement({"metrics": {"loss": loss, "kl": 0.25}, "correct": answers})]
    device.keep(brought[0].deferred())
    readings.fetch(brought)
    made = StepSums()
    made.add(brought[0], readings.read)
    assert made.metrics == {"loss": 0.5, "kl": 0.25}
    assert (made.correct, made.graded, errors) == (2, 3, [])
    assert device_log.count("copied to the host") == 1


def test_a_value_that_turns_out_wrong_is_told_and_costs_no_good_one(on_a_device):
    errors = []
    readings = Readings(errors.append)
    brought = measurement(
        {"flops": on_a_device(torch.tensor(-5.0)), "metrics": {"loss": on_a_device(2.0)}}
    )
    device.keep(brought.deferred())
    readings.fetch([brought])
    made = StepSums()
    made.add(brought, readings.read)
    assert (made.flops, made.metrics) == ({}, {"loss": 2.0})
    assert [type(error) for error in errors] == [ValueError]
    readings.clear()
    assert readings.read(brought.metrics["loss"]) is None
