"""The queue of what a step brings: plain or measured, bounded, and closed step by step."""

from collections import deque

import pytest
import torch

from rlviz.accuracy import Accuracy
from rlviz.record import device
from rlviz.record.measurement import Measurement
from rlviz.record.recorder import SPOILED, Recorder, ends_a_step


def arrived(*kept):
    """What kept values are once they were fetched."""
    return [value.read(host) for value, host in zip(kept, device.fetch(kept), strict=True)]


def test_a_call_keeps_all_that_it_brings_with_one_launch_on_the_device(on_a_device, device_log):
    tensors = {
        "flag": on_a_device([True, False, True]),
        "loss": on_a_device(torch.tensor(0.1, dtype=torch.float64)),
        "kl": on_a_device(torch.tensor(0.25, dtype=torch.bfloat16)),
        "entropy": on_a_device(0.5),
        "lr": on_a_device(torch.tensor(3, dtype=torch.int16)),
    }
    queue = deque()
    recorder = Recorder(queue, on_error=pytest.fail)
    metrics = {name: tensor for name, tensor in tensors.items() if name != "flag"}
    recorder.record(None, None, None, None, metrics, {"correct": tensors["flag"]})
    launches = set(device_log) - {"detach", "view", "_unsafe_view", "slice", "_reshape_alias"}
    assert launches == {"cat"}
    assert device_log.count("cat") == 1
    for tensor in tensors.values():
        tensor.zero_()
    (item,) = queue
    assert arrived(item.accuracy) == [Accuracy(2, 3)]
    assert arrived(*item.metrics.values()) == [0.1, 0.25, 0.5, 3.0]


def recorder(queue, **options):
    return Recorder(queue, **{"on_error": pytest.fail, "clock": lambda: 5.0, **options})


def test_host_scalars_are_queued_as_they_came_and_anything_else_as_a_measurement():
    queue = deque()
    record = recorder(queue).record
    record(0.5, 8, 10**18, 2.0, None)
    record(None, None, None, None, None, {"correct": [1, 0]})
    record(0.5, None, None, None, {"loss": 2.0})  # of a name that is checked first
    record(0.5, None, None, None, {"loss": 3.0})
    assert queue == deque(
        [
            (0.5, 8, 10**18, 2.0, None),
            Measurement(accuracy=Accuracy(1, 2)),
            Measurement(accuracy=Accuracy(0.5, 1), metrics={"loss": 2.0}),
            (0.5, 1.0, None, None, {"loss": 3.0}),
        ]
    )


def test_a_step_end_has_its_number_its_time_and_the_last_metrics():
    queue = deque()
    steps = recorder(queue)
    steps.end_step(None, None)
    steps.end_step(7, None, wall_time=2.5)
    steps.end_step(None, {"loss": 1.0})  # its name is checked first, as a measurement
    steps.end_step(None, {"loss": 2.0})
    assert [item for item in queue if ends_a_step(item)] == [
        (1, 5.0, None),
        (7, 2.5, None),
        (8, 5.0, None),
        (9, 5.0, {"loss": 2.0}),
    ]
    assert (steps.logged, steps.last_step) == (4, 9)


def test_where_the_queue_is_full_a_step_is_void_as_a_whole_counted_and_said():
    queue, said = deque(), []
    steps = recorder(queue, queue_limit=2, on_error=said.append)
    for step in (1, 2):
        steps.record(0.5, 1, None, None, None)
        steps.end_step(step, None)
    assert (steps.logged, steps.dropped) == (2, 1)
    assert queue[-1] is SPOILED
    assert not ends_a_step(SPOILED)
    assert "a step was dropped (1 so far), for 2 records wait" in str(said[0])
    steps.close()
    steps.end_step(3, None)
    assert (steps.logged, steps.dropped, len(said)) == (3, 2, 1)  # a closed run is said elsewhere


def test_large_items_lower_the_limit_to_what_its_bytes_allow():
    queue = deque()
    steps = recorder(queue, queue_bytes=20_000, on_error=lambda error: None)
    for step in range(100):
        steps.record(None, None, None, None, {f"metric{i}": float(i) for i in range(100)})
        steps.end_step(step, None)
    assert len(queue) <= 1 + 20_000 // (500 + 80 * 100)
    assert steps.dropped >= 98


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda steps: steps.end_step(-1, None), ValueError, r"in \[0, 2\*\*53\), got -1"),
        (lambda steps: steps.end_step(2**53, None), ValueError, "got 9007199254740992"),
        (lambda steps: steps.end_step(True, None), TypeError, "whole number such as .* got True"),
        (lambda steps: steps.end_step("3", None), TypeError, r"got '3' \(str\)"),
        (
            lambda steps: steps.end_step(1, None, 0.0),
            ValueError,
            "seconds since 1970, > 0, got 0.0",
        ),
        (lambda steps: steps.end_step(1, None, "now"), TypeError, "wall_time must be one number"),
    ],
)
def test_a_wrong_step_or_time_closes_nothing(call, error, words):
    queue = deque()
    steps = recorder(queue)
    with pytest.raises(error, match=words):
        call(steps)
    assert (steps.logged, len(queue)) == (0, 0)
